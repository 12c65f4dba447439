"""The histogram of a tensor, and below it what each observer would keep of it."""

import numpy as np

from qbref.plots.style import FAINT, PALETTE, QUIET, darker, figure, style
from qbref.quant.checks import as_float_array, check_finite, check_not_empty

COLORS = [PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "purple", "sky blue", "black")]
N_BINS = 256
ROW = 30  # pixels


def calibration_thresholds(x, choices, title="What each observer keeps", width=1000, height=620):
    """Counts of `x` on a logarithmic axis; below, a bar per observer from its lowest level to its highest.

    Thin lines lead from the ends of the bars up into the histogram: what lies outside them saturates.
    Beside each bar stand the share clipped and the mean squared error.

    Parameters
    ----------
    x : float32 or float64 array, finite and not empty
    choices : sequence of calibration.Choice
        What :func:`qbref.calibration.compare` returns for `x`, per tensor.
    title : str
    width, height : int
        Pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Its label (``fig.get_label()``) says in words what it shows.

    Raises
    ------
    TypeError, ValueError
        If `x` is not as above, there is no choice, or one is per channel.

    Examples
    --------
    >>> from qbref import calibration
    >>> x = np.append(np.linspace(0, 1, 10_000), 16.0)
    >>> observers = {"min-max": calibration.MinMax(), "MSE": calibration.MSE()}
    >>> fig = calibration_thresholds(x, calibration.compare(x, 4, observers, signed=False))
    >>> fig.get_label()
    'Histogram of 10,001 values with the ranges of min-max: 0 to 16, MSE: 0 to 3.5'
    """
    x = as_float_array(x)
    check_not_empty(x)
    check_finite(x)
    _check(choices)
    ranges = [_levels(choice.params) for choice in choices]
    with style():
        fig = figure(width, height)
        named = [
            f"{choice.observer}: {lo:.3g} to {hi:.3g}"
            for choice, (lo, hi) in zip(choices, ranges, strict=True)
        ]
        fig.set_label(f"Histogram of {x.size:,} values with the ranges of {', '.join(named)}")
        below = ROW * (len(choices) + 1)
        top, bottom = fig.subplots(2, sharex=True, height_ratios=[max(height - below, below), below])
        top.set_title(title)
        _draw_histogram(top, x)
        _draw_ranges(top, bottom, ranges)
        _name_rows(bottom, choices)
        ends = np.append(ranges, [[x.min(), x.max()]], axis=0)
        margin = 0.03 * (ends.max() - ends.min())
        bottom.set_xlim(ends.min() - margin, ends.max() + margin)
    return fig


def _check(choices):
    if not choices:
        raise ValueError("choices must hold at least one, got none")
    for choice in choices:
        if choice.params.axis is not None:
            raise ValueError(
                f"choices must be per tensor, got axis={choice.params.axis} of {choice.observer}"
            )


def _levels(params):
    """The real values of the lowest and the highest level."""
    scale, zero_point = float(params.scale), int(params.zero_point)
    return scale * (params.qmin - zero_point), scale * (params.qmax - zero_point)


def _draw_histogram(axes, x):
    counts, edges = np.histogram(x.astype(np.float64), N_BINS)
    axes.stairs(counts, edges, fill=True, color=QUIET, alpha=0.55, linewidth=0)
    axes.set(yscale="log", ylim=(0.7, 2 * counts.max()), ylabel="values per bin")
    axes.tick_params(labelbottom=False)


def _draw_ranges(top, bottom, ranges):
    for row, (lo, hi) in enumerate(ranges):
        color = COLORS[row % len(COLORS)]
        for end in (lo, hi):
            top.axvline(end, color=color, linewidth=1.2)
            bottom.plot([end, end], [row, -1], color=color, linewidth=1.2)
        bottom.plot(
            [lo, hi], [row, row], "|-", color=color, linewidth=5, markersize=15, solid_capstyle="butt"
        )
    bottom.set(ylim=(len(ranges) - 0.4, -1), xlabel="x")
    bottom.grid(axis="y", visible=False)
    bottom.axvline(0, color=FAINT, linewidth=1, zorder=0)


def _name_rows(axes, choices):
    """Names to the left, numbers to the right, in columns under their headings."""
    rows = range(len(choices))
    axes.set_yticks(rows, [choice.observer for choice in choices])
    axes.tick_params(axis="y", length=0)
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_color(darker(COLORS[row % len(COLORS)], share=0.6))
    numbers = [f"{100 * choice.clipped:9.3f} %  {choice.mean_squared_error:9.2e}" for choice in choices]
    right = axes.twinx()
    right.set_yticks(
        [-0.8, *rows], [f"{'clipped':>11}  {'m.s. error':>10}", *numbers], family="DejaVu Sans Mono"
    )
    right.tick_params(axis="y", length=0, labelsize=10)
    right.set_ylim(axes.get_ylim())
    right.grid(visible=False)
