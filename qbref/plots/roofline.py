"""Speed over arithmetic intensity, under the roofs that memory and arithmetic put on it."""

import numpy as np

from qbref.plots.labels import label_points
from qbref.plots.style import PALETTE, QUIET, darker, figure, style

COLORS = {
    "float32": PALETTE["black"],
    "float64": QUIET,
    "int8": PALETTE["blue"],
    "int4": PALETTE["green"],
    "xnor": PALETTE["vermilion"],
}
OTHERS = PALETTE["purple"]
MARKERS = "osD^vPX"  # of the contenders of one group, which share a colour
LINE_HEIGHT = 17  # pixels between the names of two roofs


def roofline(points, roofs, bandwidths, title="Speed, and what limits it", width=1000, height=600):
    """speed <= min(roof, intensity * bandwidth): a point per result, a line per limit, both axes logarithmic.

    Parameters
    ----------
    points : sequence of (name, group, intensity, gops, label)
        `intensity` in operations per byte moved, `gops` in 10^9 operations per second. Points of one name
        share a marker and a line of the legend; names of one group (float32, float64, int8, int4, xnor or
        another) share a colour. `label` is written beside the point, '' writes nothing.
    roofs : dict of str to float
        Name of a limit of arithmetic -> 10^9 operations per second.
    bandwidths : dict of str to float
        Name of a working set -> 10^9 bytes per second.
    title : str
    width, height : int
        Pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Its label (``fig.get_label()``) says in words what it shows.

    Raises
    ------
    ValueError
        If there is no point or no limit, or one is not positive.

    Notes
    -----
    Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
    Architectures", Communications of the ACM 52(4), 2009.

    Examples
    --------
    >>> points = [("int8", "int8", 85.0, 150.0, "256×256×256"), ("int8", "int8", 2.0, 40.0, "batch 1")]
    >>> fig = roofline(points, {"int8 avx2": 190.0}, {"16 MiB": 25.0})
    >>> fig.get_label()
    'Roofline: 2 results of int8 under the limits int8 avx2 (190 GOP/s) and reading 16 MiB (25 GB/s)'
    """
    _check(points, roofs, bandwidths)
    left = min(point[2] for point in points) / 2
    right = max(point[2] for point in points) * 2
    top = max([*roofs.values(), *(point[3] for point in points)]) * 1.8
    bottom = min(point[3] for point in points) / 2
    with style():
        fig = figure(width, height)
        fig.set_label(_in_words(points, roofs, bandwidths))
        axes = fig.add_subplot(xlabel="operations per byte moved", ylabel="10⁹ operations per second")
        axes.set_title(title)
        axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, top))
        x = np.geomspace(left, right, 200)
        for rate in bandwidths.values():
            axes.plot(x, np.minimum(rate * x, max(roofs.values())), color=QUIET, linewidth=1.2, zorder=1)
        for rate in roofs.values():
            start = min(max(rate / max(bandwidths.values()), left), right)
            axes.plot(
                [start, right], [rate, rate], color=QUIET, linewidth=1.2, linestyle=(0, (6, 4)), zorder=1
            )
        _draw_points(axes, points)
        axes.legend(loc="center left", bbox_to_anchor=(1.22, 0.5), borderaxespad=0, handletextpad=0.2)
        fig.canvas.draw()  # fixes where the axes are, for what is placed in pixels below
        _name_roofs(axes, roofs, right)
        _name_bandwidths(axes, bandwidths, left, right, bottom, max(roofs.values()))
        named = [point for point in points if point[4]]
        inks = [darker(COLORS.get(group, OTHERS)) for _, group, *_ in named]
        places = [[point[i] for point in named] for i in (2, 3, 4)]
        if named:
            label_points(axes, *places, inks, fontsize=10)
    return fig


def _check(points, roofs, bandwidths):
    for argument, values in {
        "points": [value for point in points for value in point[2:4]],
        "roofs": list(roofs.values()),
        "bandwidths": list(bandwidths.values()),
    }.items():
        if not values:
            raise ValueError(f"{argument} must hold at least one, got none")
        if not all(value > 0 for value in values):
            raise ValueError(f"{argument} must be positive, got {values}")


def _in_words(points, roofs, bandwidths):
    names = ", ".join(dict.fromkeys(name for name, *_ in points))
    limits = [f"{name} ({rate:,.0f} GOP/s)" for name, rate in roofs.items()]
    limits += [f"reading {name} ({rate:,.0f} GB/s)" for name, rate in bandwidths.items()]
    return f"Roofline: {len(points)} results of {names} under the limits {' and '.join(limits)}"


def _draw_points(axes, points):
    seen = {}  # group -> names
    for name in dict.fromkeys(point[0] for point in points):
        own = [point for point in points if point[0] == name]
        group = own[0][1]
        marker = MARKERS[len(seen.setdefault(group, [])) % len(MARKERS)]
        seen[group].append(name)
        axes.plot(
            [point[2] for point in own],
            [point[3] for point in own],
            marker,
            color=COLORS.get(group, OTHERS),
            markeredgecolor="white",
            label=name,
            zorder=3,
        )


def spread(positions, distance):
    """Positions at least `distance` apart, moved up where they were nearer.

    Examples
    --------
    >>> spread([10, 0, 12], 5)
    [10, 0, 15]
    """
    found, highest = list(positions), -np.inf
    for i in sorted(range(len(found)), key=found.__getitem__):
        highest = found[i] = max(found[i], highest + distance)
    return found


def _name_roofs(axes, roofs, right):
    """Names at the right end of the lines, beside the frame."""
    to_points = 72 / axes.figure.dpi
    heights = [axes.transData.transform((right, rate))[1] for rate in roofs.values()]
    for (name, rate), height, free in zip(roofs.items(), heights, spread(heights, LINE_HEIGHT), strict=True):
        place = (6, (free - height) * to_points)
        axes.annotate(
            f"{name}: {rate:,.0f}",
            (right, rate),
            xytext=place,
            textcoords="offset points",
            va="center",
            color=QUIET,
            fontsize=10,
        )


def _name_bandwidths(axes, bandwidths, left, right, bottom, roof):
    """Names along the slopes, near where they enter the frame."""
    for name, rate in bandwidths.items():
        x = max(left, bottom / rate) * 1.15
        start, end = axes.transData.transform([(x, rate * x), (2 * x, 2 * rate * x)])
        angle = np.degrees(np.arctan2(*(end - start)[::-1]))
        axes.annotate(
            f"{name}: {rate:,.0f} GB/s",
            (x, rate * x),
            xytext=(0, 3),
            textcoords="offset points",
            rotation=angle,
            rotation_mode="anchor",
            color=QUIET,
            fontsize=10,
        )
