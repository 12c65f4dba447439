"""Special values: observed in PyTorch 2.13.0, CPU, for the order of that version; else worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.torch import quantize_per_channel, quantize_per_tensor

SPECIAL = np.float32([np.nan, np.inf, -np.inf, 3e9, -3e9, 1e20, -1e20, -0.0, 2147483520, -(2**31), 2**31])
LIMITS = {"qint8": (-128, 127), "quint8": (0, 255), "qint32": (-(2**31), 2**31 - 1)}
both_orders = pytest.mark.parametrize("before", [False, True])


def to_float32(exact):
    """The float32 nearest to a fraction of ordinary size, ties to even, as a fraction."""
    if exact == 0:
        return exact
    magnitude, exponent = abs(exact), 0
    while magnitude >= 2:
        magnitude, exponent = magnitude / 2, exponent + 1
    while magnitude < 1:
        magnitude, exponent = magnitude * 2, exponent - 1
    unit = Fraction(2) ** (exponent - 23)
    return round(exact / unit) * unit


def exact_quantize(x, scale, zero_point, dtype, before, fused):
    """One value, each rounding written out in exact arithmetic."""
    x = Fraction(float(x))
    inverse = to_float32(1 / to_float32(Fraction(scale)))
    if not before:
        q = round(to_float32(x * inverse)) + zero_point
    elif fused:
        q = round(to_float32(x * inverse + zero_point))
    else:
        q = round(to_float32(to_float32(x * inverse) + zero_point))
    return min(max(q, LIMITS[dtype][0]), LIMITS[dtype][1])


def around_ties(scale, rng, n=250):
    """Values within two units in the last place of (k + ½) · scale and of k · scale."""
    k = rng.integers(-600, 600, n) / 2
    bits = (k * scale).astype(np.float32).view(np.int32)
    return (bits + rng.integers(-2, 3, n).astype(np.int32)).view(np.float32)


@both_orders
@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("scale", [1.0, 0.1, 0.3, 0.0021485486, 7.25])
def test_every_step_is_rounded_as_in_exact_arithmetic(scale, dtype, before):
    rng = np.random.default_rng(3)
    x = around_ties(scale, rng)
    x = x[(np.abs(x) > 1e-30) | (x == 0)]  # the exact rounding above knows no subnormal numbers
    for zero_point in (0, 1, 100, 127) if dtype == "quint8" else (-7, 0, 100):
        fused = dtype != "qint32"
        expected = [exact_quantize(v, scale, zero_point, dtype, before, fused) for v in x]
        assert quantize_per_tensor(x, scale, zero_point, dtype, before).tolist() == expected
        expected = [exact_quantize(v, scale, zero_point, dtype, before, False) for v in x]
        q = quantize_per_channel(x.reshape(1, -1), [scale], [zero_point], 0, dtype, before)
        assert q[0].tolist() == expected


def test_ties_go_to_even_before_or_after_the_zero_point_is_added():
    x = np.float32([-1.5, -0.5, 0.5, 1.5, 2.5])
    for q in (
        quantize_per_tensor(x, 1.0, 1, "qint8"),
        quantize_per_channel(x, [1.0] * 5, [1] * 5, 0, "qint8"),
    ):
        assert q.tolist() == [-1, 1, 1, 3, 3] and q.dtype == np.int8
    assert quantize_per_tensor(x, 1.0, 1, "qint8", True).tolist() == [0, 0, 2, 2, 4]


def test_the_scale_is_inverted_and_not_divided_by():
    # The example in fbgemm/QuantUtils.h: x · (1/s) = 127.5, x / s = 127.49999
    x, scale = np.float32([0.273939937]), 0.00214854861
    assert quantize_per_tensor(x, scale, 0, "quint8").tolist() == [128]
    assert np.rint(x / np.float32(scale)) == 127


@pytest.mark.parametrize("zero_point", [0, 7, 100])
def test_special_values_of_version_2_13(zero_point):
    q = quantize_per_tensor(SPECIAL, 1.0, zero_point, "qint8", True)
    assert q.tolist() == [127, 127, -128, 127, -128, 127, -128, zero_point, 127, -128, 127]
    q = quantize_per_tensor(SPECIAL, 1.0, zero_point, "quint8", True)
    assert q.tolist() == [255, 255, 0, 255, 0, 255, 0, zero_point, 255, 0, 255]


@both_orders
@pytest.mark.parametrize("zero_point", [0, 7, 100])
def test_special_values_per_channel(zero_point, before):
    q = quantize_per_channel(SPECIAL[None], [1.0], [zero_point], 0, "qint8", before)
    assert q.tolist() == [[0, 127, -128, 127, -128, 127, -128, zero_point, 127, -128, 127]]
    q = quantize_per_channel(SPECIAL[None], [1.0], [zero_point], 0, "quint8", before)
    assert q.tolist() == [[0, 255, 0, 255, 0, 255, 0, zero_point, 255, 0, 255]]


def test_special_values_of_qint32():
    lowest, highest = LIMITS["qint32"]
    q = quantize_per_tensor(SPECIAL, 1.0, 200, "qint32", True)
    assert q[:8].tolist() == [lowest, highest, lowest, highest, lowest, highest, lowest, 200]
    assert q[8:].tolist() == [highest, -2147483392, highest]


def test_the_zero_point_wraps_around_when_it_is_added_after_the_conversion():
    # −2^31 − 7 = 2^31 − 7 (mod 2^32); 2147483520 + 128 = −2^31 (mod 2^32)
    x = np.float32([-np.inf, -3e9, -(2.0**31), np.inf, np.nan])
    assert quantize_per_tensor(x, 1.0, -7, "qint8").tolist() == [127, 127, 127, 127, 127]
    assert quantize_per_tensor(x, 1.0, 0, "qint8").tolist() == [-128, -128, -128, 127, 127]
    assert quantize_per_tensor(x, 1.0, 127, "quint8").tolist() == [0, 0, 0, 255, 255]
    assert quantize_per_tensor(x, 1.0, 128, "quint8").tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_channels_are_quantized_apart_on_any_axis(axis):
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    n = x.shape[axis]
    scales, zero_points = 0.02 * np.arange(1, n + 1), np.arange(n) - 2
    q = np.moveaxis(quantize_per_channel(x, scales, zero_points, axis, "qint8"), axis, 0)
    for i, channel in enumerate(np.moveaxis(x, axis, 0)):
        expected = quantize_per_tensor(channel, scales[i], int(zero_points[i]), "qint8")
        assert np.array_equal(q[i], expected)


@both_orders
def test_layout_and_emptiness_change_nothing(before):
    x = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    whole = quantize_per_tensor(x, 0.01, 3, "qint8", before)
    assert np.array_equal(quantize_per_tensor(x[::-2, ::3], 0.01, 3, "qint8", before), whole[::-2, ::3])
    assert np.array_equal(quantize_per_tensor(x.T, 0.01, 3, "qint8", before), whole.T)
    assert quantize_per_tensor(np.float32(0.5), 0.5, 3, "qint8", before).shape == ()
    assert quantize_per_tensor(x[:0], 0.01, 3, "qint32", before).shape == (0, 8)
    assert quantize_per_channel(x[:0], np.ones(8), [0] * 8, 1, "quint8", before).shape == (0, 8)


@both_orders
def test_larger_inputs_never_get_smaller_levels(before):
    x = np.sort(np.random.default_rng(0).normal(size=5000).astype(np.float32) * 100)
    assert (np.diff(quantize_per_tensor(x, 0.7, 5, "qint8", before).astype(int)) >= 0).all()


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((np.zeros(2), 1.0, 0, "qint8"), TypeError, "x must be float32, got float64"),
        (([1.0], 0.0, 0, "qint8"), ValueError, "scale must be positive and finite, got 0.0"),
        (([1.0], np.inf, 0, "qint8"), ValueError, "scale must be positive and finite, got inf"),
        (([1.0], [1.0, 2.0], 0, "qint8"), ValueError, "scale must be a single number"),
        (([1.0], 1.0, 128, "qint8"), ValueError, r"zero_point must lie within \[-128, 127\], got 128"),
        (([1.0], 1.0, 0.5, "qint8"), TypeError, "zero_point must be an integer, got"),
        (([1.0], 1.0, 0, "int8"), ValueError, "dtype must be one of qint8, quint8, qint32, got 'int8'"),
    ],
)
def test_invalid_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        quantize_per_tensor(*arguments)


@pytest.mark.parametrize(
    "scales, zero_points, axis, message",
    [
        ([1.0], [0], 2, r"axis must be a dimension of shape \(2, 3\), got 2"),
        ([1.0], [0], 1, r"scales must have shape \(3,\), got \(1,\)"),
        ([1.0, 1.0], [0], 0, r"zero_points must have shape \(2,\), got \(1,\)"),
        ([1.0, -1.0], [0, 0], 0, "scales must be positive and finite"),
        ([1.0, 1.0], [0, -129], 0, r"zero_points must lie within \[-128, 127\], got -129"),
    ],
)
def test_invalid_channel_parameters_are_named(scales, zero_points, axis, message):
    with pytest.raises(ValueError, match=message):
        quantize_per_channel(np.zeros((2, 3), np.float32), scales, zero_points, axis, "qint8")
