"""The trade of accuracy for size, or for time: one point per model."""

import math

import numpy as np

from qbref.plots.labels import label_points
from qbref.plots.style import PALETTE, QUIET, darker, figure, style

# Colour and marker of a group; the marker says the same as the colour.
GROUPS = {
    "PTQ": (PALETTE["blue"], "o"),
    "QAT": (PALETTE["vermilion"], "s"),
    "LUT": (PALETTE["green"], "D"),
    "binary": (PALETTE["purple"], "^"),
}
OTHERS = (QUIET, "o")
DODGE = 13  # pixels between points that would hide each other's intervals


def accuracy_vs_bytes(rows, baseline="float32", title="Accuracy and model size", width=900, height=540):
    """Accuracy over size in bytes (logarithmic), a 95 % interval on each point, the baseline dashed.

    Parameters
    ----------
    rows : sequence of (name, n_bytes, accuracy) or (name, n_bytes, accuracy, low, high)
        Accuracy and the ends of its interval in per cent. A name that contains PTQ, QAT, LUT or
        binary gets that group's colour and marker.
    baseline : str or None
        The row whose accuracy is drawn as a dashed line.
    title : str
    width, height : int
        Pixels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no row, a size is not positive, or an interval does not contain its accuracy.

    Notes
    -----
    Points of almost the same size are moved apart sideways by a few pixels, so that their intervals can
    be told apart. kB is 1,000 bytes.
    """
    return _frontier(rows, "n_bytes", "model size", human_bytes, baseline, title, width, height)


def accuracy_vs_latency(rows, baseline="float32", title="Accuracy and latency", width=900, height=540):
    """Accuracy over the time for one image (logarithmic), intervals and baseline as in `accuracy_vs_bytes`.

    Parameters
    ----------
    rows : sequence of (name, seconds, accuracy) or (name, seconds, accuracy, low, high)
    baseline, title, width, height
        As for :func:`accuracy_vs_bytes`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no row, a time is not positive, or an interval does not contain its accuracy.

    Examples
    --------
    >>> fig = accuracy_vs_latency([("float32", 4e-4, 86.3, 85.6, 87.0), ("PTQ int8", 3e-4, 86.4, 85.7, 87.1)])
    >>> [tick.get_text() for tick in fig.axes[0].get_xticklabels()]
    ['200 µs', '500 µs']
    """
    return _frontier(rows, "seconds", "time for one image", human_seconds, baseline, title, width, height)


def _frontier(rows, cost, xlabel, human, baseline, title, width, height):
    rows = [_checked(row, cost) for row in rows]
    if not rows:
        raise ValueError("rows must hold at least one model, got none")
    if baseline is not None and baseline not in [row[0] for row in rows]:
        raise ValueError(f"baseline must be the name of a row, got {baseline!r}")
    names, costs, accuracies, lows, highs = zip(*rows, strict=True)
    looks = [next((GROUPS[group] for group in GROUPS if group in name), OTHERS) for name in names]
    inks = [darker(color) for color, _ in looks]
    with style():
        fig = figure(width, height)
        axes = fig.add_subplot(xlabel=xlabel)
        axes.set_title(title, pad=34)
        _scale_axes(axes, costs, lows, highs, human)
        if baseline is not None:
            level = accuracies[names.index(baseline)]
            axes.axhline(level, color=QUIET, linestyle=(0, (6, 4)), linewidth=1.3, zorder=1)
        intervals = ", bars: 95 % intervals" if lows != highs else ""
        dashed = f", dashed: {baseline}" if baseline is not None else ""
        axes.annotate(
            f"test accuracy{intervals}{dashed}",
            (0, 1),
            xytext=(0, 12),
            xycoords="axes fraction",
            textcoords="offset points",
            color=QUIET,
        )
        fig.canvas.draw()  # fixes where the axes are, for everything below that counts in pixels
        x = _dodged(axes, costs)
        for place, accuracy, low, high, (color, marker) in zip(
            x, accuracies, lows, highs, looks, strict=True
        ):
            axes.plot([place, place], [low, high], color=color, linewidth=1.8, alpha=0.45, zorder=2)
            axes.plot(place, accuracy, marker, color=color, markeredgecolor="white", zorder=3)
        kept_free = _bars(axes, x, lows, highs)
        if baseline is not None:
            y = axes.transData.transform((costs[0], level))[1]
            kept_free.append((0, y - 1, width, y + 1))
        label_points(axes, x, accuracies, names, inks, kept_free)
    return fig


def _checked(row, cost):
    """(name, cost, accuracy, low, high) of a row with or without an interval."""
    name, paid, accuracy, *interval = row
    low, high = interval or (accuracy, accuracy)
    if not paid > 0:
        raise ValueError(f"{cost} must be positive, got {paid} for {name}")
    if not low <= accuracy <= high:
        raise ValueError(f"low <= accuracy <= high must hold, got {low}, {accuracy}, {high} for {name}")
    return name, paid, accuracy, low, high


def _scale_axes(axes, costs, lows, highs, human):
    left, right = min(costs) / 1.6, max(costs) * 1.6
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    ticks = ticks_between(left, right)
    axes.set_xticks(ticks, [human(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    margin = max(0.15 * (max(highs) - min(lows)), 0.2)
    axes.set_ylim(min(lows) - margin, max(highs) + margin)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")


def ticks_between(left, right):
    """1, 2, 5, 10, ... between the ends; over more than three decades only powers of ten.

    Examples
    --------
    >>> ticks_between(15_000, 250_000)
    [20000.0, 50000.0, 100000.0, 200000.0]
    """
    digits = (1, 2, 5) if right / left <= 1000 else (1,)
    powers = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return [tick for tick in ticks if left <= tick <= right]


def human_bytes(n_bytes):
    """The size in the largest unit that leaves at least one.

    Examples
    --------
    >>> human_bytes(500), human_bytes(20_000), human_bytes(1_500_000)
    ('500 B', '20 kB', '1.5 MB')
    """
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n_bytes >= factor:
            return f"{n_bytes / factor:g} {unit}"
    return f"{n_bytes:g} B"


def human_seconds(seconds):
    """The time in the largest unit that leaves at least one.

    Examples
    --------
    >>> human_seconds(5e-7), human_seconds(2e-4), human_seconds(1.5)
    ('0.5 µs', '200 µs', '1.5 s')
    """
    for factor, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:g} {unit}"
    return f"{seconds / 1e-6:g} µs"


def _dodged(axes, costs):
    """x of each point in data coordinates, those closer than DODGE pixels spread around their middle."""
    pixels = axes.transData.transform([(cost, axes.get_ylim()[0]) for cost in costs])
    order = np.argsort(pixels[:, 0], kind="stable")
    starts = np.flatnonzero(np.diff(pixels[order, 0]) >= DODGE) + 1
    for near in np.split(order, starts):
        steps = np.arange(len(near)) - (len(near) - 1) / 2
        if len(near) > 1:
            pixels[near, 0] = pixels[near, 0].mean() + DODGE * steps
    return axes.transData.inverted().transform(pixels)[:, 0]


def _bars(axes, x, lows, highs):
    """Boxes of the intervals, in pixels."""
    bottom, top = (axes.transData.transform(np.column_stack([x, ends])) for ends in (lows, highs))
    return [tuple(box) for box in np.hstack([bottom - [1.5, 0], top + [1.5, 0]])]
