import math
import statistics

import numpy as np
import pytest

from qbref.binary import ede_gradient, ede_schedule, libra_pb, libra_pb_backward, standardize
from tests.binary.kinks import kinks

# the released code's ir_1w1a.py and binaryfunction.py, run in PyTorch 2.13 (float64) with k = 2, t = 0.5
W = np.array([[0.3, -1.2, 0.5, 2.0], [0.05, -0.02, 0.01, 0.07]])
UPSTREAM = np.array([[1.0, -0.5, 0.25, 2.0], [-1.0, 0.75, 0.5, 1.5]])
W_HAT = [[-0.5, -0.5, 0.5, 0.5], [1.0, -1.0, -1.0, 1.0]]
GRADIENT = [
    [0.18187090328812042, -0.028703660986169804, -0.14488588028937438, -0.008281362012576204],
    [-29.983459744294024, 4.255993935380932, 3.6104956783599427, 22.11697013055315],
]


@pytest.mark.parametrize("correction, deviation", [(1, statistics.stdev), (0, statistics.pstdev)])
def test_standardizing_gives_mean_zero_and_deviation_one(correction, deviation):
    w = np.random.default_rng(0).normal(3, 2, size=(4, 2, 3, 3))
    result = standardize(w, correction)
    for channel, row in zip(w, result, strict=True):
        values = channel.ravel().tolist()
        expected = [(v - statistics.fmean(values)) / deviation(values) for v in values]
        np.testing.assert_allclose(row.ravel(), expected, rtol=1e-12, atol=1e-14)  # sums in another order
    assert standardize(w.astype(np.float32)).dtype == np.float32


def test_signs_and_shifts_are_those_of_the_released_code():
    b, s = libra_pb(W)
    assert b.dtype == np.int8 and s.dtype == np.int32
    assert (b * np.exp2(s)[:, np.newaxis]).tolist() == W_HAT


def test_the_correction_can_move_the_shift():
    w = np.array([[1.0, -1.0, 0.0]])
    assert libra_pb(w, correction=0)[1].tolist() == [0]  # mean |w_std| = 2/3 · √(3/2) = .816, log2 −.29
    assert libra_pb(w, correction=1)[1].tolist() == [-1]  # 2/3, log2 −.58


def test_a_weight_at_the_mean_is_plus_one():
    assert libra_pb(np.array([[1.0, 2.0, 3.0]]))[0].tolist() == [[-1, 1, 1]]


def test_the_backward_pass_is_that_of_the_released_code():
    dw = libra_pb_backward(UPSTREAM, W, k=2.0, t=0.5)
    np.testing.assert_allclose(dw, GRADIENT, rtol=1e-12)  # float64 sums in another order


@pytest.mark.parametrize("correction", [0, 1])
def test_the_backward_pass_is_the_derivative_of_the_tanh_that_replaces_sign(correction):
    rng = np.random.default_rng(3)
    w, upstream, k, t, h = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4)), 1.5, 0.8, 1e-5
    shift = np.exp2(libra_pb(w, correction)[1])[:, np.newaxis, np.newaxis]

    def loss(v):
        return (upstream * shift * k * np.tanh(t * standardize(v, correction))).sum()

    quotient = np.empty_like(w)
    for index in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[index] = h
        quotient[index] = (loss(w + step) - loss(w - step)) / (2 * h)
    # third derivatives of order 10 times h², and cancellation, 2⁻⁵³ · 10 / h
    np.testing.assert_allclose(libra_pb_backward(upstream, w, k, t, correction), quotient, atol=1e-8)
    assert libra_pb_backward(upstream, w.astype(np.float32), k, t).dtype == np.float32


@pytest.mark.parametrize("k, t", [(10.0, 0.1), (1.0, 1.0), (1.0, 10.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_estimator_is_its_formula_at_every_kink(dtype, k, t):
    x = kinks(dtype, 2)
    factor = ede_gradient(x, k, t)
    assert factor.dtype == dtype
    expected = [k * t / math.cosh(t * v) ** 2 if abs(v) < 30 else 0 for v in x.tolist()]
    # 1 − tanh² cancels: its rounding is absolute
    np.testing.assert_allclose(factor, expected, rtol=0, atol=4 * k * t * np.finfo(dtype).eps)


def test_the_schedule_widens_k_only_until_the_slope_is_one():
    pairs = [ede_schedule(epoch, 4) for epoch in range(5)]
    expected = [(10, 0.1), (10**0.5, 10**-0.5), (1, 1), (1, 10**0.5), (1, 10)]
    np.testing.assert_allclose(pairs, expected, rtol=1e-15 * 4)  # powers of 10, rounded twice
    # trainer.py: t = 10 ** (log10 t_min + (log10 t_max − log10 t_min) · epoch / epochs)
    k, t = ede_schedule(130, 400, t_min=1e-3)
    assert t == pytest.approx(10 ** (-3 + 4 * 130 / 400), rel=1e-14) and k == pytest.approx(1 / t, rel=1e-15)


def test_bad_arguments_are_named():
    for function in (standardize, libra_pb):
        with pytest.raises(
            ValueError, match="w must vary within each output channel, got equal weights in 1"
        ):
            function(np.array([[1.0, 2.0], [3.0, 3.0]]))
        with pytest.raises(ValueError, match="correction must be 0 or 1"):
            function(W, correction=2)
    with pytest.raises(ValueError, match="upstream must have shape"):
        libra_pb_backward(UPSTREAM[0], W, 1.0, 1.0)
    for k, t in ((0.0, 1.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="k and t must be positive"):
            ede_gradient([0.5], k, t)
    for epoch, epochs in ((-1, 4), (5, 4), (0, 0)):
        with pytest.raises(ValueError, match="epoch must be in"):
            ede_schedule(epoch, epochs)
    with pytest.raises(ValueError, match="t_min and t_max must be positive"):
        ede_schedule(0, 4, t_min=0.0)
    with pytest.raises(ValueError, match="w must be finite"):
        standardize(np.array([[1.0, np.nan]]))


def test_the_estimator_does_not_overflow():
    assert ede_gradient(np.array([-3e38, 3e38], np.float32), k=1.0, t=10.0).tolist() == [0, 0]
