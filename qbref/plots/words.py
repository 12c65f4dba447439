"""Sixty-four products of signs as three rows of bits: two words and their exclusive or."""

import numpy as np

from qbref.plots.style import FAINT, PALETTE, figure, style

SET = PALETTE["blue"], PALETTE["orange"], PALETTE["vermilion"]
WORD_BITS = 64


def word_product(a, b, names=("a", "b"), title="Sixty-four products in one word", width=1000, height=290):
    """The bits of `a`, of `b` and of ``a xor b``, and what is counted: 64 - 2 popcount(a xor b).

    A coloured cell is a set bit, which means -1; in the last row, a product of -1. Bit 0 stands to the left.

    Parameters
    ----------
    a, b : uint64
        One word each, from :func:`qbref.kernels.pack_bits`.
    names : (str, str)
        What they are.
    title : str
    width, height : int
        Pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Its label (``fig.get_label()``) says in words what it shows.

    Raises
    ------
    TypeError
        If a word is not a uint64.

    Examples
    --------
    >>> word_product(np.uint64(0b0111), np.uint64(0b0101), names=("x", "w")).get_label()
    '3 of 64 bits of x and 2 of w are set; 1 differ: the sum of products is 64 - 2 * 1 = 62'
    """
    for name, word in (("a", a), ("b", b)):
        if not isinstance(word, np.uint64):
            raise TypeError(f"{name} must be a uint64, got {type(word).__name__}")
    words = a, b, a ^ b
    n_a, n_b, differ = (int(np.bitwise_count(word)) for word in words)
    total = f"64 - 2 * {differ} = {WORD_BITS - 2 * differ}"
    with style():
        fig = figure(width, height)
        fig.set_label(
            f"{n_a} of 64 bits of {names[0]} and {n_b} of {names[1]} are set; {differ} differ: "
            f"the sum of products is {total}"
        )
        axes = fig.add_subplot(title=title, xlim=(0, WORD_BITS), ylim=(3, 0), aspect="auto")
        for row, word in enumerate(words):
            _draw_bits(axes, row, word)
        axes.set_yticks([0.5, 1.5, 2.5], [*names, "xor"])
        axes.set_xticks(range(0, WORD_BITS + 1, 8))
        axes.set_xlabel(f"{differ} bits differ, so the sum of the 64 products is {total.replace('*', '·')}")
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return fig


def _draw_bits(axes, row, word):
    for i in range(WORD_BITS):
        is_set = int(word) >> i & 1
        corners = [i, i + 1, i + 1, i], [row + 0.12, row + 0.12, row + 0.88, row + 0.88]
        axes.fill(*corners, facecolor=SET[row] if is_set else FAINT, edgecolor="white", linewidth=1.5)
