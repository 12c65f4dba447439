import numpy as np
import pytest

from qbref.autograd import Tensor, embedding, grad_check

WEIGHT = np.random.default_rng(0).normal(size=(5, 3))
INDICES = np.array([[0, 4, 4], [2, 4, 0]])


def test_rows_are_looked_up_and_repeated_rows_collect_every_upstream():
    assert np.array_equal(embedding(INDICES, Tensor(WEIGHT)).data, WEIGHT[INDICES])
    assert grad_check(lambda w: embedding(INDICES, w), [WEIGHT])


@pytest.mark.parametrize("padding_idx", [4, -1])
def test_padding_row_is_returned_but_gets_no_gradient(padding_idx):
    weight = Tensor(WEIGHT, requires_grad=True)
    y = embedding(INDICES, weight, padding_idx)
    assert np.array_equal(y.data, WEIGHT[INDICES])
    y.sum().backward()
    assert weight.grad.tolist() == [[2] * 3, [0] * 3, [1] * 3, [0] * 3, [0] * 3]


def test_any_integer_type_and_no_indices_at_all_are_fine():
    weight = Tensor(WEIGHT.astype(np.float32), requires_grad=True)
    assert embedding(np.array([1], np.uint8), weight).dtype == np.float32
    assert embedding(np.zeros((2, 0), np.int64), weight).shape == (2, 0, 3)


def test_wrong_indices_are_refused():
    weight = Tensor(WEIGHT)
    with pytest.raises(TypeError, match="indices must be integers, got float64"):
        embedding(np.array([1.0]), weight)
    with pytest.raises(ValueError, match=r"indices must be in \[0, 4\], got 0 to 5"):
        embedding(np.array([0, 5]), weight)
    with pytest.raises(ValueError, match=r"indices must be in \[0, 4\], got -1 to 2"):
        embedding(np.array([-1, 2]), weight)
    with pytest.raises(ValueError, match=r"padding_idx must be in \[-5, 4\], got 5"):
        embedding(INDICES, weight, padding_idx=5)
    with pytest.raises(ValueError, match="weight must have shape"):
        embedding(INDICES, Tensor(WEIGHT[0]))
