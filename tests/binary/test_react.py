import math

import numpy as np
import pytest

from qbref.binary import (
    rprelu,
    rprelu_backward,
    rsign,
    rsign_backward,
    rsign_backward_paper,
    ste_sign_gradient,
)
from tests.binary.kinks import kinks

# the released code's modules, run in PyTorch 2.13 (float64)
UPSTREAM = np.array([[1.0, 2.0], [-3.0, 4.0], [5.0, 6.0]])


def columns(dtype, *places):
    """Two channels of every finite kink, and an upstream gradient."""
    x = kinks(dtype, *places)
    x = x[np.isfinite(x)]
    x = np.stack([x, x[::-1]], axis=1)
    return x, np.random.default_rng(0).normal(size=x.shape).astype(dtype)


def test_rsign_is_that_of_the_released_code():
    x, alpha = np.array([[-1.5, -0.75], [0.0, 1.0], [0.5, 0.25]]), np.array([0.5, 0.25])
    assert rsign(x, alpha, at_zero=0).tolist() == [[-1, -1], [-1, 1], [0, 0]]
    dx, dalpha = rsign_backward(UPSTREAM, x, alpha)
    assert dx.tolist() == [[0, 0], [-3, 2], [10, 12]]
    assert dalpha.tolist() == [-7, -14]


