import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import QuantParams, dequantize, fake_quantize, params_from_range, quantize

INT8 = QuantParams(1.0, 0, -128, 127)
ROUND = {
    "half_even": round,  # of a Fraction: half to even
    "half_away": lambda v: math.floor(abs(v) + Fraction(1, 2)) * (1 if v >= 0 else -1),
    "half_up": lambda v: math.floor(v + Fraction(1, 2)),
}


def quantize_one(x, scale, zero_point, qmin, qmax, rounding="half_even"):
    """The formula on one number: an IEEE float32 division, everything else in exact arithmetic."""
    quotient = Fraction(float(np.float32(x) / np.float32(scale)))
    return min(max(ROUND[rounding](quotient) + int(zero_point), qmin), qmax)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        ("half_even", [-2, -2, 0, 0, 2, 2]),
        ("half_away", [-3, -2, -1, 1, 2, 3]),
        ("half_up", [-2, -1, 0, 1, 2, 3]),
    ],
)
@pytest.mark.parametrize("zero_point", [0, 1, -7])
def test_ties_are_rounded_before_the_zero_point_is_added(rounding, expected, zero_point):
    # with an odd zero point, round(x / s + z) would break half-even ties the other way
    p = QuantParams(1.0, zero_point, -128, 127, rounding=rounding)
    q = quantize(np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32), p)
    assert (q.astype(int) - zero_point).tolist() == expected


def test_quantize_divides_and_does_not_multiply_by_the_reciprocal():
    # FBGEMM, include/fbgemm/QuantUtils.h: this pair gives 127 by division, 128 by reciprocal
    p = QuantParams(np.float32(0.00214854861), 0, 0, 255)
    assert quantize(np.float32(0.273939937), p) == 127


def test_quantize_saturates_instead_of_wrapping():
    for zero_point in (0, -7, 5):
        p = QuantParams(1.0, zero_point, -128, 127)
        x = np.array([3e9, -3e9, np.inf, -np.inf, 135, -134, 1e38, -1e38], np.float32)
        assert quantize(x, p).tolist() == [127, -128] * 4


def test_a_quotient_beyond_float32_saturates_without_a_warning():
    p = QuantParams(1e-45, 0, -8, 7)
    assert quantize(np.array([1e30, -1e30, 0.0], np.float32), p).tolist() == [7, -8, 0]


@pytest.mark.parametrize("rounding", sorted(ROUND))
@pytest.mark.parametrize(("qmin", "qmax", "zero_point"), [(-128, 127, -37), (0, 15, 3), (-32768, 32767, 999)])
def test_quantize_agrees_with_the_formula_in_exact_arithmetic(rounding, qmin, qmax, zero_point):
    rng = np.random.default_rng(1)
    scale = np.float32(0.013)
    random = rng.normal(scale=(qmax - qmin) * 0.01, size=300)
    near_ties = (rng.integers(qmin, qmax, size=300) + 0.5) * float(scale)
    x = np.concatenate([random, near_ties]).astype(np.float32)
    p = QuantParams(scale, zero_point, qmin, qmax, rounding=rounding)
    expected = [quantize_one(value, scale, zero_point, qmin, qmax, rounding) for value in x]
    assert quantize(x, p).tolist() == expected


def test_dequantize_agrees_with_one_rounding_of_the_exact_product():
    rng = np.random.default_rng(2)
    p = QuantParams(np.float32(0.0137), 12345, 0, 65535)
    q = rng.integers(0, 65536, size=400).astype(np.uint16)
    # the product of a 17-bit and a 24-bit integer is exact in float64, and is then rounded once
    expected = [np.float32((int(value) - 12345) * float(p.scale)) for value in q]
    x_hat = dequantize(q, p)
    assert x_hat.dtype == np.float32
    assert x_hat.tolist() == expected


