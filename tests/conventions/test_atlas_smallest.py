"""Smallest means smallest: each family's inputs counted through by hand-written rules, not by the search."""

import math
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from qbref.conventions import tflite
from qbref.conventions.differences import FAMILIES


def away(v):
    return int(math.copysign(math.floor(abs(v) + Fraction(1, 2)), v))


def half_up(v):
    return math.floor(v + Fraction(1, 2))


def causes(row):
    return [name for name, *_ in row.cause]


SMALL_PAIRS = sorted(
    product(range(-128, 128), repeat=2),
    key=lambda p: (abs(p[0]) + abs(p[1]), abs(p[1]), p[0] < 0, p[1] < 0),
)


@pytest.mark.parametrize("sign, family", [(1, "add int8"), (-1, "subtract int8")])
def test_sums_part_at_the_first_pair_whose_half_is_rounded_otherwise(rows_of, sign, family):
    rules = {
        "ONNX dequantize and quantize": round,
        "TFLite reference": away,
        "TFLite XNNPACK": half_up,
    }
    for (a, rule_a), (b, rule_b) in product(rules.items(), repeat=2):
        if (a, b) not in rows_of(family):
            continue
        row = rows_of(family)[a, b]
        halves = ((pair, Fraction(pair[0] + sign * pair[1], 2)) for pair in SMALL_PAIRS)
        expected = next((pair, rule_a(v), rule_b(v)) for pair, v in halves if rule_a(v) != rule_b(v))
        assert row.setting == (1.0, 1.0, 2.0)
        assert (tuple(row.x.tolist()), row.a_result, row.b_result) == expected
        assert row.cause and causes(row) == ["ties"]


def test_sums_in_blocks_part_at_the_first_tie_that_is_missed_by_a_rounding(rows_of):
    """On the grid of steps 0.6 / 2^20, where 0.1 is m / 2^33 steps, and 0.3 half of 2^20."""
    m = round(float(np.float32(0.1)) / (2 * float(np.float32(0.3))) * 2**33)
    tenths = {
        "TFLite reference": lambda n: away(Fraction(half_up(Fraction(n * 2**20 * m, 2**31)), 4)),
        "TFLite optimized (blocks)": lambda n: half_up(Fraction(n * 2**18 * m, 2**31)),
        "TFLite optimized, b repeated (blocks)": lambda n: half_up(Fraction(n * 2**20 * m, 2**31)) // 4,
    }
    y = round(2 * float(np.float32(0.3)) * 2**31)  # 0.6 to 1, with as many bits

    def total(rule, a, b):
        return away(Fraction(half_up(Fraction((a * 2**19 + tenths[rule](b)) * y, 2**31)), 2**20))

    for a, b in combinations(tenths, 2):
        row = rows_of("add int8")[a, b]
        expected = next(
            (pair, *totals)
            for pair in SMALL_PAIRS
            if len(set(totals := [total(r, *pair) for r in (a, b)])) == 2
        )
        assert row.setting == (0.3, 0.1, 1.0) and causes(row) == ["operands"]
        assert (tuple(row.x.tolist()), row.a_result, row.b_result) == expected
    assert expected == ((-5, 30), 2, 1)


def test_the_optimized_sum_wraps_at_the_first_pair_beyond_int16():
    reference, optimized = FAMILIES["add int8"].rules[1:3]
    setting = (1.0, 1.0, 0.005)
    q = np.array(SMALL_PAIRS, np.int8)
    differ = reference.function(q, *setting) != optimized.function(q, *setting)
    first = next(pair for pair in SMALL_PAIRS if not -(2**15) <= 200 * sum(pair) < 2**15)
    assert SMALL_PAIRS[np.argmax(differ)] == first == (-128, -36)
    x = np.array([first], np.int8)
    answers = [
        FAMILIES["add int8"].model(x, *setting, **rule.properties)[0] for rule in (reference, optimized)
    ]
    assert answers == [-128, min(200 * sum(first) + 2**16, 127)] == [-128, 127]


def test_differences_in_blocks_have_no_part_in_subtraction(rows_of):
    assert rows_of("subtract int8")["TFLite reference", "TFLite optimized (blocks)"].x is None


def test_the_optimized_product_wraps_when_the_zero_point_joins_a_saturated_one(rows_of):
    row = rows_of("multiply int8")["TFLite reference", "TFLite optimized (blocks)"]
    first = next(pair for pair in SMALL_PAIRS if 100 * pair[0] * pair[1] > 2**15 - 1 - 1)
    assert (row.setting[-1], tuple(row.x.tolist())) == (1, first)
    assert (row.a_result, row.b_result) == (127, -128)


def test_a_product_of_rounded_factors_is_not_the_rounded_product(rows_of):
    row = rows_of("multiply int8")["ONNX dequantize and quantize", "TFLite XNNPACK"]
    tenth = np.float32(0.1)
    expected = next(
        (a, b)
        for a, b in SMALL_PAIRS
        if np.rint((np.float32(a) * tenth) * (np.float32(b) * tenth))
        != np.rint(np.float32(a * b) * (tenth * tenth))
    )
    assert row.setting == (0.1, 0.1, 1.0, 0) and tuple(row.x.tolist()) == expected
    assert causes(row) == ["product"]


