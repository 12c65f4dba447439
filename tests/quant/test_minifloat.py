import math
from bisect import bisect
from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import FORMATS, bits_to_float, cast_float, float_to_bits

SMALL = ["fp8_e5m2", "fp8_e4m3", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1"]
FIELDS = {  # exponent bits, mantissa bits, bias, codes without sign from which on there is no number
    "fp16": (5, 10, 15, 0x7C00),
    "bf16": (8, 7, 127, 0x7F80),
    "fp8_e5m2": (5, 2, 15, 0x7C),
    "fp8_e4m3": (4, 3, 7, 0x7F),
    "fp6_e3m2": (3, 2, 3, 0x20),
    "fp6_e2m3": (2, 3, 1, 0x20),
    "fp4_e2m1": (2, 1, 1, 0x8),
}


def exact_values(name):
    """The nonnegative finite values as fractions, each from the fields of its code."""
    _, m, bias, end = FIELDS[name]
    values = []
    for code in range(end):
        exponent, mantissa = code >> m, code & (1 << m) - 1
        if exponent == 0:
            values.append(Fraction(mantissa, 1 << m) * Fraction(2) ** (1 - bias))
        else:
            values.append((1 + Fraction(mantissa, 1 << m)) * Fraction(2) ** (exponent - bias))
    return values


def nearest_code(x, values):
    """Compare exact distances; of two equal ones the even code wins."""
    x = abs(Fraction(x))
    above = bisect(values, x)
    candidates = range(max(above - 1, 0), min(above + 1, len(values)))
    return min(candidates, key=lambda code: (abs(values[code] - x), code % 2))


@pytest.mark.parametrize("name", SMALL)
def test_every_code_has_the_value_of_its_fields(name):
    values = exact_values(name)
    half = 2 ** (FORMATS[name].n_bits - 1)
    x = bits_to_float(np.arange(2 * half), name)
    assert x.dtype == np.float32
    assert [Fraction(float(v)) for v in x[: len(values)]] == values
    assert [-Fraction(float(v)) for v in x[half : half + len(values)]] == values
    assert not np.signbit(x[0]) and np.signbit(x[half])


def test_the_values_of_fp4():
    # OCP Microscaling Formats v1.0, section 5.3.3
    values = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert bits_to_float(range(16), "fp4_e2m1").tolist() == values + [-v for v in values]


def test_special_codes():
    special = bits_to_float(np.array([0x7C, 0x7D, 0x7E, 0x7F, 0xFC, 0xFD]), "fp8_e5m2")
    assert special[0] == np.inf and special[4] == -np.inf and np.isnan(special[[1, 2, 3, 5]]).all()
    every = bits_to_float(range(256), "fp8_e4m3")
    assert np.flatnonzero(np.isnan(every)).tolist() == [0x7F, 0xFF] and not np.isinf(every).any()


def test_every_fp16_code_decodes_as_in_numpy():
    codes = np.arange(2**16, dtype=np.uint16)
    with np.errstate(invalid="ignore"):  # signaling NaN
        expected = codes.view(np.float16).astype(np.float32)
    assert np.array_equal(bits_to_float(codes, "fp16"), expected, equal_nan=True)
    assert (np.signbit(bits_to_float(codes, "fp16")) == (codes >= 0x8000)).all()


def test_every_bf16_code_is_the_upper_half_of_a_float32():
    codes = np.arange(2**16, dtype=np.uint16)
    expected = (codes.astype(np.uint32) << 16).view(np.float32)
    x = bits_to_float(codes, "bf16")
    assert np.array_equal(x, expected, equal_nan=True)
    number = ~np.isnan(x)
    assert (x.view(np.uint32)[number] == expected.view(np.uint32)[number]).all()


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("saturate", [True, False])
def test_every_code_is_its_own_nearest(name, saturate):
    if not saturate and name in SMALL[2:]:
        return  # these have nothing to overflow to
    codes = np.arange(2 ** FORMATS[name].n_bits)
    x = bits_to_float(codes, name)
    number = np.isfinite(x)
    assert (float_to_bits(x[number], name, saturate) == codes[number]).all()


def around_every_boundary(name):
    """float32 values at, just below and just above each midpoint between neighbours, and each value.

    The last midpoint is the one between the largest value and the one that would come next.
    """
    x = bits_to_float(range(FIELDS[name][3]), name).astype(np.float64)
    steps = np.diff(x, append=2 * x[-1] - x[-2])
    midpoints = (x + steps / 2).astype(np.float32)  # exact: the formats are much coarser
    below, above = np.nextafter(midpoints, np.float32(0)), np.nextafter(midpoints, np.float32(np.inf))
    extremes = np.array([np.finfo(np.float32).max, 1e-45], np.float32)
    values = np.concatenate([midpoints, below, above, x.astype(np.float32), extremes])
    return np.concatenate([values, -values])


@pytest.mark.parametrize("name", SMALL)
def test_the_nearest_value_is_chosen_and_the_even_code_at_ties(name):
    values = exact_values(name)
    x = np.concatenate(
        [around_every_boundary(name), np.random.default_rng(0).normal(size=500) * float(values[-1])]
    )
    half = 2 ** (FORMATS[name].n_bits - 1)
    expected = [nearest_code(v, values) + half * (math.copysign(1, v) < 0) for v in x.tolist()]
    assert float_to_bits(x, name).tolist() == expected
    assert float_to_bits(x.astype(np.float32), name).dtype == np.uint8


def test_fp16_rounds_at_every_boundary_as_numpy_does():
    x = around_every_boundary("fp16")
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16).view(np.uint16)
    bits = float_to_bits(x, "fp16", saturate=False)
    assert bits.dtype == np.uint16 and (bits == expected).all()
    saturated = np.where(expected == 0x7C00, 0x7BFF, np.where(expected == 0xFC00, 0xFBFF, expected))
    assert (float_to_bits(x, "fp16") == saturated).all()


