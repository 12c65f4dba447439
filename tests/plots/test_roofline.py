import struct

import numpy as np
import pytest

from qbref import plots
from qbref.plots.roofline import COLORS, spread

POINTS = [
    ("numpy float32", "float32", 42.0, 88.0, ""),
    ("numpy float32", "float32", 0.5, 8.0, ""),
    ("int8 sse2", "int8", 85.0, 60.0, ""),
    ("int8 avx2", "int8", 85.0, 150.0, ""),
    ("xnor avx2", "xnor", 120.0, 600.0, "256×256×256"),
    ("torch", "against", 85.0, 120.0, ""),
]
ROOFS = {"float32 avx2": 100.0, "int8 avx2": 190.0, "xnor avx2": 1400.0}
BANDWIDTHS = {"16 KiB": 150.0, "16 MiB": 25.0}


def drawn(**options):
    fig = plots.roofline(POINTS, ROOFS, BANDWIDTHS, **options)
    fig.canvas.draw()
    return fig, fig.axes[0]


def markers(axes):
    return [line for line in axes.get_lines() if line.get_marker() != "None"]


def test_every_contender_has_its_points_where_its_figures_are():
    _, axes = drawn()
    assert [line.get_label() for line in markers(axes)] == list(dict.fromkeys(p[0] for p in POINTS))
    for line in markers(axes):
        expected = [[p[2], p[3]] for p in POINTS if p[0] == line.get_label()]
        assert line.get_xydata().tolist() == expected
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        m.get_label() for m in markers(axes)
    ]


def test_groups_differ_in_colour_and_their_members_in_marker():
    looks = [(line.get_color(), line.get_marker()) for line in markers(drawn()[1])]
    assert len(set(looks)) == len(looks)
    assert looks[1][0] == looks[2][0] == COLORS["int8"] and looks[1][1] != looks[2][1]
    assert looks[0][0] == COLORS["float32"] and looks[3][0] == COLORS["xnor"]


def test_the_lines_are_the_limits_and_end_at_the_highest_roof():
    lines = [line for line in drawn()[1].get_lines() if line.get_marker() == "None"]
    slopes, roofs = lines[:2], lines[2:]
    for line, rate in zip(slopes, BANDWIDTHS.values(), strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        assert np.array_equal(y, np.minimum(rate * x, 1400.0))
    assert [set(line.get_ydata()) for line in roofs] == [{100.0}, {190.0}, {1400.0}]
    assert roofs[0].get_xdata()[0] == pytest.approx(100.0 / 150.0)  # where the steepest slope meets it


def test_all_points_and_roofs_are_inside_two_logarithmic_axes():
    _, axes = drawn()
    assert axes.get_xscale() == axes.get_yscale() == "log"
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left < p[2] < right and bottom < p[3] < top for p in POINTS)
    assert all(rate < top for rate in ROOFS.values())


def test_limits_and_named_points_are_written_and_the_names_of_near_roofs_do_not_overlap():
    fig = plots.roofline(POINTS, {"one": 100.0, "two": 103.0}, BANDWIDTHS)
    fig.canvas.draw()
    texts = {text.get_text(): text for text in fig.axes[0].texts}
    assert {"one: 100", "two: 103", "16 KiB: 150 GB/s", "16 MiB: 25 GB/s", "256×256×256"} <= set(texts)
    one, two = (texts[name].get_window_extent() for name in ("one: 100", "two: 103"))
    assert one.y1 <= two.y0


def test_the_figure_has_a_description_in_words():
    label = drawn()[0].get_label()
    assert "6 results of numpy float32, int8 sse2, int8 avx2, xnor avx2, torch" in label
    assert "xnor avx2 (1,400 GOP/s)" in label and "reading 16 MiB (25 GB/s)" in label


def test_the_saved_picture_has_the_size_asked_for(tmp_path):
    content = plots.save(drawn(width=800, height=500)[0], tmp_path / "roofline.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (800, 500)


def test_the_legend_stays_inside_the_figure():
    fig, axes = drawn()
    box = axes.get_legend().get_window_extent()
    assert box.x1 <= fig.bbox.width and box.x0 > axes.get_window_extent().x1


@pytest.mark.parametrize(
    "points, roofs, bandwidths, message",
    [
        ([], ROOFS, BANDWIDTHS, "points must hold at least one, got none"),
        (POINTS, {}, BANDWIDTHS, "roofs must hold at least one, got none"),
        (POINTS, ROOFS, {"L1": 0.0}, r"bandwidths must be positive, got \[0.0\]"),
        ([("a", "int8", float("nan"), 1.0, "")], ROOFS, BANDWIDTHS, "points must be positive"),
    ],
)
def test_what_cannot_be_drawn_is_refused(points, roofs, bandwidths, message):
    with pytest.raises(ValueError, match=message):
        plots.roofline(points, roofs, bandwidths)


def test_spread_keeps_distance_and_order():
    assert spread([5.0, 5.0, 30.0, 6.0], 10) == [5.0, 15.0, 35.0, 25.0]
    assert spread([], 10) == []