def test_means_part_at_plus_or_minus_one_half(rows_of):
    rows = rows_of("average_pool int8")
    onnx, lite, own = "ONNX dequantize, average, quantize", "TFLite", "qbref.integer"
    for pair, total, results in (
        ((onnx, lite), 1, (0, 1)),
        ((onnx, own), 1, (0, 1)),
        ((lite, own), -1, (-1, 0)),
    ):
        row = rows[pair]
        assert (row.setting, row.x.sum(), (row.a_result, row.b_result)) == ((2,), total, results)


def test_sixteen_bits_are_too_few_from_129_on(rows_of):
    row = rows_of("sum of uint8 · int8")["ONNX and Runtime", "ONNX Runtime on x86 without VNNI"]
    operands = sorted(product(range(256), range(-128, 128)), key=lambda p: (p[0], abs(p[1]), p[1] < 0))
    first = next(p for p in operands if not -(2**15) <= 2 * p[0] * p[1] < 2**15)
    assert (row.setting, tuple(row.x.tolist())) == ((2,), first) == ((2,), (129, -128))
    assert (row.a_result, row.b_result) == (2 * 129 * -128, -(2**15))


def test_limits_part_at_the_first_scale_that_makes_a_tie(rows_of):
    rows = rows_of("limits of an activation")
    row = rows["ONNX Clip, quantize", "TFLite"]
    first = next(s for s in range(1, 13) if round(Fraction(6, s)) != away(Fraction(6, s)))
    assert (row.setting, row.x, row.a_result.tolist(), row.b_result.tolist()) == (
        ("relu6", first),
        0,
        [0, 0],
        [0, 1],
    )
    row = rows["ONNX Clip, quantize", "TFLite XNNPACK"]
    points = sorted(range(-128, 128), key=lambda z: (abs(z), z < 0))
    first = next(
        (s, z) for s in range(1, 13) for z in points if round(Fraction(6, s)) + z != round(Fraction(6, s) + z)
    )
    assert (row.setting[1], row.x) == first == (4, 1)


def test_a_gradient_ends_at_the_last_level_or_half_a_step_later(rows_of):
    rows = rows_of("gradient of fake_quantize")
    row = rows["PyTorch", "TensorFlow FakeQuant"]
    assert (row.setting, row.x, row.a_result, row.b_result) == (
        (1.0, 0),
        np.nextafter(np.float32(127), 200),
        1,
        0,
    )
    row = rows["PyTorch", "LSQ (qbref.qat)"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 0), 127, 1, 0)
    row = rows["PyTorch", "PyTorch learnable"]  # rint(126.5) + 1 = 127, rint(126.5 + 1) = 128
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 1), 126.5, 1, 0)
    row = rows["PyTorch learnable", "PyTorch learnable per channel"]  # trunc(-7 + 1/2) = -6
    # the next float, -121.5 - 2^-17, makes -128.5 - 2^-17 and that, halfway between floats, -128.5: inside
    assert row.setting == (1.0, -7) and row.x == np.float32(-121.5 - 2**-16)


def test_division_and_multiplication_part_at_the_end_of_the_range_nowhere_earlier(rows_of):
    row = rows_of("gradient of fake_quantize")["PyTorch", "qbref.qnn"]
    assert row.setting == (0.1, -7) and causes(row) == ["scaling"]
    s, z = np.float32(0.1), -7
    near = np.float32([(-128.5 - z) * 0.1, (127.5 - z) * 0.1]).view(np.int32)[:, None] + np.arange(-64, 65)
    x = near.astype(np.int32).ravel().view(np.float32)
    levels = [np.rint(v) + z for v in (x * (np.float32(1) / s), x / s)]
    one, other = ((-128 <= level) & (level <= 127) for level in levels)
    differ = x[one != other]
    assert row.x == differ[np.argmin(np.abs(differ))]


