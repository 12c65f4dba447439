import math

import numpy as np
import pytest

import qbref as qb
from qbref import qnn
from tests.binary.kinks import kinks


def filters(dtype):
    """Two filters of every finite kink, and a random upstream."""
    values = kinks(dtype)
    values = np.random.default_rng(0).permutation(values[np.isfinite(values)])
    w = values[: len(values) // 6 * 6].reshape(2, 3, -1)
    return w, np.random.default_rng(1).normal(size=w.shape).astype(dtype)


def expected(form, w, g, input_channels):
    """One filter's gradient, from the formulas of paper, released code and product rule."""
    n, alpha = len(w), math.fsum(map(abs, w)) / len(w)
    signs = [-1 if v < 0 else 1 for v in w]
    total = math.fsum(a * s for a, s in zip(g, signs, strict=True))
    closed = [alpha * (abs(v) <= 1) for v in w]
    released = [(1 / n + alpha * (abs(v) < 1)) * (1 - 1 / input_channels) for v in w]
    rows = {
        "ste": [c * a for c, a in zip(closed, g, strict=True)],
        "paper": [(1 / n + c) * a for c, a in zip(closed, g, strict=True)],
        "released": [r * a for r, a in zip(released, g, strict=True)],
        "released_sgd": [n * r * a for r, a in zip(released, g, strict=True)],
        "product_rule": [s * total / n + c * a for s, c, a in zip(signs, closed, g, strict=True)],
    }
    return rows[form]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["ste", "paper", "released", "released_sgd", "product_rule"])
def test_each_backward_form_at_every_kink(form, dtype):
    w, upstream = filters(dtype)
    leaf = qb.Tensor(w, requires_grad=True)
    y = qnn.XNORNet(form)(leaf)
    y.backward(upstream)
    alpha = np.abs(w.astype(np.float64)).mean(axis=(1, 2), keepdims=True)
    # one rounding of alpha
    np.testing.assert_allclose(y.data, alpha * np.where(w < 0, -1, 1), rtol=2 * np.finfo(dtype).eps)
    for i in range(2):
        rows = expected(form, w[i].ravel().tolist(), upstream[i].ravel().tolist(), 3)
        # a few roundings of sums and products of size up to n · 3
        np.testing.assert_allclose(leaf.grad[i].ravel(), rows, rtol=0, atol=200 * np.finfo(dtype).eps)


def test_ste_is_what_binary_weights_do():
    w, upstream = filters(np.float32)
    grads = []
    for quantizer in (qnn.BinaryWeights(), qnn.XNORNet()):
        leaf = qb.Tensor(w, requires_grad=True)
        quantizer(leaf).backward(upstream)
        grads.append(leaf.grad)
        levels = quantizer.levels(w)
        assert levels.n_bits == 1 and levels.scale.shape == (2,)
    assert (grads[0] == grads[1]).all()


def test_constrain_centers_over_input_channels_and_then_clips():
    w = np.array([[[3.0, 0.5], [0.0, 0.25]]], np.float32)  # means 1.5 and 0.375
    qnn.XNORNet().constrain(w)
    assert w.tolist() == [[[1.0, 0.125], [-1.0, -0.125]]]


def test_a_filter_of_one_input_channel_would_be_centered_away():
    with pytest.raises(ValueError, match="weights must have two input channels to be centered"):
        qnn.XNORNet().constrain(np.ones((4, 1, 3, 3), np.float32))


def test_an_unknown_backward_is_refused():
    with pytest.raises(ValueError, match="backward must be one of"):
        qnn.XNORNet("adam")
