"""How the optimized ADD and MUL on x86 leave 32 bits: through int16, in blocks of sixteen elements."""

import numpy as np

BLOCK = 16


def wrapped_to_int16(y):
    """ADD: the low 16 bits of y."""
    return y.astype(np.int16)


def saturated_to_int16(y):
    """MUL: y clipped to int16."""
    return np.clip(y, -(2**15), 2**15 - 1).astype(np.int16)


def narrow_in_blocks(y, zero_point, to_int16):
    """y + zero_point, where whole blocks of sixteen elements compute wrap16(to_int16(y) + zero_point).

    Parameters
    ----------
    y : int64 array (…, run)
        The last run mod 16 elements are added exactly.
    zero_point : int
    to_int16 : wrapped_to_int16 or saturated_to_int16

    Returns
    -------
    int64 array

    Examples
    --------
    >>> narrow_in_blocks(np.full(17, 40_000), 1, wrapped_to_int16)[[0, 15, 16]]
    array([-25535, -25535,  40001])
    >>> narrow_in_blocks(np.full(17, 40_000), 1, saturated_to_int16)[[0, 15, 16]]
    array([-32768, -32768,  40001])
    """
    narrow = (to_int16(y).astype(np.int64) + zero_point).astype(np.int16)
    return np.where(in_blocks(y.shape[-1]), narrow, y + zero_point)


def in_blocks(run):
    """Whether each element of a run lies in a whole block.

    Examples
    --------
    >>> int(in_blocks(37).sum())
    32
    """
    return np.arange(run) < run - run % BLOCK


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
