import numpy as np
import pytest

from qbref.autograd import Tensor, grad_check, log_softmax, softmax

X = np.random.default_rng(0).normal(size=(3, 4, 2))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_and_log_softmax_match_their_formulas(axis):
    expected = np.exp(X) / np.exp(X).sum(axis=axis, keepdims=True)
    # rtol: a few float64 roundings
    np.testing.assert_allclose(softmax(Tensor(X), axis).data, expected, rtol=1e-14)
    np.testing.assert_allclose(log_softmax(Tensor(X), axis).data, np.log(expected), rtol=1e-13)
    assert grad_check(lambda x: softmax(x, axis), [X])
    assert grad_check(lambda x: log_softmax(x, axis), [X])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_do_not_overflow(dtype):
    x = Tensor(np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]], dtype), requires_grad=True)
    y, log_y = softmax(x), log_softmax(x)
    third = dtype(1) / dtype(3)
    np.testing.assert_allclose(y.data, [[1, 0, 0], [third] * 3], rtol=1e-6)  # rtol: float32
    np.testing.assert_allclose(log_y.data, [[0, -1e4, -2e4], [np.log(third)] * 3], rtol=1e-6)
    (y + log_y).sum().backward()
    assert y.dtype == log_y.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(x.grad, [[-2, 1, 1], [0, 0, 0]], atol=1e-6)  # 1 − 3 · softmax; atol: float32


def test_masked_scores_get_probability_and_gradient_zero():
    x = Tensor(np.array([1.0, -np.inf, 1.0]), requires_grad=True)
    y = softmax(x)
    y.backward(np.array([1.0, 5.0, 0.0]))
    assert y.data.tolist() == [0.5, 0.0, 0.5]
    assert x.grad.tolist() == [0.25, 0.0, -0.25]


def test_axis_is_checked():
    for fn in (softmax, log_softmax):
        with pytest.raises(ValueError, match=r"axis must be in \[-3, 2\]"):
            fn(Tensor(X), axis=3)
