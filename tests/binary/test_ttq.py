import math

import numpy as np
import pytest

from qbref.binary import ttq, ttq_backward, ttq_backward_paper
from tests.binary.kinks import kinks

W_P, W_N = 0.75, 0.25


def weights(dtype, t):
    """Kinks around t · max |w|, the largest weight being 2."""
    w = kinks(dtype, dtype(t) * dtype(2))
    return np.append(w[np.abs(w) < 2], [dtype(2), dtype(-2)])


@pytest.mark.parametrize("t", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_gradients_at_every_kink(dtype, t):
    w = weights(dtype, t)
    upstream = np.random.default_rng(0).normal(size=w.shape).astype(dtype)
    delta = float(dtype(t) * dtype(2))
    w_hat, factor, positive, negative = [], [], [], []
    for v, g in zip(w.tolist(), upstream.tolist(), strict=True):
        if v > delta:
            w_hat.append(W_P)
            factor.append(W_P)
            positive.append(g)
        elif v < -delta:
            w_hat.append(-W_N)
            factor.append(W_N)
            negative.append(g)
        else:
            w_hat.append(0)
            factor.append(1)
    result = ttq(w, W_P, W_N, t)
    dw, dw_p, dw_n = ttq_backward(upstream, w, W_P, W_N, t)
    assert result.dtype == dw.dtype == dtype
    assert result.tolist() == w_hat
    assert (dw == upstream * np.array(factor, dtype)).all()
    # float64 sums of some twenty terms, in another order
    assert dw_p == pytest.approx(math.fsum(positive), abs=1e-13)
    assert dw_n == pytest.approx(-math.fsum(negative), abs=1e-13)
    paper = ttq_backward_paper(upstream, w, W_P, W_N, t)
    assert (paper[0] == dw).all() and paper[1:] == (dw_p, -dw_n)


def test_the_gradients_of_the_scales_are_true_derivatives_and_the_papers_is_not():
    w = np.random.default_rng(1).normal(size=(4, 5))
    upstream, h = np.random.default_rng(2).normal(size=(4, 5)), 1e-3

    def loss(w_p, w_n):
        return (upstream * ttq(w, w_p, w_n)).sum()

    quotient_p = (loss(W_P + h, W_N) - loss(W_P - h, W_N)) / (2 * h)
    quotient_n = (loss(W_P, W_N + h) - loss(W_P, W_N - h)) / (2 * h)
    _, dw_p, dw_n = ttq_backward(upstream, w, W_P, W_N)
    # linear in the scales, so only cancellation, 2⁻⁵³ / h
    assert dw_p == pytest.approx(quotient_p, abs=1e-11) and dw_n == pytest.approx(quotient_n, abs=1e-11)
    assert abs(dw_n) > 0.1 and ttq_backward_paper(upstream, w, W_P, W_N)[2] == -dw_n


def test_weights_that_are_all_zero_stay_zero():
    assert ttq(np.zeros((2, 2), np.float32), 1.0, 1.0).tolist() == [[0, 0], [0, 0]]


def test_bad_arguments_are_named():
    for t in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match=r"t must be in \[0, 1\)"):
            ttq(np.ones(3), 1.0, 1.0, t)
    with pytest.raises(ValueError, match="must not be empty"):
        ttq(np.ones(0), 1.0, 1.0)
    with pytest.raises(ValueError, match=r"upstream must have shape \(3,\)"):
        ttq_backward(np.ones(2), np.ones(3), 1.0, 1.0)
    with pytest.raises(TypeError, match="w must be float32 or float64"):
        ttq(np.ones(3, int), 1.0, 1.0)
    with pytest.raises(ValueError, match="w must be finite in float32, got nan"):
        ttq(np.array([1.0, np.nan]), 1.0, 1.0)


def test_the_largest_magnitude_may_be_negative():
    assert ttq(np.array([-2.0, 0.75, 1.25, -1.25]), W_P, W_N, t=0.5).tolist() == [-W_N, 0, W_P, -W_N]
