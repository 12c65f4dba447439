from functools import cache

import pytest
from matplotlib.transforms import Bbox

from qbref import plots
from qbref.conventions import atlas
from qbref.conventions.differences import agreeing

DRAWN = (
    "dequantize",
    "sign",
    "quantize, out of range",
    "gradient of fake_quantize",
    "dynamic quantization",
    "multiply int8",
    "softmax int8",
    "sum of uint8 · int8",
)


@cache
def drawn(family):
    rows = tuple(atlas(family))
    fig = plots.atlas_matrix(rows)
    fig.canvas.draw()
    return rows, fig, fig.axes[0]


@pytest.mark.parametrize("family", DRAWN)
def test_there_is_one_cell_with_text_for_each_two_groups_that_differ(family):
    rows, fig, axes = drawn(family)
    n = len(agreeing(rows))
    places = {tuple(int(v) for v in text.get_position()) for text in axes.texts}
    assert places == {(j, i) for i in range(n) for j in range(i)} and len(axes.texts) == n * (n - 1) // 2
    assert fig.get_label().startswith(f"{family}: {n} groups of systems that differ, by ")


@pytest.mark.parametrize("family", DRAWN)
def test_no_text_leaves_its_cell_or_the_figure(family):
    _, fig, axes = drawn(family)
    renderer = fig.canvas.get_renderer()
    for text in axes.texts:
        j, i = (int(v) for v in text.get_position())
        box = text.get_window_extent(renderer).extents
        (left, top), (right, bottom) = axes.transData.transform([(j, i), (j + 1, i + 1)])
        assert left <= box[0] and box[2] <= right and bottom <= box[1] and box[3] <= top
    for label in [*axes.get_yticklabels(), *axes.get_xticklabels()]:
        assert label.get_window_extent(renderer).extents.min() >= 0


@pytest.mark.parametrize("family", DRAWN)
def test_the_legend_covers_no_cell(family):
    rows, fig, axes = drawn(family)
    legend = axes.get_legend().get_window_extent(fig.canvas.get_renderer())
    cells = [(i, j) for i in range(len(agreeing(rows))) for j in range(i + 1)]
    for i, j in cells:
        corners = axes.transData.transform([(j, i), (j + 1, i + 1)])
        assert not legend.overlaps(Bbox(corners)), (i, j)


def test_a_cell_tells_which_result_is_whose():
    _, _, axes = drawn("dequantize")
    text = next(t.get_text() for t in axes.texts if tuple(map(int, t.get_position())) == (0, 1))
    # row: PyTorch per channel; column: ONNX
    assert text == "scale 0.1\nzero point 0\nq = 9\nrow: 0.9\ncolumn: 0.90000004"


def test_the_legend_names_each_rule_once():
    rows, _, axes = drawn("sign")
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(names) == ["nan", "subnormal", "zero"]


def test_rows_of_two_families_are_refused():
    rows = [*drawn("sign")[0], *drawn("dequantize")[0]]
    with pytest.raises(ValueError, match=r"rows must be of one family, got \['dequantize', 'sign'\]"):
        plots.atlas_matrix(rows)
    with pytest.raises(ValueError, match=r"rows must be of one family, got \[\]"):
        plots.atlas_matrix([])
