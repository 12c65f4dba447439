import numpy as np
import pytest
from matplotlib.colors import to_hex

from qbref import plots
from qbref.plots.style import FAINT
from qbref.plots.words import SET


def rows_of(fig):
    """Bits by row, read from the colours of the cells at their places."""
    bits = np.full((3, 64), -1)
    for cell in fig.axes[0].patches:
        left, top = cell.get_xy()[:, 0].min(), cell.get_xy()[:, 1].min()
        row, color = int(top), to_hex(cell.get_facecolor())
        assert color in (FAINT.lower(), SET[row].lower())
        bits[row, round(left)] = color != FAINT.lower()
    return bits


def test_the_rows_show_the_bits_of_both_words_and_where_they_differ():
    a, b = np.random.default_rng(0).integers(0, 2, (2, 64))
    words = [np.uint64(int("".join(map(str, bits[::-1])), 2)) for bits in (a, b)]
    np.testing.assert_array_equal(rows_of(plots.word_product(*words)), [a, b, a != b])


def test_the_sum_written_is_that_of_the_products_of_signs():
    a, b = np.sign(np.random.default_rng(1).standard_normal((2, 64)))
    words = [np.uint64(sum(1 << i for i in range(64) if signs[i] < 0)) for signs in (a, b)]
    fig = plots.word_product(*words)
    for text in (fig.get_label(), fig.axes[0].get_xlabel()):
        assert text.endswith(f"= {int(a @ b)}")


def test_rows_bear_the_names_given():
    fig = plots.word_product(np.uint64(1), np.uint64(2**63), names=("signs", "weights"))
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["signs", "weights", "xor"]
    assert fig.get_label().startswith("1 of 64 bits of signs and 1 of weights are set; 2 differ")


def test_no_text_leaves_the_picture():
    fig = plots.word_product(np.uint64(0), np.uint64(2**64 - 1), names=("activations", "weights"))
    fig.canvas.draw()
    axes = fig.axes[0]
    for text in (axes.xaxis.label, axes.title, *axes.get_yticklabels(), *axes.get_xticklabels()):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1000 and box.y1 <= 290


@pytest.mark.parametrize("word", [3, np.int64(3), np.zeros(2, np.uint64)])
def test_only_words_are_drawn(word):
    with pytest.raises(TypeError, match="b must be a uint64, got"):
        plots.word_product(np.uint64(0), word)
