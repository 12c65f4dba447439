import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.tflite import dequantize, quantize, requantize

KERNELS = ("ref", "opt", "xnnpack")
SPECIAL = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9, -0.0], np.float32)


def away(x):
    x = Fraction(float(x))
    return int(math.copysign(math.floor(abs(x) + Fraction(1, 2)), x))


def x86(x, rounding):
    """The float as an int32 register holds it after the conversion."""
    if not (abs(float(x)) < 2.0**31):
        return -(2**31)
    return rounding(x)


def wrap(x):
    return (x + 2**31) % 2**32 - 2**31


def scalar_quantize(x, scale, zero_point, dtype, kernels):
    """Element by element, with Python's integers and its round (half even)."""
    info, s = np.iinfo(dtype), np.float32(scale)
    q = []
    with np.errstate(all="ignore"):
        for i, v in enumerate(x):
            product = v * (np.float32(1) / s)
            if kernels == "xnnpack":
                low, high = info.min - zero_point, info.max - zero_point
                v = high if math.isnan(v) else round(min(max(float(product), low), high))
                q.append(v + zero_point)
                continue
            if kernels == "ref":
                v = x86(v / s, away)
            elif i < len(x) // 8 * 8:
                v = x86(product, lambda p: round(float(p)))
            else:
                v = x86(float(v) / float(s), away)
            q.append(min(max(wrap(v + zero_point), info.min), info.max))
    return q


@pytest.mark.parametrize("kernels", KERNELS)
def test_ties_and_their_neighbours_follow_the_scalar_rule(kernels):
    rng = np.random.default_rng(3)
    for scale, zero_point, dtype in ((1.0, -7, np.int8), (0.1, 5, np.int8), (0.37, 200, np.uint8)):
        x = (rng.integers(-300, 300, 203) * 0.5 * scale).astype(np.float32)
        x = np.concatenate([np.nextafter(x, np.float32(np.inf)), x, np.nextafter(x, np.float32(0)), SPECIAL])
        q = quantize(x, scale, zero_point, dtype, kernels=kernels)
        assert q.dtype == dtype
        assert q.tolist() == scalar_quantize(x, scale, zero_point, dtype, kernels)


def test_special_values_are_those_of_the_runtime():
    """LiteRT 2.3.0 on x86-64; INT_MIN - 7 wraps around to a large number."""
    assert quantize(SPECIAL, 1.0, 0, kernels="ref").tolist() == [-128, -128, -128, -128, -128, 0]
    assert quantize(SPECIAL, 1.0, -7, kernels="ref").tolist() == [127, 127, 127, 127, 127, -7]
    assert quantize(SPECIAL, 1.0, -7, kernels="opt").tolist() == [127, 127, 127, 127, 127, -7]
    assert quantize(SPECIAL, 1.0, -7, kernels="xnnpack").tolist() == [127, 127, -128, 127, -128, -7]


def test_the_optimized_kernel_rounds_by_position():
    """Nineteen copies of one half: sixteen zeros and three ones, in LiteRT 2.3.0 on x86-64."""
    assert quantize(np.full(19, 0.5, np.float32), 1.0, 0, kernels="opt").tolist() == [0] * 16 + [1] * 3


def test_position_is_that_of_memory_order_whatever_the_shape():
    x = np.full((3, 5), 0.5, np.float32)
    assert quantize(x, 1.0, 0, kernels="opt").tolist() == [[0] * 5, [0] * 3 + [1] * 2, [1] * 5]


@pytest.mark.parametrize("kernels", KERNELS)
def test_int16_has_no_kernel_of_xnnpack(kernels):
    x = np.full(9, 0.5, np.float32)
    expected = [1] * 9 if kernels == "ref" else [0] * 8 + [1]
    assert quantize(x, 1.0, 0, np.int16, kernels=kernels).tolist() == expected


@pytest.mark.parametrize("kernels", KERNELS)
def test_channels_use_the_reference_rule(kernels):
    x = np.full((2, 3, 8), 0.5, np.float32)
    q = quantize(x, [1.0, 0.5, 0.25], [0, 1, 2], axis=-2, kernels=kernels)
    assert q.tolist() == [[[1] * 8, [2] * 8, [4] * 8]] * 2
    assert np.array_equal(
        dequantize(q, [1.0, 0.5, 0.25], [0, 1, 2], axis=1, kernels=kernels),
        np.broadcast_to(np.array([1, 0.5, 0.5], np.float32)[:, None], x.shape),
    )


