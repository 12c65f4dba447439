import numpy as np
import pytest

from qbref.autograd import Tensor, dropout, grad_check
from qbref.random import manual_seed


def test_kept_elements_are_scaled_up_and_the_rest_is_zero():
    x = Tensor(np.ones(10_000, np.float32), requires_grad=True)
    y = dropout(x, 0.25, training=True, rng=np.random.default_rng(0))
    assert set(np.unique(y.data).tolist()) == {0.0, float(np.float32(4 / 3))}
    kept = (y.data > 0).mean()
    assert abs(kept - 0.75) < 5 * np.sqrt(0.25 * 0.75 / 10_000)  # five standard deviations of the share kept
    y.backward(np.full(10_000, 3, np.float32))
    assert np.array_equal(x.grad, 3 * y.data)
    assert y.dtype == x.grad.dtype == np.float32


def test_gradient_matches_the_difference_quotient():
    x = np.random.default_rng(0).normal(size=(4, 5))
    assert grad_check(lambda t: dropout(t, 0.4, training=True, rng=np.random.default_rng(1)), [x])


def test_evaluation_and_p_zero_return_the_input_itself():
    x = Tensor([1.0])
    assert dropout(x, 0.9, training=False) is x
    assert dropout(x, 0.0, training=True) is x


def test_p_one_drops_everything():
    assert dropout(Tensor([1.0, 2.0]), 1.0, training=True).data.tolist() == [0, 0]


def test_without_rng_the_shared_generator_draws():
    x = Tensor(np.ones(100))
    manual_seed(3)
    first = dropout(x, 0.5, training=True).data
    second = dropout(x, 0.5, training=True).data
    manual_seed(3)
    assert np.array_equal(dropout(x, 0.5, training=True).data, first)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_p_is_checked(p):
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\], got"):
        dropout(Tensor([1.0]), p, training=True)
