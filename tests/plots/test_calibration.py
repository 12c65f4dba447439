import struct
from functools import cache

import numpy as np
import pytest

from qbref import calibration, plots
from qbref.plots.calibration import COLORS
from qbref.plots.style import darker

X = np.append(np.random.default_rng(0).laplace(size=5000), [30.0, -11.0]).astype(np.float32)


@cache  # no test changes the figure that it is given
def drawn(**options):
    choices = calibration.compare(X, 4)
    fig = plots.calibration_thresholds(X, choices, **options)
    fig.canvas.draw()
    return fig, choices


def texts(fig):
    """(text, box) of everything written."""
    found = []
    for axes in fig.axes:
        found += [axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
    return [(text.get_text(), text.get_window_extent().extents) for text in found if text.get_text()]


@pytest.mark.parametrize("size", [(1000, 620), (800, 500)])
def test_no_text_covers_another_or_leaves_the_picture(size):
    fig, choices = drawn(width=size[0], height=size[1])
    found = texts(fig)
    assert {choice.observer for choice in choices} <= {text for text, _ in found}
    for i, (text, box) in enumerate(found):
        assert (box[:2] >= 0).all() and box[2] <= size[0] and box[3] <= size[1], text
        for other_text, other in found[i + 1 :]:
            apart_x = min(box[2], other[2]) <= max(box[0], other[0])
            apart_y = min(box[3], other[3]) <= max(box[1], other[1])
            assert apart_x or apart_y, (text, other_text)


def test_each_bar_reaches_from_the_lowest_level_to_the_highest():
    fig, choices = drawn()
    bars = [line for line in fig.axes[1].get_lines() if line.get_marker() == "|"]
    assert len(bars) == len(choices) == 7
    for row, (bar, choice) in enumerate(zip(bars, choices, strict=True)):
        p = choice.params
        ends = [(q - int(p.zero_point)) * float(p.scale) for q in (p.qmin, p.qmax)]
        assert bar.get_xdata() == pytest.approx(ends) and set(bar.get_ydata()) == {row}


def test_each_end_is_marked_in_the_histogram_in_the_colour_of_its_bar():
    fig, _ = drawn()
    marks = {(round(float(line.get_xdata()[0]), 4), line.get_color()) for line in fig.axes[0].get_lines()}
    bars = [line for line in fig.axes[1].get_lines() if line.get_marker() == "|"]
    assert marks == {(round(float(x), 4), bar.get_color()) for bar in bars for x in bar.get_xdata()}
    assert len({bar.get_color() for bar in bars}) == 7


def test_the_histogram_counts_every_value():
    fig, _ = drawn()
    (stairs,) = fig.axes[0].patches
    counts, edges, _ = stairs.get_data()
    assert counts.sum() == X.size and (edges[0], edges[-1]) == (X.min(), X.max())
    assert fig.axes[0].get_yscale() == "log"


def test_numbers_stand_beside_their_bars():
    fig, choices = drawn()
    _, *rows = [label.get_text() for label in fig.axes[2].get_yticklabels()]
    names = [label.get_text() for label in fig.axes[1].get_yticklabels()]
    for row, name, choice in zip(rows, names, choices, strict=True):
        clipped, _, error = row.split()
        assert name == choice.observer
        assert float(clipped) == pytest.approx(100 * choice.clipped, abs=5e-4)  # three decimals
        assert float(error) == pytest.approx(choice.mean_squared_error, rel=5e-3)
    assert fig.axes[1].get_ylim() == fig.axes[2].get_ylim()


def test_lines_lead_from_both_ends_of_each_bar_up_to_the_histogram():
    fig, choices = drawn()
    lines = [line for line in fig.axes[1].get_lines() if line.get_marker() == "None"]
    bars = [line for line in fig.axes[1].get_lines() if line.get_marker() == "|"]
    top = fig.axes[1].get_ylim()[1]
    found = {(line.get_xdata()[0], *line.get_ydata()) for line in lines}
    for row, bar in enumerate(bars):
        assert {(x, row, top) for x in bar.get_xdata()} <= found


def test_all_data_and_all_bars_are_inside_the_axes():
    narrow, wide = calibration.compare(X, 2, {"a": calibration.MSE()}), calibration.compare([99.0, -99.0])
    for choices, low, high in ((narrow, X.min(), X.max()), (wide, -99, 99)):
        left, right = plots.calibration_thresholds(X, choices).axes[1].get_xlim()
        assert left < low and right > high


def test_names_have_the_contrast_that_accessibility_asks_for():
    fig, _ = drawn()
    shown = [label.get_color() for label in fig.axes[1].get_yticklabels()]
    assert shown == [darker(color, 0.6) for color in COLORS[:7]]
    for color in (darker(color, 0.6) for color in COLORS):
        s_rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(s_rgb <= 0.04045, s_rgb / 12.92, ((s_rgb + 0.055) / 1.055) ** 2.4)
        # WCAG 2.1, success criterion 1.4.3: a contrast of 4.5 to 1
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) > 4.5


def test_the_saved_picture_has_the_size_asked_for(tmp_path):
    content = plots.save(drawn()[0], tmp_path / "thresholds.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1000, 620)


@pytest.mark.parametrize("x", [[0.0, 0.0], [3e38, -3e38], [1e-44]])
def test_odd_data_are_drawn_too(x):
    choices = calibration.compare(x, 8)
    plots.calibration_thresholds(x, choices * 2).canvas.draw()  # more rows than colours


def test_wrong_arguments_are_refused():
    per_channel = calibration.compare(X.reshape(2, -1), observers={"a": calibration.MinMax(axis=0)})
    with pytest.raises(ValueError, match="choices must be per tensor, got axis=0 of a"):
        plots.calibration_thresholds(X, per_channel)
    with pytest.raises(ValueError, match="choices must hold at least one"):
        plots.calibration_thresholds(X, [])
    with pytest.raises(ValueError, match="x must be finite"):
        plots.calibration_thresholds(np.array([np.nan]), drawn()[1])
    with pytest.raises(ValueError, match="x must not be empty"):
        plots.calibration_thresholds(np.zeros(0), drawn()[1])