@pytest.mark.parametrize("kernels", KERNELS)
def test_empty_and_strided_arrays_are_accepted(kernels):
    x = np.arange(40, dtype=np.float32).reshape(4, 10)
    q = quantize(x[:, ::-2], 0.7, 3, kernels=kernels)
    assert np.array_equal(q, quantize(x[:, ::-2].copy(), 0.7, 3, kernels=kernels))
    assert np.array_equal(
        dequantize(q.T, 0.7, 3, kernels=kernels), dequantize(q.T.copy(), 0.7, 3, kernels=kernels)
    )
    empty = np.zeros((0, 3), np.float32)
    assert quantize(empty, 0.7, 3, kernels=kernels).shape == (0, 3)
    assert dequantize(empty.astype(np.int8), 0.7, 3, kernels=kernels).shape == (0, 3)
    assert requantize(empty.astype(np.int8), 0.7, 3, 0.1, 0, kernels=kernels).shape == (0, 3)


@pytest.mark.parametrize("kernels", KERNELS)
def test_levels_survive_the_round_trip(kernels):
    q = np.arange(-128, 128).astype(np.int8)
    assert np.array_equal(quantize(dequantize(q, 0.037, 11, kernels=kernels), 0.037, 11, kernels=kernels), q)


def test_the_optimized_kernel_dequantizes_with_three_roundings():
    scale = np.float32(0.1)
    q = np.arange(-128, 125).astype(np.int8)  # 253 = 31 · 8 + 5
    exact = [float(np.float32(float(scale) * (int(v) - 3))) for v in q]
    rounded = [float(np.float32(v) * scale + np.float32(-3) * scale) for v in q]
    assert dequantize(q, 0.1, 3).tolist() == exact
    assert dequantize(q, 0.1, 3, kernels="xnnpack").tolist() == exact
    assert dequantize(q, 0.1, 3, kernels="opt").tolist() == rounded[:248] + exact[248:]
    assert rounded != exact


def test_requantization_at_ties_is_that_of_the_runtime():
    """-2 quarters seventeen times: sixteen half up and one away from zero, in LiteRT 2.3.0 on x86-64."""
    q = np.full(17, -2, np.int8)
    assert requantize(q, 0.25, 0, 1.0, 0).tolist() == [-1] * 17
    assert requantize(q, 0.25, 0, 1.0, 0, kernels="opt").tolist() == [0] * 16 + [-1]
    assert requantize(q, 0.25, 0, 1.0, 0, kernels="xnnpack").tolist() == [0] * 17


def test_the_multiplier_of_xnnpack_has_eight_bits_below_the_point():
    """0.01 becomes 3/256: 43 to 49 give 1 where 0.43 to 0.49 round to 0, in LiteRT 2.3.0."""
    q = np.arange(42, 51).astype(np.int8)
    assert requantize(q, 0.01, 0, 1.0, 0, kernels="xnnpack").tolist() == [0] + [1] * 8
    assert requantize(q, 0.01, 0, 1.0, 0, kernels="ref").tolist() == [0] * 8 + [1]


def test_the_rest_of_a_block_is_divided_in_float64():
    """x just below a tie, by less than the float32 quotient can tell."""
    scale = np.float32(0.1)
    for k in range(100):
        x = np.float32((k + 0.5) * float(scale))
        if float(x) / float(scale) < k + 0.5 == x / scale:
            assert quantize(x[None], scale, 0, kernels="ref").tolist() == [k + 1]
            assert quantize(x[None], scale, 0, kernels="opt").tolist() == [k]
            return
    raise AssertionError("no such x found")


def test_xnnpack_requantizes_half_up():
    q = np.array([-3, -1, 1, 3], np.int8)  # multiplier 128 of 256
    assert requantize(q, 0.5, 0, 1.0, 0, kernels="xnnpack").tolist() == [-1, 0, 1, 2]


def test_int16_is_dequantized_exactly_in_every_kernel_set():
    q = np.arange(-300, 300).astype(np.int16)
    exact = [float(np.float32(float(np.float32(0.1)) * int(v))) for v in q]
    assert dequantize(q, 0.1, 0, kernels="opt").tolist() == exact
    exact = [float(np.float32(float(np.float32(0.1)) * (int(v) - 7))) for v in q]
    assert dequantize(q, 0.1, 7, kernels="opt").tolist() == exact


