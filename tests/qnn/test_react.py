"""RSign and RPReLU as layers: every gradient at every kink, and the shifts that learn."""

import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn
from tests.binary.kinks import kinks

ALPHA = [0.5, -1.0]


def columns(dtype, *places):
    x = kinks(dtype, *places)
    x = x[np.isfinite(x)]
    x = np.stack([x, x[::-1]], axis=1)
    return x, np.random.default_rng(0).normal(size=x.shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha_gradient", ["released", "paper"])
@pytest.mark.parametrize(
    "surrogate, factor",
    [
        ("approx_sign", lambda d: np.where(np.abs(d) <= 1, 2 - 2 * np.abs(d), 0)),
        ("ste_sign", lambda d: np.where(np.abs(d) <= 1, 1, 0)),
    ],
)
def test_rsign_and_its_shift_at_every_kink(surrogate, factor, alpha_gradient, dtype):
    layer = qnn.RSign(2, surrogate, alpha_gradient).to(dtype)
    layer.alpha.data[:] = ALPHA
    x, upstream = columns(dtype, *map(abs, ALPHA), 1.5, 2)
    leaf = qb.Tensor(x, requires_grad=True)
    y = layer(leaf)
    y.backward(upstream)
    shifted = (x - dtype(ALPHA)).astype(dtype)
    assert (y.data == np.where(shifted < 0, -1, 1)).all()
    dx = upstream * factor(shifted).astype(dtype)
    assert (leaf.grad == dx).all()
    total = (dx if alpha_gradient == "released" else upstream).sum(axis=0, dtype=float)
    np.testing.assert_allclose(
        layer.alpha.grad, -total, rtol=4 * np.finfo(dtype).eps
    )  # one rounding of the sum


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rprelu_and_its_parameters_at_every_kink(dtype):
    layer = qnn.RPReLU(2).to(dtype)
    beta, gamma, zeta = np.array([[0.25, -0.5], [0.5, -1.0], [1.0, 0.125]], dtype)
    layer.beta.data[:], layer.gamma.data[:], layer.zeta.data[:] = beta, gamma, zeta
    x, upstream = columns(dtype, 1.5)
    leaf = qb.Tensor(x, requires_grad=True)
    y = layer(leaf)
    y.backward(upstream)
    above = x > gamma
    slope = np.where(above, 1, beta)
    close = dict(
        rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
    )  # sums in another order, x − γ rounded
    np.testing.assert_allclose(y.data, np.where(above, x - gamma + zeta, beta * (x - gamma) + zeta), **close)
    np.testing.assert_allclose(leaf.grad, upstream * slope, **close)
    wide = upstream.astype(float)
    np.testing.assert_allclose(layer.beta.grad, np.where(above, 0, wide * (x - gamma)).sum(axis=0), **close)
    np.testing.assert_allclose(layer.gamma.grad, -(wide * slope).sum(axis=0), **close)
    np.testing.assert_allclose(layer.zeta.grad, wide.sum(axis=0), **close)


def test_rprelu_gradients_are_true_derivatives_off_the_kink():
    layer = qnn.RPReLU(3).to(np.float64)

    def fn(x, beta, gamma, zeta):
        layer.beta, layer.gamma, layer.zeta = (nn.Parameter(t.data) for t in (beta, gamma, zeta))
        for name, t in (("beta", beta), ("gamma", gamma), ("zeta", zeta)):
            layer.__dict__[name] = t
        return layer(x)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3, 2, 2))
    qb.grad_check(fn, [x, rng.normal(size=3), np.full(3, 0.01), rng.normal(size=3)])


def test_shifts_of_images_are_per_channel():
    layer = qnn.RSign(2)
    layer.alpha.data[:] = ALPHA
    x = np.array([0.4, -0.9], np.float32).reshape(1, 2, 1, 1) * np.ones((1, 2, 3, 3), np.float32)
    assert (layer(x).data == np.array([-1, 1]).reshape(1, 2, 1, 1)).all()
    assert (qnn.RPReLU(2)(x).data[:, 1] == np.float32(-0.9) * np.float32(0.25)).all()


def test_rprelu_has_no_quantized_form_and_says_where():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), qnn.RPReLU(2))
    with pytest.raises(ValueError, match="layer '1' must be one that quantization knows, got RPReLU"):
        ptq.quantize_static(model, [np.ones((2, 1, 5, 5), np.float32)])


def test_an_unknown_alpha_gradient_is_refused():
    with pytest.raises(ValueError, match="alpha_gradient must be 'released' or 'paper'"):
        qnn.RSign(2, alpha_gradient="true")