@pytest.mark.parametrize("at_zero", [1, 0, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rsign_at_the_shift_and_one_step_beside_it(dtype, at_zero):
    alpha = np.array([0.5, -1.0], dtype)
    x, _ = columns(dtype)
    result = rsign(x, alpha, at_zero=at_zero)
    assert result.dtype == dtype
    expected = [
        [1 if v > a else -1 if v < a else at_zero for v, a in zip(row, alpha, strict=True)]
        for row in x.tolist()
    ]
    assert result.tolist() == expected
    assert at_zero in result[x == alpha]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradients_of_rsign_at_every_kink(dtype):
    alpha = np.array([0.5, -1.0], dtype)
    x, upstream = columns(dtype, 1.5, 2)
    shifted = (x - alpha).tolist()  # the kinks of the surrogate are at α ± 1
    dx, dalpha = rsign_backward(upstream, x, alpha)
    expected = np.array(
        [
            [g * (2 - 2 * abs(z)) if abs(z) <= 1 else 0 for g, z in zip(*r, strict=True)]
            for r in zip(upstream.tolist(), shifted, strict=True)
        ]
    )
    assert dx.dtype == dalpha.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps  # a product of numbers up to 4, rounded once
    np.testing.assert_allclose(dx, expected, rtol=0, atol=tolerance)
    sums = [-math.fsum(column) for column in expected.T]
    np.testing.assert_allclose(dalpha, sums, rtol=0, atol=tolerance * len(x))
    paper_dx, paper_dalpha = rsign_backward_paper(upstream, x, alpha)
    assert (paper_dx == dx).all() and paper_dalpha.dtype == dtype
    sums = [-math.fsum(column) for column in upstream.T.tolist()]
    np.testing.assert_allclose(paper_dalpha, sums, rtol=0, atol=tolerance * len(x))
    assert (np.abs(paper_dalpha - dalpha) > 0.1).all()


def test_another_surrogate_can_be_used():
    dx, dalpha = rsign_backward([[1.0, 1.0]], [[0.5, 3.0]], [0.0, 0.0], surrogate=ste_sign_gradient)
    assert dx.tolist() == [[1, 0]] and dalpha.tolist() == [-1, 0]


def test_rprelu_is_that_of_the_released_code():
    x = np.array([[-2.0, 0.5], [1.0, 0.25], [0.5, -1.0]])
    beta, gamma, zeta = np.array([0.25, -0.5]), np.array([0.5, 0.25]), np.array([1.0, -2.0])
    assert rprelu(x, beta, gamma, zeta).tolist() == [[0.375, -1.75], [1.5, -2.0], [1.0, -1.375]]
    dx, dbeta, dgamma, dzeta = rprelu_backward(UPSTREAM, x, beta, gamma)
    assert dx.tolist() == [[0.25, 2.0], [-3.0, -2.0], [1.25, -3.0]]
    assert dbeta.tolist() == [-2.5, -7.5]
    assert dgamma.tolist() == [1.5, 3.0]
    assert dzeta.tolist() == [3.0, 12.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rprelu_and_its_gradients_at_every_kink(dtype):
    beta, gamma, zeta = (np.array(v, dtype) for v in ([0.25, -2.0], [0.5, -1.0], [0.125, 3.0]))
    x, g = columns(dtype)
    y = rprelu(x, beta, gamma, zeta)
    dx, dbeta, dgamma, dzeta = rprelu_backward(g, x, beta, gamma)
    assert {a.dtype for a in (y, dx, dbeta, dgamma, dzeta)} == {np.dtype(dtype)}
    tolerance = float(8 * np.finfo(dtype).eps)  # roundings of numbers up to 8
    for c in range(2):
        b, m, z = float(beta[c]), float(gamma[c]), float(zeta[c])
        column, upstream = x[:, c].tolist(), g[:, c].tolist()
        slope = [1 if v > m else b for v in column]
        expected = [v - m + z if v > m else b * (v - m) + z for v in column]
        np.testing.assert_allclose(y[:, c], expected, rtol=0, atol=tolerance)
        products = [u * s for u, s in zip(upstream, slope, strict=True)]
        np.testing.assert_allclose(dx[:, c], products, rtol=0, atol=tolerance)
        below = [u * (v - m) for u, v in zip(upstream, column, strict=True) if v <= m]
        for found, terms in ((dbeta, below), (-dgamma, products), (dzeta, upstream)):
            assert found[c] == pytest.approx(math.fsum(terms), abs=tolerance * len(x))


def test_the_gradients_of_rprelu_are_true_derivatives():
    rng = np.random.default_rng(1)
    x, g, h = rng.normal(size=(5, 2, 3, 3)), rng.normal(size=(5, 2, 3, 3)), 1e-7
    parameters = [np.array([0.25, -0.5]), np.array([0.1, -0.2]), np.array([1.0, -1.0])]
    assert np.abs(x - parameters[1].reshape(1, 2, 1, 1)).min() > 10 * h  # off the kink
    _, *gradients = rprelu_backward(g, x, *parameters[:2])
    for position, gradient in enumerate(gradients):
        for c in range(2):
            losses = []
            for step in (h, -h):
                moved = [p.copy() for p in parameters]
                moved[position][c] += step
                losses.append((g * rprelu(x, *moved)).sum())
            # linear or bilinear: only cancellation, 2⁻⁵³ · 50 / h
            assert gradient[c] == pytest.approx((losses[0] - losses[1]) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("axis", [1, -1, 0])
def test_the_channel_axis_can_be_anywhere(axis):
    rng = np.random.default_rng(2)
    x, g, p = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2)), rng.normal(size=(3, 3))
    first = rprelu_backward(g, x, p[0], p[1])
    moved = rprelu_backward(np.moveaxis(g, 1, axis), np.moveaxis(x, 1, axis), p[0], p[1], axis=axis)
    np.testing.assert_array_equal(np.moveaxis(first[0], 1, axis), moved[0])
    for one, other in zip(first[1:], moved[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)  # sums in another order
    shifted = rsign(np.moveaxis(x, 1, axis), p[2], axis)
    np.testing.assert_array_equal(np.moveaxis(rsign(x, p[2]), 1, axis), shifted)


def test_a_difference_beyond_every_float_keeps_its_sign_without_a_warning():
    largest = np.finfo(np.float32).max
    x, alpha = np.array([[largest, -largest]]), np.array([-largest, largest])
    assert rsign(x, alpha).tolist() == [[1, -1]]


def test_bad_arguments_are_named():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"alpha must hold one number per index of axis 1"):
        rsign(x, np.zeros(2))
    with pytest.raises(ValueError, match="alpha must be finite, got nan"):
        rsign(x, np.array([0.0, np.nan, 0.0]))
    with pytest.raises(ValueError, match="zeta must hold one number"):
        rprelu(x, np.zeros(3), np.zeros(3), np.zeros(()))
    with pytest.raises(ValueError, match=r"upstream must have shape \(2, 3\)"):
        rprelu_backward(np.zeros(3), x, np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="axis 2 of shape"):
        rsign(x, np.zeros(3), axis=2)
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        rsign(x.astype(int), np.zeros(3))


def test_infinite_inputs_keep_their_side():
    assert rprelu([[np.inf], [-np.inf]], [0.25], [1.0], [0.0]).tolist() == [[np.inf], [-np.inf]]
