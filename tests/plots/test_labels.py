"""Boxes are measured again from the drawn figure, not with the functions that placed the labels."""

import numpy as np
import pytest

from qbref import plots
from qbref.plots.labels import candidates, choose_places, overlap

NOTHING = np.empty((0, 4))


def share_area(a, b):
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def inside(box, frame):
    return frame[0] <= box[0] and frame[1] <= box[1] and box[2] <= frame[2] and box[3] <= frame[3]


def test_overlap_is_the_area_shared():
    boxes = np.array([[0, 0, 2, 2], [1, 1, 5, 5], [3, 0, 4, 9], [2, 0, 3, 2], [np.inf] * 4])
    assert overlap(np.array([0.0, 0.0, 3.0, 3.0]), boxes).tolist() == [4, 4, 0, 2, 0]


def test_candidates_keep_the_size_and_never_cover_their_own_point():
    boxes, costs = candidates(np.array([10.0, 20.0]), (30.0, 8.0))
    assert len(boxes) == len(costs)
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], np.tile([30, 8], (len(boxes), 1)))
    assert not any(share_area(box, (5, 15, 15, 25)) for box in boxes)
    assert boxes[np.argmin(costs)].tolist() == [23, 16, 53, 24]  # to the right, 13 pixels away


def test_a_lonely_label_stands_to_the_right_and_at_the_right_edge_to_the_left():
    size = np.array([[40.0, 10.0]])
    middle = choose_places(np.array([[50.0, 50.0]]), size, NOTHING, (0, 0, 200, 100))
    edge = choose_places(np.array([[190.0, 50.0]]), size, NOTHING, (0, 0, 200, 100))
    assert middle[0, 0] > 50 and edge[0, 2] < 190


def test_a_label_does_not_reach_across_an_obstacle_when_there_is_another_way():
    # Right of the point stands a thin wall with room behind it; everything to the left is taken.
    taken = np.array([[60.0, -6.0, 62.0, 6.0], [-500.0, -500.0, 45.0, 500.0]])
    box = choose_places(np.array([[50.0, 0.0]]), np.array([[40.0, 10.0]]), taken, (-500, -500, 500, 500))[0]
    assert box[0] > 62 and box[1] > 6  # above the wall, though straight behind it would be nearer


def test_labels_without_any_free_place_still_get_one():
    points, sizes = np.full((3, 2), 50.0), np.tile([90.0, 90.0], (3, 1))
    assert np.isfinite(choose_places(points, sizes, NOTHING, (0, 0, 100, 100))).all()


def test_random_crowds_of_labels_never_collide():
    frame = (0, 0, 800, 500)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = rng.uniform((250, 200), (550, 320), size=(8, 2))
        sizes = np.column_stack([rng.uniform(40, 150, 8), np.full(8, 15.0)])
        markers = np.hstack([points - 7, points + 7])
        boxes = choose_places(points, sizes, markers, frame)
        for i, box in enumerate(boxes):
            assert inside(box, frame)
            assert not any(share_area(box, marker) for marker in markers)
            assert not any(share_area(box, other) for other in boxes[i + 1 :])


def test_labels_of_a_drawn_crowd_cover_neither_each_other_nor_markers_nor_the_frame(tmp_path):
    names = ["float32", "PTQ int8", "a rather long name here", "QAT int4", "LUT", "binary", "XNOR", "8"]
    x = [1.0, 1.02, 1.03, 1.06, 1.07, 1.08, 1.0, 1.09]
    y = [5.0, 5.1, 5.0, 5.2, 5.1, 5.0, 5.15, 5.25]
    with plots.style():
        fig = plots.figure(900, 540)
        axes = fig.add_subplot(xlim=(0.9, 1.2), ylim=(4.5, 5.7))
        axes.plot(x, y, "o", markersize=8)
        labels = plots.label_points(axes, x, y, names)
    plots.save(fig, tmp_path / "crowd.png")
    renderer = fig.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer).extents for label in labels]
    radius = 8 * fig.dpi / 72 / 2
    markers = [
        (px - radius, py - radius, px + radius, py + radius)
        for px, py in axes.transData.transform(np.column_stack([x, y]))
    ]
    frame = axes.get_window_extent(renderer).extents
    for i, box in enumerate(boxes):
        assert inside(box, frame), names[i]
        assert not any(share_area(box, other) for other in boxes[i + 1 :]), names[i]
        assert not any(share_area(box, marker) for marker in markers), names[i]


def test_labels_that_moved_away_get_a_line_and_others_none():
    with plots.style():
        axes = plots.figure(400, 300).add_subplot(xlim=(0, 2), ylim=(0, 2))
        plots.label_points(axes, [1], [1], ["near"])
        assert len(axes.texts) == 1
        axes = plots.figure(400, 300).add_subplot(xlim=(0, 2), ylim=(0, 2))
        point = np.array([200, 150])
        plots.label_points(axes, [1], [1], ["far"], obstacles=[(*(point - 40), *(point + 40))])
        assert len(axes.texts) == 2


def test_labels_stay_apart_when_the_figure_is_saved_at_another_scale(tmp_path):
    with plots.style():
        fig = plots.figure(400, 300)
        axes = fig.add_subplot(xlim=(0, 2), ylim=(0, 2))
        labels = plots.label_points(axes, [1, 1.02], [1, 1.02], ["first", "second"])
    # In points: a distance that is meant in pixels would halve when pixels do.
    assert all(label.anncoords == "offset points" for label in labels)
    before = [label.get_position() for label in labels]
    plots.save(fig, tmp_path / "twice.png", scale=2)
    assert [label.get_position() for label in labels] == before


def test_no_points_need_no_labels():
    with plots.style():
        assert plots.label_points(plots.figure().add_subplot(), [], [], []) == []


def test_names_and_points_must_be_equally_many():
    with pytest.raises(ValueError, match="names must hold one for each of the 2 points, got 1"):
        plots.label_points(plots.figure().add_subplot(), [1, 2], [1, 2], ["one"])
