import numpy as np
import pytest

from qbref.conventions.onnx import quantize_linear
from qbref.conventions.sweep import CHUNK, Difference, sweep
from qbref.quant import round_half_away, round_half_even, round_half_up

F32 = np.float32


def pattern(x):
    return int(F32(x).view(np.uint32))


def test_roundings_differ_at_the_ties_and_nowhere_else():
    # from 0.5 to 8: even and away part at .5 2.5 4.5 6.5
    found = sweep(round_half_even, round_half_away, start=pattern(0.5), stop=pattern(8.0))
    assert found.compared == 4 * 2**23
    assert (found.count, found.nan, found.infinite) == (4, 0, 0)
    assert found.first == found.smallest == Difference(0.5, 0.0, 1.0)
    # from -0.5 to -4, half up and half away part at -.5 -1.5 -2.5 -3.5
    found = sweep(round_half_up, round_half_away, start=pattern(-0.5), stop=pattern(-4.0))
    assert (found.count, found.first) == (4, Difference(-0.5, -0.0, -1.0))


def test_every_pattern_of_the_range_is_visited_once():
    seen = []

    def record(x):
        seen.append(x.copy())
        return x

    found = sweep(record, lambda x: x, start=pattern(1.0), stop=pattern(1.25) + 3)
    x = np.concatenate(seen)
    assert found.compared == x.size == 2**21 + 3
    assert x[0] == 1 and x[-1] == np.nextafter(np.nextafter(F32(1.25), F32(2)), F32(2))
    assert (np.diff(x.view(np.int32)) == 1).all()


def test_special_values_are_counted():
    def rule(variant):
        return lambda x: quantize_linear(x, 1.0, np.int8(-3), variant=variant)

    around_inf = dict(start=pattern(np.inf) - 2, stop=pattern(np.inf) + 5)
    # int8 with zero point -3: floats beyond int32 are 127 either way, NaN is -128 or wraps around to 127
    found = sweep(rule("onnxruntime"), rule("reference_evaluator"), **around_inf)
    assert (found.compared, found.count, found.nan, found.infinite) == (7, 4, 4, 0)
    assert found.steps == {255: 4}
    below = 0x80000000 + around_inf["start"], 0x80000000 + around_inf["stop"]
    found = sweep(rule("onnxruntime"), rule("reference_evaluator"), start=below[0], stop=below[1])
    assert (found.compared, found.count, found.nan, found.infinite) == (7, 7, 4, 1)
    assert found.smallest == found.first == Difference(-3.4028232635611926e38, -128, 127)


def test_smallest_is_least_in_magnitude_and_first_is_in_order_of_patterns():
    def above_3(x):
        return (x > 3).astype(np.int8)

    def below_minus_2(x):
        return (x < -2).astype(np.int8)

    start, stop = pattern(3.0), pattern(-2.0) + 2
    found = sweep(above_3, below_minus_2, start=start, stop=start + 2 * CHUNK)
    assert found.first == found.smallest == Difference(float(np.nextafter(F32(3), F32(4))), 1, 0)
    found = sweep(above_3, below_minus_2, start=stop - CHUNK, stop=stop)
    assert found.first == found.smallest == Difference(float(np.nextafter(F32(-2), F32(-3))), 0, 1)

    def flag(x):
        return ((np.abs(x) < 1e-40) | (np.abs(x) == np.inf)).astype(np.int8)

    found = sweep(flag, lambda x: 0 * flag(x), start=pattern(np.inf), stop=pattern(-0.0) + 5)
    assert found.first == Difference(np.inf, 1, 0)
    assert found.smallest.x == 0 and np.signbit(found.smallest.x)


def test_float_results_are_compared_by_their_bits():
    def with_signed_zero(x):
        return np.where(x == 1, F32(-0.0), F32(np.nan))

    def with_zero(x):
        return np.where(x == 1, F32(0.0), -F32(np.nan))

    found = sweep(with_signed_zero, with_zero, start=pattern(1.0) - 3, stop=pattern(1.0) + 3)
    assert (found.count, found.first.x, found.steps) == (1, 1.0, {})


