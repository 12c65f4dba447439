"""The search on made-up systems, then the real ones against hand-worked smallest inputs."""

from itertools import islice

import numpy as np
import pytest

from qbref.conventions import atlas, tflite
from qbref.conventions.differences import FAMILIES, agreeing
from qbref.conventions.differences.inputs import by_magnitude, steps
from qbref.conventions.differences.search import Family, Rule, same, smallest_differences


def made_up_model(x, shift, offset, flip):
    y = x + (1 if offset == "one" else 0) - (4 if offset == "one" and flip == "yes" else 0)
    return np.where(x >= shift, y + 10, y)


def made_up(*rules, settings=((3,), (2,))):
    """Systems that add 10 from a threshold on, the setting; `offset` and `flip` are their properties."""
    return Family(
        "made up",
        "",
        tuple(rules),
        settings,
        lambda setting, rules: by_magnitude(np.arange(-5, 6)),
        lambda x, shift, **p: made_up_model(x, shift, **p),
        lambda setting, x: f"{setting} {x}",
    )


def rule(name, function, accepts=lambda setting: True, **properties):
    return Rule(name, function, {"offset": "none", "flip": "no"} | properties, accepts)


def plain(x, shift):
    return made_up_model(x, shift, "none", "no")


def test_inputs_are_ordered_by_magnitude_positive_first_and_nan_last():
    x = np.array([np.nan, -1.0, 3.0, 1.0, -3.0, 0.0, 1.0])
    np.testing.assert_array_equal(by_magnitude(x), [0, 1, -1, 3, -3, np.nan])


def test_the_first_difference_in_order_is_found_and_counted():
    from_minus_two = rule("B", lambda x, shift: plain(x, shift) + (x <= -2) + (x >= 4), offset="one")
    family = made_up(rule("A", plain), from_minus_two)
    family = family._replace(model=lambda x, shift, offset, flip: plain(x, shift) + (offset == "one"))
    row = smallest_differences(family)[0]
    assert (row.x, row.setting, row.a_result, row.b_result) == (-2, (3,), -2, -1)
    assert row.searched == 5  # 0, 1, -1, 2, -2


def test_a_later_setting_is_reached_only_if_the_earlier_ones_agree():
    def later(x, shift):
        return plain(x, shift) + (shift == 2)

    family = made_up(rule("A", plain), rule("B", later, offset="one"))
    family = family._replace(model=lambda x, shift, offset, flip: later(x, shift if offset == "one" else 3))
    family = family._replace(rules=(rule("A", lambda x, shift: later(x, 3)), family.rules[1]))
    row = smallest_differences(family)[0]
    assert row.setting == (2,) and row.searched == 12


def test_the_cause_is_the_fewest_properties_that_carry_one_answer_over():
    both = rule("B", lambda x, s: made_up_model(x, s, "one", "yes"), offset="one", flip="yes")
    row = smallest_differences(made_up(rule("A", plain), both))[0]
    assert row.cause == (("offset", "none", "one"), ("flip", "no", "yes"))
    one = rule("C", lambda x, s: made_up_model(x, s, "one", "no"), offset="one")
    assert smallest_differences(made_up(one, both))[0].cause == (("flip", "no", "yes"),)


def test_properties_that_do_not_describe_the_system_are_an_error():
    wrong = rule("B", lambda x, s: plain(x, s) + 7, offset="one")
    with pytest.raises(ValueError, match="properties must describe B in made up, got .* 0"):
        smallest_differences(made_up(rule("A", plain), wrong))


def test_a_pair_that_never_differs_is_a_row_without_an_input():
    row = smallest_differences(made_up(rule("A", plain), rule("B", plain)))[0]
    assert row.x is None and row.cause == () and row.searched == 22


def test_a_system_is_not_asked_for_settings_that_it_does_not_have():
    def only_two(x, shift):
        assert shift == 2
        return plain(x, shift)

    rows = smallest_differences(
        made_up(rule("A", plain), rule("B", only_two, lambda setting: setting == (2,)))
    )
    assert rows[0].searched == 11


def test_systems_are_grouped_by_agreement(found):
    rows = found("quantize")
    groups = agreeing(rows)
    assert sorted(name for group in groups for name in group) == sorted(
        {row.a for row in rows} | {row.b for row in rows}
    )
    group_of = {name: i for i, group in enumerate(groups) for name in group}
    for row in rows:
        if group_of[row.a] == group_of[row.b]:
            assert row.x is None


@pytest.mark.parametrize("at", [0.0, -0.0, 1e-45, -1e-45, 0.1, -3.7, 250.0])
def test_a_step_is_located_to_the_last_float(at):
    at = np.float32(at)
    up, below = steps(lambda x: (x >= at).astype(int), np.array([1]), 300.0)
    assert up == at and below == np.nextafter(at, np.float32(-np.inf))


