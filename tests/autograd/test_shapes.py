import numpy as np
import pytest

from qbref.autograd import unbroadcast


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (3, 4), (1, 1, 1), (2, 1, 4), (2, 3, 4)])
def test_unbroadcast_counts_the_copies_that_broadcasting_made(shape):
    full = (2, 3, 4)
    grad = unbroadcast(np.ones(full), shape)
    assert grad.shape == shape
    assert np.all(grad == 24 // np.prod(shape, dtype=int))


def test_unbroadcast_sums_along_the_right_axes():
    grad = np.arange(6.0).reshape(2, 3)
    assert unbroadcast(grad, (3,)).tolist() == [3, 5, 7]
    assert unbroadcast(grad, (2, 1)).tolist() == [[3], [12]]
    assert unbroadcast(grad, (2, 3)) is grad


def test_unbroadcast_of_an_empty_axis_is_zero():
    assert unbroadcast(np.ones((0, 3)), (1, 3)).tolist() == [[0, 0, 0]]