def test_steps_count_the_differences_of_integers():
    found = sweep(
        lambda x: x.astype(np.uint8),
        lambda x: np.full(x.shape, 3, np.int8),
        start=pattern(2.0),
        stop=pattern(4.0),
    )
    assert (found.count, found.steps) == (2**22, {1: 2**22})


def test_threads_and_arguments_change_nothing():
    def power_of_two(x, scale, zero_point, dtype):
        return quantize_linear(x * (F32(1) / scale), F32(1), zero_point, output_dtype=dtype)

    def divide(x, scale, zero_point, dtype):
        return quantize_linear(x, scale, zero_point, output_dtype=dtype)

    bounds = dict(start=pattern(0.03), stop=pattern(0.5))
    args = F32(0.00214854861), np.int8(5)
    one = sweep(divide, power_of_two, *args, dtype="int8", **bounds)
    assert one.count > 0 and set(one.steps) <= {-1, 1}
    assert one == sweep(divide, power_of_two, *args, dtype="int8", threads=2, **bounds)


def test_progress_reaches_the_total():
    calls = []
    sweep(np.abs, np.abs, start=10, stop=10 + 2 * CHUNK + 1, progress=lambda *call: calls.append(call))
    total = 2 * CHUNK + 1
    assert calls == [(CHUNK, total), (2 * CHUNK, total), (total, total)]


def test_signalling_nan_does_not_warn():
    found = sweep(round_half_even, lambda x: x * F32(1), start=0x7F800001, stop=0x7F800101)
    assert (found.compared, found.count) == (256, 0)
    found = sweep(
        lambda x: np.isnan(x).astype(np.int8),
        lambda x: np.zeros(x.shape, np.int8),
        start=0x7F800001,
        stop=0x7F800101,
    )
    assert (found.count, found.nan) == (256, 256) and np.isnan(found.smallest.x)


def test_an_empty_sweep_finds_nothing():
    found = sweep(np.abs, np.negative, start=5, stop=5)
    assert found == (0, 0, 0, 0, None, None, {})


def test_errors_name_the_argument_and_the_value():
    with pytest.raises(ValueError, match="start and stop must .* got 5 and 4"):
        sweep(np.abs, np.abs, start=5, stop=4)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        sweep(np.abs, np.abs, threads=0)
    with pytest.raises(ValueError, match=r"b must return an array of shape \(4,\), got \(\)"):
        sweep(np.abs, np.sum, stop=4)
    with pytest.raises(TypeError, match="must both return integers or floats, got float32 and int32"):
        sweep(np.abs, lambda x: x.astype(np.int32), stop=4)


def test_a_rule_that_works_in_place_cannot_change_what_the_other_sees():
    def in_place(x):
        x *= 0
        return x

    with pytest.raises(ValueError, match="read-only"):
        sweep(in_place, lambda x: x, start=pattern(1.0), stop=pattern(1.0) + 5)


def test_results_are_integers_or_floats():
    with pytest.raises(TypeError, match="a must return integers or floats, got complex64"):
        sweep(lambda x: x + 0j, lambda x: x, stop=5)


def test_steps_between_signed_and_unsigned_results_are_integers():
    found = sweep(lambda x: x.view(np.uint32).astype(np.uint64), lambda x: x.view(np.int32) - 1, stop=5)
    assert found.steps == {-1: 5} and all(type(step) is int for step in found.steps)


@pytest.mark.parametrize("name", ["start", "stop", "threads"])
def test_patterns_and_threads_are_counted(name):
    with pytest.raises(TypeError, match=f"{name} must be an integer, got 1.5"):
        sweep(np.abs, np.abs, **{name: 1.5})
