"""The atlas of differences as a picture: which systems part, where, and by which rule."""

from qbref.conventions.differences import agreeing
from qbref.plots.style import FAINT, PALETTE, figure, style

COLORS = [PALETTE[name] for name in ("orange", "sky blue", "green", "yellow", "purple", "vermilion", "blue")]
CELL, LABELS, TOP = 150, 330, 120  # pixels


def atlas_matrix(rows, title=None):
    """A triangle of cells, one for each two groups of systems: the smallest input, both results, the rule.

    Systems without a difference share a row. A cell has the colour of the rule that makes the difference.

    Parameters
    ----------
    rows : list of Difference
        Of one family.
    title : str or None
        Default: the family's name.

    Returns
    -------
    matplotlib.figure.Figure
        Its label (``fig.get_label()``) says in words what it shows.

    Raises
    ------
    ValueError
        If there is no row, or rows of more than one family.

    Examples
    --------
    >>> from qbref.conventions import atlas
    >>> atlas_matrix(atlas("choose symmetric scale")).get_label()
    'choose symmetric scale: 2 groups of systems that differ, by divisor'
    """
    families = sorted({row.family for row in rows})
    if len(families) != 1:
        raise ValueError(f"rows must be of one family, got {families}")
    groups = agreeing(rows)
    cells = _cells(rows, groups)
    causes = list(dict.fromkeys(cause for _, cause in cells.values()))
    color = {cause: COLORS[i % len(COLORS)] for i, cause in enumerate(causes)}
    n = len(groups)
    columns = max(n, 3)  # the legend needs room beside a small triangle
    with style():
        fig = figure(LABELS + CELL * columns, TOP + CELL * n)
        by = f", by {'; '.join(causes)}" if causes else ""
        fig.set_label(f"{families[0]}: {n} groups of systems that differ{by}")
        axes = fig.add_subplot(aspect="equal", xlim=(0, columns), ylim=(n, 0))
        axes.set_title(title or families[0])
        for (i, j), (text, cause) in cells.items():
            axes.fill(
                [j, j + 1, j + 1, j],
                [i, i, i + 1, i + 1],
                facecolor=color[cause],
                edgecolor="white",
                alpha=0.55,
                lw=2,
            )
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=8)
        for k in range(n):
            _square(axes, k, k, FAINT)
        names = ["\n".join(group) for group in groups]
        middles = [k + 0.5 for k in range(n)]
        axes.set_yticks(middles, names, fontsize=9)
        axes.set_xticks(middles, [group[0].replace(" ", "\n") for group in groups], fontsize=9)
        axes.tick_params(length=0)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for cause in causes:
            axes.fill([], [], color=color[cause], alpha=0.55, label=cause)
        if causes:
            axes.legend(loc="upper right")
    return fig


def _square(axes, i, j, color, alpha=1.0):
    corners = [j, j + 1, j + 1, j], [i, i, i + 1, i + 1]
    axes.fill(*corners, facecolor=color, edgecolor="white", linewidth=3, alpha=alpha)


def _cells(rows, groups):
    """(row, column) below the diagonal -> (text, cause), from the first pair of each two groups."""
    of = {system: k for k, group in enumerate(groups) for system in group}
    cells = {}
    for row in rows:
        place = tuple(sorted((of[row.a], of[row.b]), reverse=True))
        if row.x is None or place in cells:
            continue
        results = row.a_result, row.b_result
        below, above = results if of[row.a] > of[row.b] else results[::-1]
        text = row.input.replace(", ", "\n") + f"\nrow: {below!s}\ncolumn: {above!s}"
        cells[place] = text, " and ".join(name.replace("_", " ") for name, *_ in row.cause)
    return cells
