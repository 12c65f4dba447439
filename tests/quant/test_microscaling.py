from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import MXArray, dequantize_mx, quantize_mx
from qbref.quant.microscaling import ELEMENTS

# exponent of the largest element, and all nonnegative elements in the order of their codes
# (OCP Microscaling Formats v1.0, section 5.3)
EMAX = {"fp8_e4m3": 8, "fp8_e5m2": 15, "fp6_e3m2": 4, "fp6_e2m3": 2, "fp4_e2m1": 2, "int8": 0}


def elements(exponent_bits, mantissa_bits, count):
    bias, steps = 2 ** (exponent_bits - 1) - 1, 2**mantissa_bits
    return [
        Fraction(code % steps + steps * (code >= steps), steps)
        * Fraction(2) ** (max(code // steps, 1) - bias)
        for code in range(count)
    ]


VALUES = {
    "fp8_e4m3": elements(4, 3, 127),
    "fp8_e5m2": elements(5, 2, 124),
    "fp6_e3m2": elements(3, 2, 32),
    "fp6_e2m3": elements(2, 3, 32),
    "fp4_e2m1": elements(2, 1, 8),
    "int8": [Fraction(code, 64) for code in range(128)],
}


def mx_block(block, element):
    """One block in exact arithmetic: the scale code and the dequantized values."""
    block = [Fraction(float(v)) for v in block]
    largest = max(abs(v) for v in block)
    if largest == 0:
        return 0, block
    log2 = next(e for e in range(130, -200, -1) if Fraction(2) ** e <= largest)
    exponent = max(log2 - EMAX[element], -127)
    scale, values = Fraction(2) ** exponent, VALUES[element]
    x_hat = []
    for v in block:
        code = min(range(len(values)), key=lambda c: (abs(values[c] * scale - abs(v)), c % 2))
        x_hat.append(values[code] * scale * (-1 if v < 0 else 1))
    return exponent + 127, x_hat


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("size", [1.0, 3e-20, 1e38, 1e-38])
def test_blocks_agree_with_exact_arithmetic(element, size):
    rng = np.random.default_rng(0)
    x = np.clip(rng.normal(size=(2, 70)) * size, -3.4e38, 3.4e38).astype(np.float32)
    q = quantize_mx(x, element)
    x_hat = dequantize_mx(q)
    assert q.scales.shape == (2, 3) and q.scales.dtype == np.uint8 and x_hat.dtype == np.float32
    for row in range(2):
        for block, part in enumerate((slice(0, 32), slice(32, 64), slice(64, 70))):
            scale, expected = mx_block(x[row, part], element)
            assert q.scales[row, block] == scale
            assert [Fraction(float(v)) for v in x_hat[row, part]] == expected


@pytest.mark.parametrize("element", ["fp8_e4m3", "fp4_e2m1", "int8"])
def test_ties_go_to_even_and_values_above_the_largest_element_saturate(element):
    values = VALUES[element]
    ties = [(a + b) / 2 for a, b in zip(values, values[1:], strict=False)]
    below_next_binade = Fraction(2) ** (EMAX[element] + 1) * Fraction(999, 1000)
    x = np.array([float(v) for v in [*ties, below_next_binade]], np.float32)
    x = np.concatenate([x, -x])
    q = quantize_mx(x, element, block_size=len(x))
    assert q.scales.tolist() == [127]
    expected = [min(range(len(values)), key=lambda c: (abs(values[c] - t), c % 2)) for t in ties]
    half = len(values) if element == "int8" else 128 if element == "fp8_e4m3" else 8
    codes = q.codes.astype(int)
    assert codes[: len(ties) + 1].tolist() == [*expected, len(values) - 1]
    negative = -codes[len(ties) + 1 :] if element == "int8" else codes[len(ties) + 1 :] - half
    assert negative.tolist() == [*expected, len(values) - 1]


def test_int8_by_hand():
    # floor(log2 3) = 1, so the scale is 2 and a step 2/64; 3 = 96 steps, 3.99 would be 127.68
    q = quantize_mx([3.0, -1.0, 3.99, -3.99, 1 / 64], "int8")
    assert q.scales.tolist() == [128] and q.codes.dtype == np.int8
    assert q.codes.tolist() == [96, -32, 127, -127, 0]  # 1/64 is half a step: to even
    assert dequantize_mx(q).tolist() == [3.0, -1.0, 3.96875, -3.96875, 0.0]


def test_every_scale_code():
    codes = np.full((256, 1), 2, np.uint8)  # 1.0 in FP4
    x = dequantize_mx(MXArray(codes, np.arange(256, dtype=np.uint8).reshape(-1, 1), "fp4_e2m1", -1, 32))
    assert x[:255, 0].tolist() == [2.0**e for e in range(-127, 128)] and np.isnan(x[255, 0])


def test_a_scale_of_nan_spoils_its_whole_block_and_no_other():
    q = quantize_mx(np.ones(40, np.float32), "fp8_e4m3")
    x = dequantize_mx(q._replace(scales=np.array([255, q.scales[1]], np.uint8)))
    assert np.isnan(x[:32]).all() and (x[32:] == 1).all()


def test_products_beyond_float32_become_infinite():
    q = MXArray(np.array([0x7E, 0xFE, 0x38], np.uint8), np.array([254], np.uint8), "fp8_e4m3", 0, 32)
    assert dequantize_mx(q).tolist() == [np.inf, -np.inf, 2.0**127]


@pytest.mark.parametrize("element", ELEMENTS)
def test_zeros_stay_zero_and_keep_their_sign_in_the_float_formats(element):
    q = quantize_mx(np.array([0.0, -0.0], np.float32), element)
    x = dequantize_mx(q)
    assert q.scales.tolist() == [0] and (x == 0).all()
    assert np.signbit(x).tolist() == [False, element != "int8"]


def test_a_scale_below_the_smallest_is_raised_to_it():
    tiny = np.float32(2.0**-140)
    assert quantize_mx([tiny], "fp8_e4m3").scales.tolist() == [0]
    # 2^-140 / 2^-127 = 2^-13 lies below half of the smallest FP8 subnormal, 2^-10
    assert dequantize_mx(quantize_mx([tiny], "fp8_e4m3")).tolist() == [0.0]
    # 2^-130 / 2^-127 = 1/8 is one of the elements
    assert dequantize_mx(quantize_mx([np.float32(2.0**-130)], "fp8_e4m3")).tolist() == [2.0**-130]


def test_blocks_run_along_the_given_axis():
    x = np.random.default_rng(1).normal(size=(5, 3, 2)).astype(np.float32)
    for axis in (0, 1, -1):
        q = quantize_mx(x, "fp4_e2m1", axis=axis, block_size=2)
        last = quantize_mx(np.moveaxis(x, axis, -1), "fp4_e2m1", block_size=2)
        assert (np.moveaxis(q.codes, axis, -1) == last.codes).all()
        assert (np.moveaxis(q.scales, axis, -1) == last.scales).all()
        assert (np.moveaxis(dequantize_mx(q), axis, -1) == dequantize_mx(last)).all()


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 40), (1,)])
def test_empty_and_single_element_tensors(shape):
    q = quantize_mx(np.full(shape, 1.5, np.float32), "fp4_e2m1")
    x = dequantize_mx(q)
    assert x.shape == shape and (x == 1.5).all()