def test_fp16_rounds_float64_once():
    # 1 + 2^-11 is a tie between 1 and 1 + 2^-10; a little more must go up, and is lost in float32
    x = np.array([1 + 2.0**-11, 1 + 2.0**-11 + 2.0**-40])
    assert float_to_bits(x, "fp16").tolist() == [0x3C00, 0x3C01]
    assert (x.astype(np.float16).view(np.uint16) == [0x3C00, 0x3C01]).all()


def test_bf16_rounds_at_every_boundary_as_integer_arithmetic_on_float32_does():
    # the usual trick: add half of the lower 16 bits, less one if the upper half is even, and cut them off
    x = around_every_boundary("bf16")
    u = x.view(np.uint32).astype(np.int64)
    expected = u + 0x7FFF + (u >> 16 & 1) >> 16
    assert (float_to_bits(x, "bf16", saturate=False) == expected).all()
    assert {0x7F80, 0xFF80} < set(expected.tolist())  # some do overflow


@pytest.mark.parametrize(
    ("name", "x", "saturated", "overflowed"),
    [  # overflowed: conversions of ml_dtypes 0.6.0, which never saturates FP8; the tie goes to the even code
        ("fp8_e4m3", 448.0, 0x7E, 0x7E),
        ("fp8_e4m3", 464.0, 0x7E, 0x7E),
        ("fp8_e4m3", np.nextafter(np.float32(464), np.float32(500)), 0x7E, 0x7F),
        ("fp8_e4m3", -480.0, 0xFE, 0xFF),
        ("fp8_e4m3", np.inf, 0x7E, 0x7F),
        ("fp8_e4m3", -np.inf, 0xFE, 0xFF),
        ("fp8_e5m2", 57344.0, 0x7B, 0x7B),
        ("fp8_e5m2", np.nextafter(np.float32(61440), np.float32(0)), 0x7B, 0x7B),
        ("fp8_e5m2", 61440.0, 0x7B, 0x7C),
        ("fp8_e5m2", -1e38, 0xFB, 0xFC),
        ("fp8_e5m2", np.inf, 0x7B, 0x7C),
        ("fp8_e5m2", -np.inf, 0xFB, 0xFC),
        ("fp16", np.inf, 0x7BFF, 0x7C00),
        ("fp16", -65520.0, 0xFBFF, 0xFC00),
        ("bf16", -np.inf, 0xFF7F, 0xFF80),
        ("bf16", np.float64(1e300), 0x7F7F, 0x7F80),
    ],
)
def test_overflow_saturates_or_becomes_infinity_or_nan(name, x, saturated, overflowed):
    assert float_to_bits(x, name) == saturated
    assert float_to_bits(x, name, saturate=False) == overflowed


