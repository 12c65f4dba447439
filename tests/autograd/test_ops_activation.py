import math

import numpy as np
import pytest

from qbref import autograd as ag
from qbref.autograd import Tensor, grad_check
from qbref.autograd.erf import erf

X = np.array([[-3.1, -0.4, 0.2], [0.9, 2.5, -1.3]])
ACTIVATIONS = {
    "relu": (ag.relu, lambda v: max(v, 0.0)),
    "tanh": (ag.tanh, math.tanh),
    "sigmoid": (ag.sigmoid, lambda v: 1 / (1 + math.exp(-v))),
    "gelu": (ag.gelu, lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2),
    "gelu tanh": (
        lambda x: ag.gelu(x, approximate="tanh"),
        lambda v: v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) / 2,
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_matches_its_formula_and_gradient(name):
    fn, formula = ACTIVATIONS[name]
    expected = np.vectorize(formula)(X)
    # rtol, atol: a few float64 roundings, also where 1 + erf cancels
    np.testing.assert_allclose(fn(Tensor(X)).data, expected, rtol=1e-14, atol=1e-15)
    assert grad_check(fn, [X])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_keeps_float32(name):
    x = Tensor(X.astype(np.float32), requires_grad=True)
    y = ACTIVATIONS[name][0](x)
    y.backward(np.ones_like(y.data))
    assert y.dtype == x.grad.dtype == np.float32


def test_relu_has_no_slope_at_zero():
    x = Tensor([-1.0, -0.0, 0.0, 2.0], requires_grad=True)
    x.relu().sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1]  # as torch.relu


def test_relu_keeps_nan():
    assert np.isnan(ag.relu(Tensor([np.nan])).data[0])


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "gelu tanh"])
def test_saturated_activations_neither_overflow_nor_lose_their_limits(name):
    x = Tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    y = ACTIVATIONS[name][0](x)
    y.sum().backward()
    limits = {"tanh": [-1, -1, 1, 1], "sigmoid": [0, 0, 1, 1]}.get(name, [0, 0, 100, 1e4])
    slopes = [0, 0, 1, 1] if name.startswith("gelu") else [0, 0, 0, 0]
    # atol: sigmoid(−100) is 4e-44
    np.testing.assert_allclose(y.data, limits, atol=1e-43)
    np.testing.assert_allclose(x.grad, slopes, atol=1e-43)


def test_sigmoid_is_accurate_in_the_left_tail():
    # rtol: two float64 roundings; 1 / (1 + e³⁰) = e⁻³⁰ · (1 − 1e-13…)
    expected = math.exp(-30) / (1 + math.exp(-30))
    np.testing.assert_allclose(ag.sigmoid(Tensor(np.array([-30.0]))).data, [expected], rtol=1e-15)


def test_gelu_approximation_is_validated():
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'exact'"):
        ag.gelu(Tensor([1.0]), approximate="exact")


def test_erf_matches_math_erf():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.0, -0.0, 1e-300, 5.999, 6.001, 1e30, np.inf, -np.inf]])
    expected = [math.erf(v) for v in x]
    assert np.abs(erf(x) - expected).max() < 1e-15  # the bound its docstring states
    assert np.array_equal(erf(-x), -erf(x))
    assert np.isnan(erf(np.array([np.nan])))[0]


def test_erf_of_float32_is_rounded_once():
    x = np.linspace(-5, 5, 20_001, dtype=np.float32)
    expected = np.array([math.erf(v) for v in x], np.float32)
    y = erf(x)
    assert y.dtype == np.float32
    # The error before rounding; only near 0 are float32 steps finer than that.
    assert np.abs(y - expected).max() <= 1e-15
    assert erf(np.zeros((0, 3), np.float32)).shape == (0, 3)
