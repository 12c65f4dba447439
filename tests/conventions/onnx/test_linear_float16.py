"""QuantizeLinear and DequantizeLinear with float16; results of the two systems were observed on x86-64."""

import numpy as np
import pytest

from qbref.conventions.onnx import dequantize_linear, quantize_linear
from qbref.conventions.onnx.operands import VARIANTS

F16, F32 = np.float16, np.float32
inf, nan = np.inf, np.nan


def all_variants(x, y_scale, y_zero_point, **arguments):
    """(spec, onnxruntime, reference_evaluator)."""
    y = [quantize_linear(x, y_scale, y_zero_point, variant=variant, **arguments) for variant in VARIANTS]
    return tuple(values.tolist() for values in y)


def scalar_quantize(x, scale, zero_point, limits, dtype):
    """One number: the float64 quotient of two float16 numbers rounds to float16 as the exact one does."""
    level = round(float(dtype(float(x) / float(scale)))) + zero_point
    return min(max(level, limits.min), limits.max)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_quotients_round_to_float16_except_in_onnxruntime(dtype, variant):
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    division = F32 if variant == "onnxruntime" else F16
    for scale in F16([0.1, 0.3, 0.5, 1, 3, 7.7]):
        halves = rng.integers(2 * limits.min - 5, 2 * limits.max + 5, 60) / 2
        x = (np.clip(halves * float(scale), -6e4, 6e4)).astype(F16)
        x = np.nextafter(x, F16(rng.choice([-1e4, 1e4])), where=rng.random(60) < 0.5, out=x)
        x = x[np.abs(x.astype(float) / float(scale)) < 65500]
        zero_point = int(rng.integers(limits.min, limits.max + 1))
        y = quantize_linear(x, scale, dtype(zero_point), variant=variant)
        assert y.dtype == dtype
        assert y.tolist() == [scalar_quantize(v, scale, zero_point, limits, division) for v in x]


def test_ties_go_to_even_before_the_zero_point_is_added():
    x = F16([-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5])
    for y in all_variants(x, F16(1), np.int8(1)):
        assert y == [-1, -1, 1, 1, 1, 3, 3]


def test_special_values_by_hand_and_as_observed():
    # −65504 / 0.0001 is −6.5e8, and −inf as a float16; the two systems convert to int32 before they clip
    x = F16([nan, inf, -inf, 65504, -65504])
    assert all_variants(x, F16(1e-4), np.int8(3)) == (
        [-128, 127, -128, 127, -128],
        [-128, -128, -128, 127, -128],
        [-128, -128, -128, -128, -128],
    )
    assert all_variants(x, F16(1e-4), np.int8(-3)) == (
        [-128, 127, -128, 127, -128],
        [127, 127, 127, 127, -128],
        [127, 127, 127, 127, 127],
    )


def test_quotients_beyond_float16_in_16_bits():
    # 65504 / 0.5 = 131008 is infinite as a float16
    x = F16([65504, 32752, 100])
    assert all_variants(x, F16(0.5), np.uint16(7)) == (
        [65535, 65511, 207],
        [65535, 65511, 207],
        [0, 65511, 207],
    )
    assert all_variants(-x, F16(0.5), np.int16(-7)) == (
        [-32768, -32768, -207],
        [-32768, -32768, -207],
        [32767, -32768, -207],
    )


def test_onnxruntime_converts_float16_first_for_axes_and_blocks_too():
    x = np.full((3, 4), inf, F16)
    for shape, attributes in (
        ((3,), dict(axis=0)),
        ((4,), dict(axis=1)),
        ((3, 2), dict(axis=1, block_size=2)),
    ):
        scale, zero_point = np.ones(shape, F16), np.full(shape, 5, np.uint8)
        y = quantize_linear(x, scale, zero_point, variant="onnxruntime", **attributes)
        assert (y == 0).all()


def test_the_type_of_the_scale_sets_the_precision_but_not_in_the_reference_evaluator():
    # 2500 / 0.3 = 8332.0 with the float16 scale 0.30004883; its neighbours as float16 are 8328 and 8328
    x, scale = np.array([2500.0]), F16(0.3)
    assert quantize_linear(x.astype(F32), scale, np.int16(0)).tolist() == [8328]
    assert quantize_linear(x.astype(F32), scale, np.int16(0), variant="reference_evaluator").tolist() == [
        8332
    ]
    for variant in ("spec", "reference_evaluator"):
        # 8333.33 with the float32 scale 0.3
        assert quantize_linear(x.astype(F16), F32(0.3), np.int16(0), variant=variant).tolist() == [8333]
    for x_type, scale_type in ((F32, F16), (F16, F32)):
        message = f"y_scale must have the dtype of x, {np.dtype(x_type)}, got {np.dtype(scale_type)}"
        with pytest.raises(TypeError, match=message):
            quantize_linear(x.astype(x_type), scale_type(1), variant="onnxruntime")