def test_real_zero_is_exact_and_carries_no_sign():
    for zero_point in (-128, -3, 0, 127):
        p = QuantParams(0.3, zero_point, -128, 127)
        x_hat = fake_quantize(np.array([0.0, -0.0, -0.1], np.float32), p)
        assert x_hat.tolist() == [0, 0, 0] and not np.signbit(x_hat).any()
        assert dequantize(np.int8(zero_point), p) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rounding", sorted(ROUND))
def test_fake_quantize_is_the_round_trip_bit_for_bit(dtype, rounding):
    x = np.concatenate([np.random.default_rng(3).normal(size=500) * 3, [np.inf, -np.inf, 0.0, -0.0]]).astype(
        dtype
    )
    for scale, zero_point in ((0.0231, 17), (1.0, 0), (3e38, -1), (1e-45, 0)):
        p = QuantParams(scale, zero_point, -128, 127, rounding=rounding)
        y = fake_quantize(x, p)
        assert y.dtype == dtype
        assert y.tobytes() == dequantize(quantize(x, p), p).astype(dtype).tobytes()


@pytest.mark.parametrize("n_bits", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("signed", [True, False])
def test_quantizing_twice_changes_nothing(n_bits, signed):
    rng = np.random.default_rng(n_bits)
    for lo, hi in ((-1.3, 2.1), (0.0, 7.77), (-5e-4, 0.0)):
        p = params_from_range(lo, hi, n_bits, signed)
        every = np.arange(p.qmin, p.qmax + 1)
        assert (quantize(dequantize(every, p), p) == every).all()
        once = fake_quantize(rng.uniform(lo, hi, 1000).astype(np.float32), p)
        assert (fake_quantize(once, p) == once).all()


def test_quantize_is_monotone():
    x = np.sort(np.random.default_rng(4).normal(size=5000).astype(np.float32))
    assert (np.diff(quantize(x, params_from_range(-2.0, 2.0, 5)).astype(int)) >= 0).all()


@pytest.mark.parametrize("n_bits", [2, 4, 8, 16])
def test_the_error_is_at_most_half_a_step_inside_the_range(n_bits):
    p = params_from_range(-1.0, 2.0, n_bits)
    lo, hi = dequantize(np.array([p.qmin, p.qmax]), p)
    x = np.random.default_rng(5).uniform(lo, hi, 20_000).astype(np.float32)
    error = np.abs(fake_quantize(x, p).astype(np.float64) - x) / float(p.scale)
    # The quotient and the product are rounded to float32 once each: 2 · 2⁻²⁴ relative to at most
    # 2^n_bits steps.
    assert error.max() <= 0.5 + 2**n_bits * 2.0**-23
    assert error.max() > 0.45  # the bound is reached: the test data are not trivially close


def test_float64_is_divided_in_float64():
    below_tie = np.nextafter(0.5, 0.0)  # rounds to the tie 0.5 in float32
    p = QuantParams(1.0, 0, -8, 7, rounding="half_up")
    assert quantize(np.float64(below_tie), p) == 0
    assert quantize(np.float32(below_tie), p) == 1


def test_per_channel_equals_one_call_for_each_channel():
    x = np.random.default_rng(6).normal(size=(3, 4, 5)).astype(np.float32)
    for axis in (0, 1, 2, -1, -3):
        channels = x.shape[axis]
        scale, zero_point = np.linspace(0.01, 0.5, channels), np.arange(channels) * 3 - 5
        p = QuantParams(scale, zero_point, -128, 127, axis=axis)
        q, y = quantize(x, p), fake_quantize(x, p)
        for c in range(channels):
            alone = QuantParams(scale[c], zero_point[c], -128, 127)
            assert (q.take(c, axis) == quantize(x.take(c, axis), alone)).all()
            assert (y.take(c, axis) == fake_quantize(x.take(c, axis), alone)).all()
            assert (dequantize(q, p).take(c, axis) == y.take(c, axis)).all()


def test_per_block_equals_one_call_for_each_block_and_the_last_may_be_short():
    x = np.random.default_rng(7).normal(size=(2, 10)).astype(np.float32)
    scale, zero_point = np.linspace(0.01, 0.3, 6).reshape(2, 3), np.arange(6).reshape(2, 3)
    p = QuantParams(scale, zero_point, -8, 7, axis=-1, block_size=4)
    q, y = quantize(x, p), fake_quantize(x, p)
    for row in range(2):
        for block, part in enumerate((slice(0, 4), slice(4, 8), slice(8, 10))):
            alone = QuantParams(scale[row, block], zero_point[row, block], -8, 7)
            assert (q[row, part] == quantize(x[row, part], alone)).all()
            assert (y[row, part] == dequantize(q[row, part], alone)).all()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (2, 3)])
