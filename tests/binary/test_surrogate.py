import math

import numpy as np
import pytest

from qbref.binary import approx_sign_gradient, identity_gradient, ste_sign_gradient, swish_sign_gradient
from tests.binary.kinks import kinks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_straight_through_window_by_hand(dtype):
    above = np.nextafter(dtype(1), dtype(2))
    below = np.nextafter(dtype(1), dtype(0))
    x = np.array([-above, -1, -below, -0.0, 0.0, below, 1, above, np.inf, np.nan], dtype)
    inclusive = ste_sign_gradient(x)
    assert inclusive.dtype == dtype
    assert inclusive.tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert ste_sign_gradient(x, boundary="exclusive").tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]


def test_the_window_can_be_widened():
    assert ste_sign_gradient([-2.5, -2.0, 1.5], clip_value=2.0).tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_approx_sign_by_hand(dtype):
    x = np.array([-2, -1, -0.75, -0.5, -0.0, 0.25, 1, 1.5, np.inf, -np.inf, np.nan], dtype)
    factor = approx_sign_gradient(x)
    assert factor.dtype == dtype
    assert factor.tolist() == [0, 0, 0.5, 1, 2, 1.5, 0, 0, 0, 0, 0]


def test_the_factors_are_derivatives_of_the_functions_they_stand_for():
    def hard_tanh(x):
        return np.clip(x, -1, 1)

    def piecewise_quadratic(x):  # the approximation of sign in Bi-Real Net
        inner = np.where(x < 0, 2 * x + x**2, 2 * x - x**2)
        return np.where(np.abs(x) < 1, inner, np.sign(x))

    x = np.linspace(-2, 2, 401)[1::3]  # stays off the kinks at -1, 0 and 1 by more than h
    x = x[np.abs(np.abs(x) - 1) > 1e-3]
    x = x[np.abs(x) > 1e-3]
    h = 1e-6
    for surrogate, factor in ((hard_tanh, ste_sign_gradient), (piecewise_quadratic, approx_sign_gradient)):
        quotient = (surrogate(x + h) - surrogate(x - h)) / (2 * h)
        # central differences of a quadratic are exact but for cancellation, 2⁻⁵³ / h
        np.testing.assert_allclose(factor(x), quotient, atol=1e-9)


@pytest.mark.parametrize("function", [ste_sign_gradient, approx_sign_gradient, swish_sign_gradient])
def test_shapes_dtypes_and_strides(function):
    for shape in [(), (0,), (1,), (2, 3)]:
        assert function(np.full(shape, 0.5, np.float32)).shape == shape
    x = np.random.default_rng(0).normal(size=(4, 6))
    assert (function(x.T[::2]) == function(x)[:, ::2].T).all()
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        function(np.zeros(3, np.int32))


def test_bad_options_are_named():
    for clip_value in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="clip_value must be positive"):
            ste_sign_gradient([0.5], clip_value)
    with pytest.raises(ValueError, match="boundary must be one of"):
        ste_sign_gradient([0.5], boundary="strict")


@pytest.mark.parametrize("beta", [1.0, 5.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_swish_sign_is_the_formula_of_the_paper(dtype, beta):
    x = kinks(dtype, 2.4 / beta, 10)
    x = x[np.isfinite(x)]
    expected = [
        beta * (2 - beta * v * math.tanh(beta * v / 2)) / (1 + math.cosh(beta * v)) for v in x.tolist()
    ]
    factor = swish_sign_gradient(x, beta)
    assert factor.dtype == dtype
    # near the zero at |βx| = 2.4 the difference 2 − z·tanh cancels: its rounding is absolute, times β
    np.testing.assert_allclose(factor, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-15 * beta)


def test_swish_sign_is_the_slope_of_sign_swish():
    def sign_swish(x, beta):
        sigma = 1 / (1 + np.exp(-beta * x))
        return 2 * sigma * (1 + beta * x * (1 - sigma)) - 1

    x, h = np.linspace(-2, 2, 81), 1e-5
    quotient = (sign_swish(x + h, 5.0) - sign_swish(x - h, 5.0)) / (2 * h)
    # third derivative of order 5³·5, times h²/6; and cancellation, 2⁻⁵³ / h
    np.testing.assert_allclose(swish_sign_gradient(x), quotient, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_swish_sign_does_not_overflow(dtype):
    largest = np.finfo(dtype).max
    x = np.array([-np.inf, -largest, -1e5, 1e5, largest, np.inf], dtype)
    assert (swish_sign_gradient(x) == 0).all()
    assert np.isnan(swish_sign_gradient(np.array([np.nan], dtype))).all()


def test_swish_sign_wants_a_positive_beta():
    for beta in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="beta must be positive and finite"):
            swish_sign_gradient([0.5], beta)


def test_the_identity_has_no_window():
    x = kinks(np.float32)
    factor = identity_gradient(x)
    assert factor.dtype == np.float32 and factor.shape == x.shape and (factor == 1).all()