def test_the_gradient_of_a_scale_is_the_limit_for_lsq_from_the_last_level_on(rows_of):
    rows = rows_of("gradient of the scale")
    row = rows["PyTorch learnable", "LSQ (qbref.qat)"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((0,), 127, 0, 127)
    row = rows["PyTorch learnable", "PyTorch learnable per channel"]
    # rint(0.5 - 6) + 6 = 0 with the zero point -6, rint(0.5 - 7) + 7 = 1 with -7
    assert (row.setting, row.x, row.a_result, row.b_result) == ((-7,), 0.5, -0.5, 0.5)


def test_dynamic_quantization_parts_where_rounding_the_scale_first_matters(rows_of):
    rows = rows_of("dynamic quantization")
    row = rows["PyTorch", "PyTorch 2.13.0"]  # -0.1 / (0.2 / 255) = -127.5: even -128 + 255, or 127.5 to 128
    np.testing.assert_array_equal(row.x, np.float32([-0.2, 0, -0.1]))
    assert (row.a_result.tolist(), row.b_result.tolist()) == ([0, 255, 127], [0, 255, 128])
    assert rows["PyTorch", "PyTorch reduce_range"].b_result.tolist() == [0, 127, 0]
    row = rows["ONNX DynamicQuantizeLinear", "PyTorch"]
    for lo, hi, x in FAMILIES["dynamic quantization"].inputs((), ()):
        in_float32 = (hi - lo) / np.float32(255)
        in_float64 = np.float32((float(hi) - float(lo)) / 255)
        z32, z64 = np.rint(-lo / in_float32), round(-float(lo) * 255 / (float(hi) - float(lo)))
        numbers = np.float32([lo, hi, x])
        one = np.clip(np.rint(numbers / in_float32) + z32, 0, 255)
        other = np.clip(np.rint(numbers * (np.float32(1) / in_float64)) + z64, 0, 255)
        if (one != other).any():
            np.testing.assert_array_equal(row.x, numbers)
            return
    raise AssertionError("no difference")


def test_softmax_parts_at_the_first_logits_of_the_first_scale(rows_of):
    row = rows_of("softmax int8")["TFLite reference", "TFLite optimized"]
    assert row.setting == (0.01,)
    logits = sorted(((0, -a, -b) for b in range(129) for a in range(b + 1)), key=lambda x: (-sum(x), -x[2]))
    x = np.array(logits, np.int8)
    np.testing.assert_array_equal(FAMILIES["softmax int8"].inputs(row.setting, ()), x)
    for scale in (1.0, *(k / 10 for k in range(1, 10))):
        assert (tflite.softmax(x, scale) == tflite.softmax(x, scale, kernels="opt")).all()
    differ = (tflite.softmax(x, 0.01) != tflite.softmax(x, 0.01, kernels="opt")).any(axis=1)
    assert row.x.tolist() == list(logits[np.flatnonzero(differ)[0]])


def test_int8_to_int8_parts_at_the_first_integer_by_magnitude(rows_of):
    integers = sorted(range(-128, 128), key=lambda q: (abs(q), q < 0))

    def fixed_point(last):  # half up to the quarter's half, then the last rounding
        return lambda q, right: last(Fraction(half_up(Fraction(q, 2)), 2 ** (right - 1)))

    rules = {
        "ONNX dequantize and quantize": lambda q, right: round(Fraction(q, 2**right)),
        "TFLite reference": fixed_point(away),
        "TFLite optimized (blocks)": fixed_point(half_up),
        "TFLite XNNPACK": lambda q, right: half_up(Fraction(q, 2**right)),
    }
    for (a, b), row in rows_of("int8 to int8").items():
        ratio, q, *results = next(
            (right, q, rules[a](q, right), rules[b](q, right))
            for right in (1, 2, 3)
            for q in integers
            if rules[a](q, right) != rules[b](q, right)
        )
        assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 2.0**ratio), q, *results)


def test_zero_padding_is_missed_by_the_filter_without_minus_one(rows_of):
    rows = rows_of("border of a binary convolution")
    for b in ("Larq reference padding 0", "Larq optimized padding 0"):
        row = rows["Larq padding 1", b]
        assert (row.setting, row.x) == ((1.0, 0.0), 0)
    row = rows["Larq reference padding 0", "Larq optimized padding 0"]
    filters = sorted(range(64), key=lambda w: (w.bit_count(), w))
    one = np.float32(1)
    for multiplier, bias in product(
        (1.0, *(k / 10 for k in range(1, 10))), (0.0, *(k / 10 for k in range(1, 10)))
    ):
        m = np.float32(multiplier)
        start = np.float32(float(np.float32(bias)) + 6 * float(m))
        for w in filters:
            outside = 2 - 2 * (w & 3).bit_count()
            pop = w.bit_count()
            in_sum = one * (2 * pop + outside) * -m + start
            afterwards = one * (2 * pop) * -m + start - m * np.float32(outside)
            if in_sum != afterwards:
                assert (row.setting, row.x) == ((multiplier, bias), w)
                assert (row.a_result, row.b_result) == (in_sum, afterwards)
                return
    raise AssertionError("no difference")


def test_fake_quantize_parts_at_ties_and_at_what_becomes_a_tie(rows_of):
    rows = rows_of("fake_quantize")
    near_half = np.float32(0.5 - 2**-24)  # 1 + this lies halfway between floats, and becomes 1.5
    row = rows["PyTorch", "PyTorch 2.13.0 quantize, dequantize"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 1), near_half, 0, 1)
    row = rows["ONNX QDQ", "TFLite reference quantize, dequantize"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 0), 0.5, 0, 1)
    row = rows["PyTorch", "ONNX QDQ"]
    assert (row.setting, row.x) == ((0.1, 0), np.float32(1.55))
    assert rows["ONNX QDQ", "qbref.quant"].x is None
    # x + 128 is rounded to a multiple of 2^-16 first, a tie among those to even: 0.5 - 2^-17 becomes 0.5
    row = rows["PyTorch", "TensorFlow FakeQuant"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 0), np.float32(0.5 - 2**-17), 0, 1)
    assert causes(row) == ["ties", "zero_point_is_added"]