def test_outside_its_range_of_scales_xnnpack_leaves_the_work_to_the_optimized_kernel():
    q = np.arange(-128, 128).astype(np.int8)
    for ratio, same in ((2.0**-8 / 1.4, True), (2.0**-8 * 1.4, False), (200.0, True)):
        opt, xnnpack = (requantize(q, ratio, 3, 1.0, 4, kernels=k) for k in ("opt", "xnnpack"))
        assert np.array_equal(opt, xnnpack) == same


def test_what_does_not_fit_is_refused():
    x = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="kernels must be 'ref', 'opt' or 'xnnpack', got 'fast'"):
        quantize(x, 1.0, 0, kernels="fast")
    with pytest.raises(ValueError, match="scale must be finite and positive"):
        quantize(x, 0.0, 0)
    with pytest.raises(TypeError, match="dtype must be int8, uint8 or int16, got int32"):
        quantize(x, 1.0, 0, np.int32)
    with pytest.raises(TypeError, match="x must be float32, got float64"):
        quantize(x.astype(np.float64), 1.0, 0)
    with pytest.raises(ValueError, match="axis must be given"):
        quantize(x, [1.0, 2.0, 3.0], 0)
    with pytest.raises(ValueError, match=r"must have shape \(3,\), got \(2,\)"):
        quantize(x, [1.0, 2.0], 0, axis=0)
    with pytest.raises(ValueError, match="axis must be an axis of x"):
        quantize(x, [1.0, 2.0], 0, axis=1)
    with pytest.raises(TypeError, match="q must be int8 or uint8 or int16, got float32"):
        dequantize(x, 1.0, 0)
    with pytest.raises(TypeError, match="zero_point must be an integer array"):
        quantize(x, 1.0, 0.5)


def test_one_number_is_quantized_by_every_kernel_set():
    for kernels in KERNELS:
        assert quantize(np.float32(0.75), 1.0, 0, kernels=kernels) == 1
        assert requantize(np.int8(3), 1.0, 0, 1.0, 0, kernels=kernels) == 3


def test_numbers_beyond_float32_are_infinite_without_a_warning():
    assert quantize([1e39, -1e39], 1.0, 0, kernels="xnnpack").tolist() == [127, -128]
    with pytest.raises(ValueError, match="scale must be finite and positive"):
        quantize([1.0], 1e39, 0)
    with pytest.raises(ValueError, match="real must be at least 0 and below"):
        requantize(np.int8([1]), 3e38, 0, 1e-38, 0, kernels="xnnpack")


def test_zero_points_are_values_of_their_dtype():
    q = np.zeros(3, np.int8)
    for call in (
        lambda z: quantize(np.zeros(3, np.float32), 1.0, z),
        lambda z: dequantize(q, 1.0, z),
        lambda z: requantize(q, 1.0, z, 1.0, 0),
        lambda z: requantize(q, 1.0, 0, 1.0, z),
    ):
        with pytest.raises(ValueError, match=r"zero_point must lie within \[-128, 127\], got 128"):
            call(128)
        with pytest.raises(TypeError, match="zero_point must be an integer"):
            call(1.5)
    with pytest.raises(ValueError, match="y_scale must be one number"):
        requantize(q, 1.0, 0, [1.0, 2.0, 3.0], 0)


@pytest.mark.parametrize("kernels", KERNELS)
def test_requantize_is_the_same_in_parts_as_in_one(monkeypatch, kernels):
    q = np.random.default_rng(2).integers(-128, 128, (7, 11)).astype(np.int8)
    whole = requantize(q, 1.0, 0, 2.0, 0, kernels=kernels)
    monkeypatch.setattr("qbref.conventions.parts.LARGEST", 16 * 32)  # two blocks of sixteen
    assert np.array_equal(requantize(q, 1.0, 0, 2.0, 0, kernels=kernels), whole)


def test_fifteen_of_thirty_one_are_left_over():
    """-1/2, half up in a block of sixteen, away from zero behind it."""
    q = np.full(31, -2, np.int8)
    assert requantize(q, 0.25, 0, 1.0, 0, kernels="opt").tolist() == [0] * 16 + [-1] * 15
