import struct
from functools import cache

import numpy as np
import pytest

from qbref import plots
from qbref.plots.frontier import human_bytes, human_seconds, ticks_between

SIZES = {
    "float32": (826944, 86.4),
    "PTQ int8": (208000, 86.3),
    "QAT int8": (208000, 86.5),
    "PTQ int4": (105000, 85.2),
    "QAT int4": (105000, 86.2),
    "4-bit k-means LUT": (105100, 85.8),
    "binary weights": (27500, 85.0),
    "binary network (XNOR)": (30000, 84.3),
}
ROWS = tuple((name, n, accuracy, accuracy - 0.7, accuracy + 0.7) for name, (n, accuracy) in SIZES.items())


@cache  # no test changes the figure that it is given
def drawn(rows=ROWS, **options):
    fig = plots.accuracy_vs_bytes(rows, **options)
    fig.canvas.draw()
    return fig, fig.axes[0]


def markers_and_bars(axes):
    lines = axes.get_lines()
    return [line for line in lines if line.get_marker() != "None"], [
        line for line in lines if line.get_marker() == "None" and line.get_linestyle() == "-"
    ]


def test_no_label_covers_another_a_marker_an_interval_or_the_frame():
    fig, axes = drawn()
    renderer = fig.canvas.get_renderer()
    labels = [text.get_window_extent(renderer).extents for text in axes.texts if text.get_text() in SIZES]
    assert len(labels) == 8
    markers, bars = markers_and_bars(axes)
    taken = [line.get_window_extent(renderer).extents for line in markers]
    for bar in bars:
        (left, bottom), (right, top) = axes.transData.transform(bar.get_xydata())
        taken.append((left - 1, bottom, right + 1, top))
    assert len(taken) == 16
    frame = axes.get_window_extent(renderer).extents
    for i, box in enumerate(labels):
        assert (box[:2] >= frame[:2]).all() and (box[2:] <= frame[2:]).all()
        for other in [*labels[i + 1 :], *taken]:
            assert min(box[2], other[2]) <= max(box[0], other[0]) or min(box[3], other[3]) <= max(
                box[1], other[1]
            )


@pytest.mark.parametrize("size", [(900, 540), (700, 500)])
def test_the_saved_picture_has_the_size_asked_for(tmp_path, size):
    fig, _ = drawn(width=size[0], height=size[1])
    content = plots.save(fig, tmp_path / "frontier.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == size


def test_points_stand_at_their_accuracy_and_within_pixels_of_their_size():
    _, axes = drawn()
    markers, bars = markers_and_bars(axes)
    to_pixels = axes.transData.transform
    for (name, size, accuracy, low, high), marker, bar in zip(ROWS, markers, bars, strict=True):
        assert marker.get_ydata()[0] == accuracy and bar.get_ydata().tolist() == [low, high], name
        assert marker.get_xdata()[0] == bar.get_xdata()[0]
        moved = to_pixels((marker.get_xdata()[0], accuracy)) - to_pixels((size, accuracy))
        assert abs(moved[0]) <= 14, name


def test_models_of_one_size_stand_side_by_side():
    _, axes = drawn()
    pixels = [axes.transData.transform(marker.get_xydata()[0])[0] for marker in markers_and_bars(axes)[0]]
    assert np.diff(sorted(pixels)).min() > 10


def test_the_baseline_is_dashed_at_its_accuracy_and_may_be_left_out():
    _, axes = drawn()
    dashed = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert [set(line.get_ydata()) for line in dashed] == [{86.4}]
    _, axes = drawn(baseline=None)
    assert not [line for line in axes.get_lines() if line.get_linestyle() == "--"]


def test_groups_differ_in_colour_and_in_marker():
    markers, _ = markers_and_bars(drawn()[1])
    looks = {}
    for row, marker in zip(ROWS, markers, strict=True):
        looks.setdefault((marker.get_color(), marker.get_marker()), []).append(row[0])
    assert sorted(looks.values()) == [
        ["4-bit k-means LUT"],
        ["PTQ int8", "PTQ int4"],
        ["QAT int8", "QAT int4"],
        ["binary weights", "binary network (XNOR)"],
        ["float32"],
    ]
    assert len({color for color, _ in looks}) == 5


def test_the_axis_of_sizes_is_logarithmic_with_sizes_people_say():
    _, axes = drawn()
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "20 kB",
        "50 kB",
        "100 kB",
        "200 kB",
        "500 kB",
        "1 MB",
    ]
    assert all(tick.get_text().endswith(" %") for tick in axes.get_yticklabels())


def test_rows_without_intervals_promise_none():
    rows = tuple(row[:3] for row in ROWS)
    texts = [text.get_text() for text in drawn(rows)[1].texts]
    assert not any("interval" in text for text in texts)
    assert any("bars: 95 % intervals" in text.get_text() for text in drawn()[1].texts)


def test_ticks_and_sizes_at_their_borders():
    assert ticks_between(999, 10_001) == [1000, 2000, 5000, 10000]
    assert ticks_between(900, 2_000_000) == [1000, 10_000, 100_000, 1_000_000]
    assert [human_bytes(n) for n in (1, 999, 1000, 10**6, 2 * 10**9)] == [
        "1 B",
        "999 B",
        "1 kB",
        "1 MB",
        "2 GB",
    ]


def test_times_at_their_borders():
    assert ticks_between(9e-5, 1.1e-3) == [1e-4, 2e-4, 5e-4, 1e-3]
    assert [human_seconds(t) for t in (2e-6, 1e-3, 5e-2, 1, 20)] == ["2 µs", "1 ms", "50 ms", "1 s", "20 s"]


def test_times_are_drawn_as_sizes_are():
    fig = plots.accuracy_vs_latency([("float32", 3e-4, 86.4), ("PTQ int8", 1.2e-3, 86.3)])
    axes = fig.axes[0]
    markers, _ = markers_and_bars(axes)
    at = np.concatenate([marker.get_xydata() for marker in markers])
    assert np.allclose(at, [[3e-4, 86.4], [1.2e-3, 86.3]], rtol=1e-9)  # they went through pixels and back
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["200 µs", "500 µs", "1 ms"]
    assert axes.get_xlabel() == "time for one image"
    with pytest.raises(ValueError, match="seconds must be positive, got 0 for float32"):
        plots.accuracy_vs_latency([("float32", 0, 80)])


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "rows must hold at least one model"),
        ([("float32", 0, 80)], "n_bytes must be positive, got 0 for float32"),
        ([("float32", 10, 80, 81, 82)], "low <= accuracy <= high must hold, got 81, 80, 82"),
        ([("float32", 10, float("nan"))], "low <= accuracy <= high must hold"),
        ([("PTQ int8", 10, 80)], "baseline must be the name of a row, got 'float32'"),
    ],
)
def test_wrong_rows_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        plots.accuracy_vs_bytes(rows)


def test_a_single_model_is_drawn_too():
    fig, axes = drawn((("float32", 1000, 80.0),))
    assert [text.get_text() for text in axes.texts if text.get_text() == "float32"] == ["float32"]
    assert len(axes.get_xticks()) >= 1
