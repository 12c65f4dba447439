"""Activations: hand values, formulas in the math module, derivatives at the kinks."""

import math

import numpy as np
import pytest

import qbref.nn.functional as F
from qbref import nn
from qbref.autograd import Tensor, grad_check

X = [-7.0, -1.5, -0.3, 0.2, 0.9, 2.5, 6.5]

SCALAR_FORMULAS = [
    (nn.ReLU(), lambda x: max(0.0, x)),
    (nn.ReLU6(), lambda x: min(max(0.0, x), 6.0)),
    (nn.Hardtanh(), lambda x: min(max(-1.0, x), 1.0)),
    (nn.Hardtanh(-0.5, 2.0), lambda x: min(max(-0.5, x), 2.0)),
    (nn.GELU(), lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    (nn.GELU("tanh"), lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (nn.Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    (nn.Tanh(), math.tanh),
]


@pytest.mark.parametrize(
    "layer, formula", SCALAR_FORMULAS, ids=lambda v: repr(v) if isinstance(v, nn.Module) else ""
)
def test_activations_equal_their_formula_in_the_math_module(layer, formula):
    # Both sides round a few float64 operations on numbers below 10.
    np.testing.assert_allclose(layer(np.array(X)).data, [formula(x) for x in X], rtol=1e-13, atol=1e-15)
    assert grad_check(layer, [np.array(X)], rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "function, x, expected",
    [
        (F.relu, [-1, 0, 1], [0, 0, 1]),
        (F.relu6, [-1, 0, 3, 6, 7], [0, 0, 1, 0, 0]),
        (F.hardtanh, [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]),
    ],
)
def test_gradients_at_the_kinks_are_zero(function, x, expected):
    x = Tensor([float(v) for v in x], requires_grad=True)
    function(x).backward(np.ones(x.shape, np.float32))
    assert x.grad.tolist() == expected


def test_hardtanh_takes_infinite_bounds_and_keeps_the_dtype():
    y = F.hardtanh(np.array([-5, 9], np.float32), 0.0, np.inf)
    assert y.data.tolist() == [0, 9] and y.dtype == np.float32
    with pytest.raises(ValueError, match="min_val must be below max_val"):
        F.hardtanh(y, 1.0, float("nan"))


def test_softmax_is_taken_along_dim_and_survives_large_logits():
    x = np.array([[0.0, math.log(3)], [1e4, -1e4]])
    # exp and log of numbers near 1: one or two roundings.
    np.testing.assert_allclose(nn.Softmax()(x).data, [[0.25, 0.75], [1, 0]], rtol=1e-15)
    np.testing.assert_allclose(F.softmax(x[:1].T, dim=0).data, [[0.25], [0.75]], rtol=1e-15)
    np.testing.assert_allclose(F.log_softmax(x, dim=1).data[1], [0, -2e4], rtol=0)
    assert grad_check(lambda t: F.softmax(t, 0), [np.array([[0.1, 2.0], [1.0, -1.0]])])
