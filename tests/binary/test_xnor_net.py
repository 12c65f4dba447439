import math

import numpy as np
import pytest

from qbref.binary import (
    activation_scale,
    center_and_clamp,
    channel_scale,
    sign,
    xnor_backward_paper,
    xnor_backward_product_rule,
    xnor_backward_released,
    xnor_backward_ste,
)
from tests.binary.kinks import kinks

FORMS = [xnor_backward_paper, xnor_backward_released, xnor_backward_product_rule, xnor_backward_ste]


def filters_and_upstream(dtype):
    """Filters (O=2, I=3, n=n) whose weights include every kink."""
    values = kinks(dtype, 2)
    values = values[np.isfinite(values)]
    values = values[: values.size - values.size % 6]
    rng = np.random.default_rng(0)
    w = rng.permutation(values).reshape(2, 3, -1)
    return w, rng.normal(size=w.shape).astype(dtype)


def formulas(w, g, input_channels, closed):
    """The four gradients of one filter, element by element, in Python floats."""
    n = len(w)
    alpha = math.fsum(abs(v) for v in w) / n
    signs = [-1.0 if v < 0 else 1.0 for v in w]
    inside = [abs(v) < 1 or (closed and abs(v) == 1) for v in w]
    strictly = [abs(v) < 1 for v in w]
    total = math.fsum(a * b for a, b in zip(g, signs, strict=True))
    return {
        xnor_backward_paper: [g[i] * (1 / n + (alpha if inside[i] else 0)) for i in range(n)],
        xnor_backward_released: [
            g[i] * ((alpha if strictly[i] else 0) + 1 / n) * (1 - 1 / input_channels) for i in range(n)
        ],
        xnor_backward_product_rule: [
            signs[i] * total / n + (alpha * g[i] if inside[i] else 0) for i in range(n)
        ],
        xnor_backward_ste: [alpha * g[i] if inside[i] else 0 for i in range(n)],
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("boundary", ["inclusive", "exclusive"])
def test_each_form_is_its_formula_at_every_kink(form, dtype, boundary):
    w, g = filters_and_upstream(dtype)
    options = {} if form is xnor_backward_released else {"boundary": boundary}
    dw = form(g, w, **options)
    assert dw.dtype == dtype and dw.shape == w.shape
    for c in range(len(w)):
        closed = boundary == "inclusive"
        expected = formulas(w[c].ravel().tolist(), g[c].ravel().tolist(), w.shape[1], closed)[form]
        # a few roundings of numbers up to 10
        np.testing.assert_allclose(dw[c].ravel(), expected, rtol=0, atol=40 * np.finfo(dtype).eps)


def test_the_four_forms_by_hand():
    w = np.array([[0.5, -1.5, 1.0, -1.0]])  # n = I = 4, alpha = 1
    g = np.array([[1.0, 3.0, -2.0, 1.0]])  # Σ g sign w = 1 − 3 − 2 − 1 = −5
    assert xnor_backward_paper(g, w).tolist() == [[1.25, 0.75, -2.5, 1.25]]
    assert xnor_backward_released(g, w).tolist() == [[1.25 * 0.75, 0.75 * 0.75, -0.375, 0.1875]]
    assert xnor_backward_released(g, w, "sgd").tolist() == [[3.75, 2.25, -1.5, 0.75]]
    assert xnor_backward_product_rule(g, w).tolist() == [[-0.25, 1.25, -3.25, 2.25]]
    assert xnor_backward_ste(g, w).tolist() == [[1, 0, -2, 1]]


def test_the_product_rule_is_the_derivative_of_alpha_times_a_hard_sign():
    # W_hat_j = alpha(W) · s_j, s held at sign W but moving with slope [|W| ≤ 1]
    rng = np.random.default_rng(2)
    w, g = rng.uniform(0.1, 1.6, (2, 5)) * rng.choice([-1, 1], (2, 5)), rng.normal(size=(2, 5))
    w[np.abs(np.abs(w) - 1) < 0.01] = 0.5

    def loss(v):
        moved = sign(w) + np.clip(v, -1, 1) - np.clip(w, -1, 1)
        return (g * channel_scale(v)[:, np.newaxis] * moved).sum()

    h = 1e-6
    quotient = np.empty_like(w)
    for index in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[index] = h
        quotient[index] = (loss(w + step) - loss(w - step)) / (2 * h)
    # the loss is quadratic in the step, so only cancellation, 2⁻⁵³ · 10 / h
    np.testing.assert_allclose(xnor_backward_product_rule(g, w), quotient, atol=1e-8)
    for other in (xnor_backward_paper, xnor_backward_released, xnor_backward_ste):
        assert np.abs(other(g, w) - quotient).max() > 0.05


def test_nothing_is_learned_from_one_input_channel_in_the_released_code():
    w, g = np.array([[[0.5, -0.25]]]), np.ones((1, 1, 2))
    assert (xnor_backward_released(g, w) == 0).all() and (xnor_backward_paper(g, w) != 0).all()


def test_centering_is_over_input_channels_and_the_clamp_comes_after():
    w = np.array([[[2.0, 0.5], [-1.0, 0.25], [-1.0, 0.75]]], np.float32)  # means 0 and 0.5
    result = center_and_clamp(w)
    assert result.dtype == np.float32
    assert result.tolist() == [[[1, 0], [-1, -0.25], [-1, 0.25]]]


@pytest.mark.parametrize("stride, padding", [(1, 0), (1, 1), (2, 1), (3, 2)])
def test_the_activation_scale_is_a_box_filter_of_mean_magnitudes(stride, padding):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 7))
    kh, kw = 3, 2
    out = activation_scale(x, (kh, kw), stride, padding)
    height, width = (5 + 2 * padding - kh) // stride + 1, (7 + 2 * padding - kw) // stride + 1
    assert out.shape == (2, 1, height, width)
    for n, _, i, j in np.ndindex(out.shape):
        total = 0.0
        for di in range(kh):
            for dj in range(kw):
                r, c = i * stride + di - padding, j * stride + dj - padding
                if 0 <= r < 5 and 0 <= c < 7:
                    total += np.abs(x[n, :, r, c]).sum() / 3
        assert out[n, 0, i, j] == pytest.approx(total / (kh * kw), rel=1e-13)  # sums in another order