@pytest.mark.parametrize("name", SMALL[2:])
def test_formats_of_numbers_only_saturate_and_refuse_nan(name):
    largest = FORMATS[name].max
    assert cast_float([1e9, -1e9, np.inf, -np.inf], name).tolist() == [largest, -largest, largest, -largest]
    with pytest.raises(ValueError, match=r"x must not contain NaN, got NaN at index \(1,\)"):
        float_to_bits([0.0, np.nan], name)
    with pytest.raises(ValueError, match=f"saturate must be True for {name}"):
        float_to_bits([0.0], name, saturate=False)


@pytest.mark.parametrize(
    ("name", "code"), [("fp16", 0x7E00), ("bf16", 0x7FC0), ("fp8_e5m2", 0x7E), ("fp8_e4m3", 0x7F)]
)
def test_nan_stays_nan_and_keeps_its_sign(name, code):
    sign = 2 ** (FORMATS[name].n_bits - 1)
    for saturate in (True, False):
        bits = float_to_bits(np.array([np.nan, -np.nan], np.float32), name, saturate)
        assert bits.tolist() == [code, code + sign]
        assert np.isnan(cast_float([np.nan], name, saturate)).all()


@pytest.mark.parametrize("name", list(FORMATS))
def test_zeros_keep_their_sign_and_tiny_values_become_zero(name):
    sign = 2 ** (FORMATS[name].n_bits - 1)
    assert float_to_bits([0.0, -0.0], name).tolist() == [0, sign]
    half_step = FORMATS[name].min_subnormal / 2  # a tie between codes 0 and 1
    above = np.nextafter(half_step, 1)
    assert float_to_bits(np.array([half_step, -half_step, above, -above]), name).tolist() == [
        0,
        sign,
        1,
        sign + 1,
    ]


def test_values_by_hand():
    # E4M3 around 1 has steps of 1/8, around 0 steps of 2^-9
    x = [1.0625, 1.1875, 0.1, 2.0**-9 * 1.5, -300.0, 7.9]
    assert cast_float(x, "fp8_e4m3").tolist() == [1.0, 1.25, 0.1015625, 2.0**-8, -288.0, 8.0]
    # 7.9 lies above 7, the last value of its binade: the carry enters the exponent
    assert cast_float(x, "fp8_e5m2").tolist() == [1.0, 1.25, 0.09375, 1.5 * 2.0**-9, -320.0, 8.0]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)])
def test_shapes_are_kept(shape):
    assert float_to_bits(np.full(shape, 1.5), "fp4_e2m1").shape == shape
    assert bits_to_float(np.full(shape, 3), "fp4_e2m1").shape == shape


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="fmt must be one of .*'bf16'.*, got 'fp9'"):
        float_to_bits([1.0], "fp9")
    with pytest.raises(ValueError, match="fmt must be one of"):
        bits_to_float([1], "float16")
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        float_to_bits(np.zeros(2, np.int8), "fp16")
    with pytest.raises(TypeError, match="bits must be an integer array"):
        bits_to_float([1.0], "fp16")
    for code in (-1, 64):
        with pytest.raises(ValueError, match=rf"bits must lie within \[0, 63\], got {code}"):
            bits_to_float([0, code], "fp6_e2m3")
