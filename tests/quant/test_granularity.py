import numpy as np
import pytest

from qbref.quant.granularity import expand, groups, scale_shape

CASES = [(None, None), (0, None), (1, None), (-1, None), (0, 2), (1, 2), (-1, 3), (1, 99)]


@pytest.mark.parametrize(("axis", "block_size"), CASES)
def test_groups_visit_every_element_once_with_the_scale_expand_gives_it(axis, block_size):
    shape = (3, 5, 4)
    table = scale_shape(shape, axis, block_size)
    numbers = np.arange(np.prod(table, dtype=int)).reshape(table)
    expanded = np.broadcast_to(expand(numbers, shape, axis, block_size), shape)
    visited = np.zeros(shape, int)
    for position, index in groups(shape, axis, block_size):
        visited[index] += 1
        assert (expanded[index] == numbers[position]).all()
    assert (visited == 1).all()


def test_scale_shapes_by_hand():
    assert scale_shape((3, 10)) == ()
    assert scale_shape((3, 10), -1) == (10,)
    assert scale_shape((3, 10), 1, 4) == (3, 3)
    assert scale_shape((3, 10), 0, 4) == (1, 10)
    assert scale_shape((3, 0), 1, 4) == (3, 0)


def test_a_missing_dimension_is_named():
    with pytest.raises(ValueError, match=r"axis must be a dimension of x, got axis 2 for shape \(3, 10\)"):
        scale_shape((3, 10), 2)