def test_k_and_alpha_restore_a_product_of_constant_magnitudes_exactly():
    rng = np.random.default_rng(4)
    x = 0.5 * rng.choice([-1, 1], (1, 4, 6, 6)).astype(np.float32)
    w = 0.25 * rng.choice([-1, 1], (2, 4, 3, 3)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    real = np.einsum("nchwij,ocij->nohw", windows, w)
    binary = np.einsum("nchwij,ocij->nohw", sign(windows), sign(w))
    k, alpha = activation_scale(x, (3, 3)), channel_scale(w).reshape(1, 2, 1, 1)
    assert k.dtype == np.float32 and (binary * k * alpha == real).all()  # powers of two: exact


@pytest.mark.parametrize("form", FORMS)
def test_upstream_must_match_the_weights(form):
    with pytest.raises(ValueError, match=r"upstream must have shape \(2, 3\), got shape \(3,\)"):
        form(np.zeros(3), np.zeros((2, 3)))
    with pytest.raises(TypeError, match="w must be float32 or float64"):
        form(np.zeros((2, 3)), np.zeros((2, 3), int))


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="optimizer must be one of"):
        xnor_backward_released(np.zeros((2, 3)), np.zeros((2, 3)), "adamax")
    x = np.zeros((1, 2, 3, 3))
    with pytest.raises(ValueError, match="x must be"):
        activation_scale(x[0], (1, 1))
    with pytest.raises(ValueError, match="kernel_size must fit"):
        activation_scale(x, (4, 1))
    for stride, padding in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="kernel_size and stride must be at least 1"):
            activation_scale(x, (1, 1), stride, padding)
    with pytest.raises(ValueError, match="w must be finite"):
        center_and_clamp(np.array([[np.inf, np.inf]]))