def test_x_is_rounded_to_the_precision_of_the_division():
    # 2049 lies midway between the float16 numbers 2048 and 2050; 70000 is beyond 65504
    x = F32([2049, 70000])
    assert quantize_linear(x, F16(1), np.uint16(0)).tolist() == [2048, 65535]
    assert quantize_linear(x, F16(1), np.uint16(0), precision="float32").tolist() == [2049, 65535]


def test_precision_overrides_the_types_except_in_onnxruntime():
    x, scale, zero = F16([2500]), F16(0.3), np.int16(0)
    assert all_variants(x, scale, zero, precision="float32") == ([8332], [8332], [8332])
    assert all_variants(x, scale, zero, precision=np.float16) == ([8328], [8332], [8328])
    x, scale = F32([2500]), F32(scale)
    assert all_variants(x, scale, zero, precision="float16") == ([8328], [8332], [8328])


def test_python_numbers_take_the_dtype_of_x():
    x = F16([2500])
    assert quantize_linear(x, 0.3, np.int16(0)).tolist() == [8328]
    assert quantize_linear([2500.0], 0.3, np.int16(0)).tolist() == [8333]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_dequantized_values_are_float32_products_rounded_to_float16(dtype):
    rng = np.random.default_rng(1)
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max + 1, 300).astype(dtype)
    x[:2] = limits.min, limits.max
    for scale in F16([0.1, 0.3, 1.7, 6e-8]):
        y = dequantize_linear(x, scale, dtype(3))
        with np.errstate(over="ignore"):
            expected = [F16(F32((int(q) - 3) * float(scale))) for q in x]
        assert y.dtype == np.float16
        assert y.tolist() == expected


def test_dequantized_values_as_observed():
    # ONNX Runtime 1.31.1 and onnx 1.23.2 give the same; −128 … 127 and −2^31 … with the scale 0.3
    y = dequantize_linear(np.array([-128, -1, 5, 127], np.int8), F16(0.3), np.int8(3))
    assert y.tolist() == F16([-39.3, -1.2, 0.6, 37.22]).tolist()
    y = dequantize_linear(np.array([-(2**31), -1, 5, 2**31 - 1], np.int32), F16(0.3))
    assert y.tolist() == F16([-inf, -0.3, 1.5, inf]).tolist()


def test_two_roundings_can_show_in_16_bits():
    # 25599 · 1025 / 8192 = 3202.99988 rounds to 3203 in float32, a tie of float16; rounded once it is 3202
    assert dequantize_linear(np.array([25599], np.uint16), F16(1025 / 8192)).tolist() == [3204]


def test_the_output_dtype_is_that_of_the_scale_unless_given():
    x = np.array([-128, 3, 127], np.int8)
    wide = dequantize_linear(x, F16(0.3), np.int8(3), output_dtype="float32")
    assert wide.dtype == np.float32
    assert wide.tolist() == F32([-39.306396, 0, 37.206055]).tolist()
    narrow = dequantize_linear(x, F32(0.3), np.int8(3), output_dtype=F16)
    assert narrow.dtype == np.float16
    assert narrow.tolist() == F16([-39.3, 0, 37.2]).tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_shapes_and_layouts_change_nothing(variant):
    x = np.random.default_rng(2).normal(size=(6, 8)).astype(F16) * F16(40)
    whole = quantize_linear(x, F16(0.7), np.int8(2), variant=variant)
    assert (quantize_linear(x[::-2, ::3], F16(0.7), np.int8(2), variant=variant) == whole[::-2, ::3]).all()
    assert quantize_linear(x[:0], F16(0.7), variant=variant).shape == (0, 8)
    single = quantize_linear(x[1, 2], F16(0.7), np.int8(2), variant=variant)
    assert single.shape == () and single == whole[1, 2]
    assert not quantize_linear(np.zeros(5, F16), F16(1), variant=variant).any()
    assert dequantize_linear(whole[:0], F16(1)).dtype == np.float16


def test_other_float_types_are_refused():
    x = np.ones(2, F16)
    with pytest.raises(TypeError, match="x must be float32 or float16, got float64"):
        quantize_linear(x.astype(np.float64), F16(1))
    with pytest.raises(TypeError, match="precision must be float32 or float16, got bfloat16"):
        quantize_linear(x, F16(1), precision="bfloat16")
    with pytest.raises(TypeError, match="precision must be float32 or float16, got float64"):
        quantize_linear(x, F16(1), precision=np.float64, variant="onnxruntime")
    with pytest.raises(TypeError, match="output_dtype must be float32 or float16, got float64"):
        dequantize_linear(np.ones(2, np.int8), F16(1), output_dtype="float64")
