"""Labels beside points that cover neither one another, nor the points, nor the frame.

A label is tried at places around its point, near and far, in pixels and with the true extent of its text.
Crowded points choose first; then every label may move again while others stay, until none wants to. After
J. Christensen, J. Marks, S. Shieber, "An Empirical Study of Algorithms for Point-Feature Label Placement",
ACM Transactions on Graphics 14 (1995), who call the second step gradient descent over discrete positions.

A box is a row (left, bottom, right, top), in pixels.
"""

import numpy as np

GAP = 5  # pixels kept free around a label
RINGS = (
    13,
    20,
    28,
    38,
    50,
    64,
    80,
    100,
)  # pixels between a point and the nearest edge or corner of its label
LEADER_FROM = 24  # a label farther away than this gets a leader line
# Directions from point to label, the preferred ones first, with what they cost in pixels of distance.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
DIRECTION_COST = (0, 1, 2, 3, 4, 5, 6, 7)
COLLISION = 1000.0  # more than any distance: a collision is accepted only if there is no free place
CROSSING = 30.0  # the line from a point to its label runs through something
SWEEPS = 8


def overlap(box, boxes):
    """Area shared by `box` and each of `boxes`, in square pixels, (n,)."""
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def candidates(point, size):
    """Boxes of a label of this size around its point, (n, 4), and the cost of each, (n,)."""
    half = np.asarray(size) / 2
    boxes, costs = [], []
    for ring in RINGS:
        for direction, cost in zip(np.array(DIRECTIONS, float), DIRECTION_COST, strict=True):
            reach = ring * direction / np.hypot(*direction)
            centre = point + reach + direction * half
            boxes.append([*(centre - half), *(centre + half)])
            costs.append(ring + cost)
    return np.array(boxes), np.array(costs, float)


def choose_places(points, sizes, obstacles, frame):
    """A box for each label that overlaps nothing, as near to its point as there is room.

    Parameters
    ----------
    points : ndarray of float, (n, 2)
    sizes : ndarray of float, (n, 2)
        Width and height of each label's text.
    obstacles : ndarray of float, (m, 4)
        Boxes to keep free: markers, error bars, other text.
    frame : sequence of float, (4,)
        The box that all labels must stay in.

    Returns
    -------
    ndarray of float, (n, 4)
        Where there is no free place, the label overlaps as little as possible.

    Examples
    --------
    >>> points, sizes, nothing = np.array([[50.0, 50.0]]), np.array([[40.0, 10.0]]), np.empty((0, 4))
    >>> choose_places(points, sizes, nothing, frame=(0, 0, 200, 100)).tolist()
    [[63.0, 45.0, 103.0, 55.0]]
    """
    places = [candidates(point, size) for point, size in zip(points, sizes, strict=True)]
    # What does not depend on the other labels is counted once.
    fixed = [
        costs + [_outside(box, frame) + _in_the_way(point, box, obstacles) for box in boxes]
        for point, (boxes, costs) in zip(points, places, strict=True)
    ]
    chosen = np.full((len(points), 4), np.inf)  # not placed yet: overlaps nothing
    crowded_first = np.argsort([-np.sum(cost > COLLISION) for cost in fixed], kind="stable")
    for _ in range(SWEEPS):
        before = chosen.copy()
        for i in crowded_first:
            others = np.delete(chosen, i, axis=0)
            cost = fixed[i] + [_in_the_way(points[i], box, others) for box in places[i][0]]
            chosen[i] = places[i][0][np.argmin(cost)]
        if np.array_equal(chosen, before):
            break
    return chosen


def _in_the_way(point, box, boxes):
    """Cost of a label in `box` for what it, and the line from its point, would cover."""
    area = overlap(box + [-GAP, -GAP, GAP, GAP], boxes)
    line = point + np.linspace(0, 1, 20)[:, None] * (nearest_in(box, point) - point)
    hit = (
        _contains(boxes, line).any(axis=1) & ~_contains(boxes, point[None])[:, 0]
    )  # not the point's own marker
    return COLLISION * np.sum(area > 0) + area.sum() + CROSSING * hit.sum()


def _contains(boxes, points):
    """Which box contains which point, (n boxes, n points)."""
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    return ((low <= points) & (points <= high)).all(axis=2)


def _outside(box, frame):
    beyond = np.maximum([frame[0] - box[0], frame[1] - box[1], box[2] - frame[2], box[3] - frame[3]], 0)
    return 10 * COLLISION * np.any(beyond > 0) + beyond.sum()


def nearest_in(box, point):
    """The point of `box` nearest to `point`: where a leader line ends."""
    return np.clip(point, box[:2], box[2:])


def label_points(axes, x, y, names, colors=None, obstacles=(), marker_radius=8, **text):
    """Write each name beside its point, with a thin line to it where it had to move away.

    Call it last: what is drawn or rescaled afterwards is not avoided.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, y : sequence of float, (n,)
        Points in data coordinates.
    names : sequence of str, (n,)
    colors : sequence of colours, (n,), or None
    obstacles : sequence of (left, bottom, right, top)
        More places to keep free, in pixels of the drawn figure.
    marker_radius : float
        Half the width of the markers, in pixels.
    **text
        Properties of all labels, for example ``fontsize=11``.

    Returns
    -------
    list of matplotlib.text.Annotation
    """
    if not len(x) == len(y) == len(names):
        raise ValueError(f"names must hold one for each of the {len(x)} points, got {len(names)}")
    fig = axes.figure
    colors = ["black"] * len(names) if colors is None else colors
    to_points = 72 / fig.dpi  # offsets in points, so that the figure may be saved at any resolution
    labels = [
        axes.annotate(name, point, xytext=(0, 0), textcoords="offset points", color=color, **text)
        for name, color, *point in zip(names, colors, x, y, strict=True)
    ]
    fig.canvas.draw()  # settles the layout, so that pixels mean what they will mean in the file
    fig.set_layout_engine("none")
    renderer = fig.canvas.get_renderer()
    points = axes.transData.transform(np.column_stack([x, y]))
    extents = np.reshape([label.get_window_extent(renderer).extents for label in labels], (-1, 4))
    markers = np.hstack([points - marker_radius, points + marker_radius])
    taken = np.vstack([markers, np.reshape(obstacles, (-1, 4))])
    frame = axes.get_window_extent(renderer).extents + [GAP, GAP, -GAP, -GAP]
    places = choose_places(points, extents[:, 2:] - extents[:, :2], taken, frame)
    for label, point, box, extent in zip(labels, points, places, extents, strict=True):
        label.set_position((box[:2] - extent[:2]) * to_points)
        nearest = nearest_in(box, point)
        if np.hypot(*(nearest - point)) > LEADER_FROM:
            axes.annotate(
                "",
                label.xy,
                xytext=(nearest - point) * to_points,
                textcoords="offset points",
                arrowprops={
                    "arrowstyle": "-",
                    "color": label.get_color(),
                    "linewidth": 0.8,
                    "shrinkA": 1,
                    "shrinkB": marker_radius * to_points,
                },
            )
    return labels