def test_shape_and_dtype_of_empty_scalar_and_constant_tensors(shape):
    x = np.full(shape, 0.75, np.float32)
    q = quantize(x, QuantParams(0.25, 1, 0, 15))
    assert q.shape == shape and q.dtype == np.uint8 and (q == 4).all()
    x_hat = dequantize(q, QuantParams(0.25, 1, 0, 15))
    assert x_hat.shape == shape and x_hat.dtype == np.float32 and (x_hat == 0.75).all()
    assert fake_quantize(x, QuantParams(0.25, 1, 0, 15)).shape == shape


def test_the_storage_type_can_be_chosen():
    p = QuantParams(1.0, 0, 0, 15, dtype=np.int32)
    assert quantize([3.0], p).dtype == np.int32


def test_the_input_is_never_changed_and_may_be_strided_or_read_only():
    base = np.random.default_rng(8).normal(size=(6, 8)).astype(np.float32) * 50
    before = base.copy()
    x = base[::2, ::-3].T
    x.setflags(write=False)
    assert (quantize(x, INT8) == quantize(x.copy(), INT8)).all()
    assert (fake_quantize(x, INT8) == fake_quantize(x.copy(), INT8)).all()
    q = quantize(base, INT8)[:, ::2]
    assert (dequantize(q, INT8) == dequantize(q.copy(), INT8)).all()
    assert (base == before).all()


def test_python_numbers_are_read_as_float32():
    assert quantize(2.5, INT8) == 2
    assert fake_quantize([1, 2.25], INT8).dtype == np.float32


@pytest.mark.parametrize("function", [quantize, fake_quantize])
def test_nan_is_an_error_that_names_its_index(function):
    x = np.zeros((2, 3), np.float32)
    x[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"x must not contain NaN, got NaN at index \(1, 2\)"):
        function(x, INT8)


@pytest.mark.parametrize("function", [quantize, fake_quantize])
def test_arrays_that_are_not_float32_or_float64_are_refused(function):
    for dtype in (np.int32, np.float16, bool, complex):
        with pytest.raises(TypeError, match="x must be float32 or float64"):
            function(np.zeros(3, dtype), INT8)


def test_dequantize_refuses_floats_bools_and_values_out_of_range():
    for dtype in (np.float32, bool):
        with pytest.raises(TypeError, match="q must be an integer array"):
            dequantize(np.zeros(3, dtype), INT8)
    with pytest.raises(ValueError, match=r"q must lie within \[0, 15\], got 16"):
        dequantize(np.array([3, 16, -1]), QuantParams(1.0, 0, 0, 15))
    with pytest.raises(ValueError, match="got -1"):
        dequantize(np.array([3, -1]), QuantParams(1.0, 0, 0, 15))


def test_a_shape_that_does_not_fit_the_channels_is_refused():
    p = QuantParams([1.0, 2.0], 0, -8, 7, axis=0)
    for function, x in ((quantize, np.zeros((3, 2), np.float32)), (dequantize, np.zeros((3, 2), np.int8))):
        with pytest.raises(ValueError, match="scale must have shape"):
            function(x, p)
