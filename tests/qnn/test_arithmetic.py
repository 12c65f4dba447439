"""Equations (1) and (2) of qbref.qnn.arithmetic against hand calculation and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn
from qbref.qnn.arithmetic import product_arithmetic
from qbref.qnn.weights import Levels
from qbref.quant import QuantParams

NONE, RELU, RELU6 = (-np.inf, np.inf), (0.0, np.inf), (0.0, 6.0)
LEVELS = Levels(np.array([[1, -2, 3], [7, 7, -7]], np.int8), np.array([0.5, 0.25], np.float32), 4)
X = QuantParams(scale=0.125, zero_point=-3, qmin=-128, qmax=127)
Y = QuantParams(scale=0.25, zero_point=10, qmin=-128, qmax=127)


def test_bias_and_scale_follow_equation_1():
    integers = product_arithmetic(LEVELS, np.array([1.0, -0.51]), X, Y, NONE, "single")
    assert integers.scale.tolist() == [0.0625, 0.03125]
    assert integers.bias.tolist() == [16, -16]


def test_requantization_follows_equation_2():
    integers = product_arithmetic(LEVELS, None, X, Y, NONE, "single")
    # M = 0.0625 / 0.25 = 1/4 and 0.03125 / 0.25 = 1/8, exactly
    accumulator = np.array([[4, 8], [-40, 2000], [6, 12]], np.int32)
    assert integers.finish(accumulator).tolist() == [[11, 11], [0, 127], [12, 12]]


def test_fused_activations_only_move_the_clip_bounds():
    relu = product_arithmetic(LEVELS, None, X, Y, RELU, "single").finish
    relu6 = product_arithmetic(LEVELS, None, X, Y, RELU6, "single").finish
    assert (relu.low, relu.high) == (10, 127)
    assert (relu6.low, relu6.high) == (10, 34)
    finer = QuantParams(scale=0.34, zero_point=10, qmin=-128, qmax=127)
    assert (
        product_arithmetic(LEVELS, None, X, finer, RELU6, "single").finish.high == 28
    )  # 6 / 0.34 = 17.6 → 18


def test_accumulators_out_are_clipped_in_their_own_unit():
    integers = product_arithmetic(LEVELS, None, X, None, RELU6, "single")
    assert integers.finish(np.array([[-5, 1000], [97, 3]], np.int32)).tolist() == [[0, 192], [96, 3]]
    assert integers.real(np.array([[96, 192]], np.int32)).tolist() == [[6.0, 6.0]]


def test_an_accumulator_that_could_leave_int32_is_refused():
    wide = QuantParams(scale=1.0, zero_point=0, qmin=0, qmax=65535)
    heavy = Levels(np.full((1, 300), 127, np.int8), np.float32(1.0), 8)
    with pytest.raises(ValueError, match="accumulator must fit int32"):
        product_arithmetic(heavy, None, wide, None, NONE, "single")


def test_evaluation_equals_the_layer_computed_in_exact_fractions():
    rng = np.random.default_rng(3)
    layer = qnn.Linear(9, 5).eval()
    grid = qnn.FakeQuantize(qnn.Uniform(8), None)
    out = qnn.FakeQuantize(qnn.Uniform(8), None)
    grid.scale, grid.zero_point = np.array(0.03, np.float32), np.array(-7, np.int32)
    out.scale, out.zero_point = np.array(0.011, np.float32), np.array(4, np.int32)
    layer.set_quantizers(layer.weight_quantizer, grid, out, RELU, "single")
    q_x = rng.integers(-128, 128, (6, 9))
    x = ((q_x + 7) * np.float32(0.03)).astype(np.float32)
    y = layer.eval()(qb.Tensor(x)).data

    levels = layer.weight_quantizer.levels(layer.weight.data)
    s_x, s_y = Fraction(float(np.float32(0.03))), Fraction(float(np.float32(0.011)))
    for n in range(6):
        for o in range(5):
            s_w = Fraction(float(levels.scale[o]))
            bias = round(Fraction(float(layer.bias.data[o])) / (s_x * s_w))
            accumulator = sum(int(q + 7) * int(w) for q, w in zip(q_x[n], levels.q[o], strict=True)) + bias
            exact = accumulator * s_x * s_w / s_y
            # The 31-bit multiplier is within 2**-31 of M: away from ties the rounded value is the same.
            assert abs(exact - (exact // 1) - Fraction(1, 2)) > Fraction(1, 10**6)
            q_y = min(max(round(exact) + 4, 4), 127)
            assert y[n, o] == np.float32((q_y - 4) * np.float32(0.011))


@pytest.mark.parametrize("n_bits, kept", [(8, 0), (1, 1)])
def test_a_channel_that_batch_norm_switched_off_becomes_its_bias(n_bits, kept):
    q = np.array([[1, 1], [1, 1]], np.int8)
    levels = Levels(q, np.array([0.5, 1e-9], np.float32), n_bits)
    integers = product_arithmetic(levels, np.array([1.0, -3.0]), X, None, NONE, "single")
    assert integers.weights.q.tolist() == [[1, 1], [kept, kept]]
    assert integers.bias.tolist() == [16, -(2**30)]
    assert integers.real(integers.bias[None]).tolist() == [[1.0, -3.0]]


def test_a_channel_whose_bias_still_fits_keeps_its_weights():
    levels = Levels(np.array([[1, 1]], np.int8), np.array([1e-7], np.float32), 8)
    integers = product_arithmetic(levels, np.array([-3.0]), X, None, NONE, "single")
    # -3 / (0.125 * float32(1e-7)), which is 1.0000000116860974e-07
    assert integers.weights.q.tolist() == [[1, 1]] and integers.bias.tolist() == [-239999997]


@pytest.mark.parametrize("mode, wraps", [("double", True), ("half_up_twice", True), ("single", False)])
def test_a_left_shift_that_could_wrap_is_refused_where_the_mode_shifts_in_int32(mode, wraps):
    fine = QuantParams(scale=2.0**-20, zero_point=0, qmin=-128, qmax=127)
    levels = Levels(np.full((1, 40), 127, np.int8), np.float32(1.0), 8)
    # M = 2**-3 / 2**-20 = 2**17, stored as 2**30 * 2**(18 - 31); the reach is 40 * 127 * 130 = 660,400
    if wraps:
        with pytest.raises(ValueError, match="shifted left by mode .* must fit int32"):
            product_arithmetic(levels, None, X, fine, NONE, mode)
    else:
        finish = product_arithmetic(levels, None, X, fine, NONE, mode).finish
        assert finish(np.array([[660400], [-660400], [0]], np.int32)).tolist() == [[127], [-128], [0]]


@pytest.mark.parametrize("features", [3, 5])  # 5: as many as positions
def test_a_linear_layer_takes_features_last_in_any_number_of_axes(features):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, features, rng=rng), nn.ReLU(), nn.Linear(features, 2, rng=rng))
    x = rng.standard_normal((6, 5, 4)).astype(np.float32)
    q = ptq.quantize_static(model, [x])
    rows = ptq.quantize_static(model, [x.reshape(30, 4)])
    assert (q(x).data == rows(x.reshape(30, 4)).data.reshape(6, 5, 2)).all()