def test_bad_arguments_are_named():
    for value in (np.nan, np.inf, 1e60):
        with pytest.raises(ValueError, match="x must be finite in float32"):
            quantize_mx(np.array([1.0, value]), "int8")
    with pytest.raises(ValueError, match="element must be one of .*, got 'fp16'"):
        quantize_mx([1.0], "fp16")
    with pytest.raises(ValueError, match="block_size must be at least 1, got 0"):
        quantize_mx([1.0], "int8", block_size=0)
    with pytest.raises(ValueError, match="axis must be a dimension of x"):
        quantize_mx(1.0, "int8")
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        quantize_mx(np.zeros(2, np.int8), "int8")
    q = quantize_mx(np.ones(40, np.float32), "int8")
    with pytest.raises(ValueError, match=r"scales must have shape \(2,\), got \(1,\)"):
        dequantize_mx(q._replace(scales=q.scales[:1]))
    with pytest.raises(ValueError, match=r"codes must lie within \[-128, 127\], got 128"):
        dequantize_mx(q._replace(codes=np.full(40, 128)))
    with pytest.raises(ValueError, match=r"scales must lie within \[0, 255\], got 256"):
        dequantize_mx(q._replace(scales=np.array([0, 256])))
    with pytest.raises(ValueError, match="element must be one of"):
        dequantize_mx(q._replace(element="int4"))