def test_results_are_the_same_if_all_their_parts_are():
    assert same(np.array([[1, np.nan], [1, 2]]), np.array([[1, np.nan], [1, 3]])).tolist() == [True, False]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_properties_describe_every_system_on_every_input(name):
    family = FAMILIES[name]
    for setting in islice(family.settings, 0, None, 1 + len(tuple(family.settings)) // 12):
        rules = [r for r in family.rules if r.accepts(setting)]
        inputs = family.inputs(setting, rules)
        for r in rules:
            modelled = family.model(inputs, *setting, **r.properties)
            assert same(r.function(inputs, *setting), modelled).all(), (r.system, setting)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_difference_is_one_and_comes_with_a_cause(found, name):
    family = FAMILIES[name]
    by_system = {r.system: r for r in family.rules}
    for row in found(name):
        if row.x is None:
            continue
        x = np.asarray(row.x)[None]
        a, b = (by_system[s].function(x, *row.setting)[0] for s in (row.a, row.b))
        assert not same(np.asarray(a)[None], np.asarray(b)[None])[0]
        assert same(np.asarray([a, b]), np.asarray([row.a_result, row.b_result])).all()
        assert row.cause


def test_ties_are_the_smallest_difference_of_half_even_and_half_away(rows_of):
    row = rows_of("quantize")["ONNX", "TFLite reference"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 0), 0.5, 0, 1)
    assert row.cause == (("ties", "to even", "away from zero"),)


def test_the_zero_point_before_rounding_shows_where_the_sum_is_rounded_to_a_tie(rows_of):
    # 1 + (1/2 − 2^-24) lies halfway between float32's 1.5 − 2^-23 and 1.5, goes to 1.5, and that to 2
    row = rows_of("quantize")["PyTorch", "PyTorch 2.13.0"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 1), np.float32(0.5 - 2**-24), 1, 2)
    assert [name for name, *_ in row.cause] == ["zero_point_is_added"]


def test_nothing_smaller_tells_division_from_multiplication_at_a_tenth(rows_of):
    row = rows_of("quantize")["ONNX", "PyTorch"]
    assert row.setting == (0.1, 0) and [name for name, *_ in row.cause] == ["scaling"]
    # 64 floats on both sides of each tie: two roundings move no quotient farther
    ties = np.float32((np.arange(16) + 0.5) * 0.1)
    near = (ties.view(np.int32)[:, None] + np.arange(-64, 65, dtype=np.int32)).astype(np.int32)
    x = near.view(np.float32).ravel()
    s = np.float32(0.1)
    differ = np.rint(x / s) != np.rint(x * (np.float32(1) / s))
    assert x[differ].min() == row.x == np.float32(1.55)


def test_dequantize_parts_where_the_scale_of_a_tenth_is_float64(rows_of):
    row = rows_of("dequantize")["PyTorch", "PyTorch per channel"]
    products = [np.float32(q) * np.float32(0.1) != np.float32(q * 0.1) for q in range(10)]
    assert row.x == products.index(True) == 9


def test_fixed_point_makes_one_half_of_minus_one_zero(rows_of):
    row = rows_of("product of int8")["TFLite reference FC", "TFLite reference CONV"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 1.0, 2.0, 0), -1, -1, 0)


def test_special_values_part_the_systems_as_documented(rows_of):
    rows = rows_of("quantize, out of range")
    assert rows["ONNX", "TFLite reference"].x == 2.0**31
    assert rows["ONNX", "TFLite XNNPACK"].cause == (("nan", "qmin", "qmax"),)
    assert np.isnan(rows["ONNX", "TFLite XNNPACK"].x)
    row = rows["PyTorch", "PyTorch 2.13.0"]  # −2^31 − 7 wraps around
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, -7), -(2.0**31), 127, -128)


def test_the_search_runs_the_operators_themselves(monkeypatch):
    original = tflite.dequantize
    monkeypatch.setattr(tflite, "dequantize", lambda q, *a, **k: original(q, *a, **k) + (q == 5))
    with pytest.raises(ValueError, match="properties must describe TFLite reference .* q = 5"):
        atlas("dequantize")


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="name must be one of quantize, .*, got 'round'"):
        atlas("round")


def test_a_reciprocal_of_the_output_scale_parts_qnnpack_from_fbgemm(rows_of):
    row = rows_of("product of int8")["PyTorch fbgemm", "PyTorch qnnpack"]
    x, w, y = np.float32(row.setting[:3])
    quotient, product = x * w / y, x * w * (np.float32(1) / y)
    assert quotient != product
    assert [np.rint(np.float32(row.x) * m) for m in (quotient, product)] == [row.a_result, row.b_result]


def test_what_stands_outside_the_image_is_the_cause_at_the_border(rows_of):
    rows = rows_of("border of a binary convolution")
    row = rows["Larq padding 1", "Larq reference padding 0"]
    assert (row.a_result, row.b_result) == (6, 4)  # three taps of two +1; one tap is outside
    assert row.cause == (("outside", "+1", "0"),)
    row = rows["Larq reference padding 0", "Larq optimized padding 0"]
    assert [name for name, *_ in row.cause] == ["accounted_for"]
    assert abs(row.a_result - row.b_result) < 1e-7


def test_fixed_point_rounds_a_half_of_one_up_before_anything_else_happens(rows_of):
    row = rows_of("int8 to int8")["ONNX dequantize and quantize", "TFLite reference"]
    assert (row.setting, row.x, row.a_result, row.b_result) == ((1.0, 2.0), 1, 0, 1)
