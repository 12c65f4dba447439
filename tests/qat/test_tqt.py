import math

import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, qat, qnn

# In steps of s = 2^0 / 4: -12, -4.25, -3.5 (a tie), -1.25, 0.25, 1, 3.25, 3.5 (a tie), 8; levels -4 to 3.
X = np.array([-3, -1.0625, -0.875, -0.3125, 0.0625, 0.25, 0.8125, 0.875, 2])
LOG2_T = np.array(-0.3)
UPSTREAM = np.arange(1.0, 10.0)


def by_the_paper(upstream, x, log2_t, b, signed):
    """Equations (4), (7) and (8), one value at a time; ties to even."""
    n, p = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2**b - 1)
    s = 2.0 ** math.ceil(log2_t) / (2 ** (b - 1) if signed else 2**b)
    q, dx, dlog2_t = [], [], 0.0
    for g, value in zip(upstream.tolist(), x.tolist(), strict=True):
        level = round(value / s)
        q.append(min(max(level, n), p) * s)
        dx.append(g if n <= level <= p else 0)
        slope = level - value / s if n <= level <= p else n if level < n else p
        dlog2_t += g * s * math.log(2) * slope
    return q, dx, dlog2_t


def test_golden_values():
    # PyTorch 2.13, automatic differentiation with straight-through round and ceil
    assert qat.tqt_forward(X, LOG2_T, 3).tolist() == [-1, -1, -1, -0.25, 0, 0.25, 0.75, 0.75, 0.75]
    dx, dlog2_t = qat.tqt_backward(UPSTREAM, X, LOG2_T, 3)
    assert dx.tolist() == [0, 2, 3, 4, 5, 6, 7, 0, 0]
    assert dlog2_t == pytest.approx(11 * math.log(2), rel=1e-14)


@pytest.mark.parametrize(
    "b, signed, log2_t", [(2, True, 1.0), (3, False, 0.0), (8, True, -2.5), (4, False, 2.1)]
)
def test_forward_and_backward_follow_the_paper_at_every_kink_tie_and_random_value(b, signed, log2_t):
    rng = np.random.default_rng(b)
    n, p = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2**b - 1)
    s = qat.tqt_scale(np.array(log2_t), b, signed)
    halves = np.arange(2 * n - 4, 2 * p + 5) * 0.5 * s
    x = np.concatenate([halves, np.nextafter(halves, -9), np.nextafter(halves, 9), rng.normal(size=100) * 3])
    upstream = rng.normal(size=x.shape)
    q, dx, dlog2_t = by_the_paper(upstream, x, log2_t, b, signed)
    assert qat.tqt_forward(x, np.array(log2_t), b, signed).tolist() == q
    found_dx, found_dlog2_t = qat.tqt_backward(upstream, x, np.array(log2_t), b, signed)
    assert found_dx.tolist() == dx
    assert found_dlog2_t == pytest.approx(dlog2_t, abs=1e-11)  # up to 1700 terms of up to 3, another order


@pytest.mark.parametrize(
    "log2_t, exponent", [(0.0, 0), (1e-9, 1), (-0.999, 0), (-1.0, -1), (1e6, 100), (-1e6, -100)]
)
def test_the_scale_is_the_power_of_two_that_covers_the_threshold(log2_t, exponent):
    assert qat.tqt_scale(np.array(log2_t), 8) == 2.0 ** (exponent - 7)
    assert qat.tqt_scale(np.array(log2_t), 8, signed=False) == 2.0 ** (exponent - 8)


def test_the_true_derivative_by_the_threshold_is_zero_where_the_surrogate_is_not():
    x, h = np.array([-3.0, 0.1, 2.0]), 1e-6
    above, below = (qat.tqt_forward(x, LOG2_T + sign * h, 3) for sign in (1, -1))
    assert (above - below).tolist() == [0, 0, 0]
    slopes = [qat.tqt_backward(np.ones(1), x[i : i + 1], LOG2_T, 3)[1].item() for i in range(3)]
    assert (np.array(slopes) != 0).all()


def test_clipped_values_raise_the_threshold_and_rounded_ones_may_lower_it():
    """For the loss |x - q|² / 2, upstream q - x: the balance of range and precision."""

    def slope(x):
        q = qat.tqt_forward(x, LOG2_T, 3)
        return qat.tqt_backward(q - x, x, LOG2_T, 3)[1]

    assert slope(np.array([5.0, -5.0])) < 0 < slope(np.array([0.1, -0.1, 0.35]))


def test_the_tensor_op_joins_the_two():
    x, log2_t = qb.Tensor(X, requires_grad=True), qb.Tensor(LOG2_T, requires_grad=True)
    y = qat.tqt(x, log2_t, 3)
    assert (y.data == qat.tqt_forward(X, LOG2_T, 3)).all()
    y.backward(UPSTREAM)
    dx, dlog2_t = qat.tqt_backward(UPSTREAM, X, LOG2_T, 3)
    assert (x.grad == dx).all() and log2_t.grad == dlog2_t


def test_infinities_saturate_and_give_finite_gradients():
    x = np.array([np.inf, -np.inf, 3e38], np.float32)
    log2_t = np.float32(-100)
    assert (qat.tqt_forward(x, log2_t, 2) == np.array([1, -2, 1]) * 2.0**-101).all()
    dx, dlog2_t = qat.tqt_backward(np.ones(3, np.float32), x, log2_t, 2)
    assert dx.tolist() == [0, 0, 0] and np.isfinite(dlog2_t)


def test_weights_start_at_three_standard_deviations():
    w = np.array([1.0, 3.0])  # mean 2, std 1
    assert qat.TQT(4).weight_quantizer(w, "half_even").log2_t.data == np.float32(np.log2(5))


def test_activations_start_at_the_farther_end_of_the_observers_range():
    for x, scale, dtype in (([-3.0, 2.0], 4 / 8, np.int8), ([0.0, 2.0], 2 / 16, np.uint8)):
        quantizer = qat.TQT(4).activation_quantizer(calibration.MinMax(), "half_even", None)
        quantizer(np.array([x], np.float32))
        assert quantizer.params.scale == scale and quantizer.params.dtype == dtype


def test_every_scale_of_a_trained_network_is_a_power_of_two_and_four_bits_come_near_float(
    digits, digits_network, train, accuracy
):
    q = train(qat.prepare(digits_network, qnn.QuantConfig(qat.TQT(4), qat.TQT(4))), epochs=4, lr=2e-3)
    assert accuracy(q) > accuracy(digits_network) - 0.03
    for module in q.modules():
        if isinstance(module, (qat.TQTWeights, qat.TQTActivations)):
            assert math.frexp(module.params.scale.item())[0] == 0.5
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
