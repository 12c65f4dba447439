"""How the optimized ADD and MUL on x86 go through their inputs: in runs, and within a run in whole blocks.

The last elements of a run, fewer than a block, are computed as the reference kernels do.
"""

from itertools import zip_longest

BLOCK = 16


def in_whole_blocks(run, block=BLOCK):
    """Elements of a run that lie in whole blocks.

    Examples
    --------
    >>> in_whole_blocks(47), in_whole_blocks(47, 8)
    (32, 40)
    """
    return run - run % block


def run_length(a_shape, b_shape):
    """Elements that one call of the optimized inner loop works through, 0 if none is called.

    Axes, from the last, are of three kinds: equal sizes, a repeated, b repeated; those of one kind merge.
    The inner loop takes the first kind. Around it stand equal axes, one input repeated, equal axes, the other
    repeated; another pattern is left to the plain reference loop (process_broadcast_shapes.h).

    Examples
    --------
    >>> run_length((4, 5, 6), (4, 5, 6)), run_length((4, 5, 6), (6,)), run_length((4, 5, 6), ())
    (120, 6, 120)
    >>> run_length((4, 1, 6), (5, 1))  # b, a, b repeated
    0
    """
    depth = max(len(a_shape), len(b_shape))
    a_sizes = (1,) * (depth - len(a_shape)) + a_shape
    b_sizes = (1,) * (depth - len(b_shape)) + b_shape
    kinds, run = [], 1
    for m, n in zip(reversed(a_sizes), reversed(b_sizes), strict=True):
        if m == n == 1:
            continue
        kind = "a" if m == 1 else "b" if n == 1 else "equal"
        if kinds[-1:] != [kind]:
            kinds.append(kind)
        if len(kinds) == 1:
            run *= max(m, n)
    repeated = [kind for kind in kinds if kind != "equal"]
    return run if len(repeated) == len(set(repeated)) else 0


def one_is_repeated(a_shape, b_shape):
    """Whether one input of a run is a single value.

    Examples
    --------
    >>> one_is_repeated((4, 5, 6), (6,)), one_is_repeated((4, 5, 1), (6,)), one_is_repeated((5, 1), (1, 1))
    (False, True, True)
    """
    sizes = zip_longest(reversed(a_shape), reversed(b_shape), fillvalue=1)
    return next((m != n for m, n in sizes if max(m, n) > 1), False)
