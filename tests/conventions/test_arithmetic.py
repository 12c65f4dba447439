from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.arithmetic import INT32_MAX, INT32_MIN, fma32, saturate, to_int32, wrap32

F32 = np.float32


def exact_fma32(a, b, c):
    """The float32 nearest to a·b + c, ties to even, by comparing exact distances."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = F32(float(exact))  # at most one float away from the answer, since float() rounds correctly
    candidates = [np.nextafter(near, F32(-np.inf)), near, np.nextafter(near, F32(np.inf))]
    distance = [abs(Fraction(float(value)) - exact) for value in candidates]
    closest = [value for value, d in zip(candidates, distance, strict=True) if d == min(distance)]
    return min(closest, key=lambda value: int(value.view(np.int32)) & 1)


def mantissas(rng, size, bits=24):
    """Random float32 integers of at most 24 bits with random signs, many of them short."""
    width = rng.integers(1, bits + 1, size)
    return (rng.integers(0, 2**width) * rng.choice([-1, 1], size)).astype(F32)


def assert_exact(a, b, c):
    result = fma32(a, b, c)
    assert result.dtype == F32
    expected = [exact_fma32(*abc) for abc in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(result, np.array(expected, F32))


def test_fma_of_random_numbers_is_the_nearest_float_to_the_exact_sum():
    rng = np.random.default_rng(0)
    a, b, c = (mantissas(rng, 10_000) for _ in range(3))
    c = np.ldexp(c, rng.integers(-40, 60, c.size)).astype(F32)
    assert_exact(a, b, c)


def test_fma_is_right_where_the_exact_sum_is_a_hair_beside_a_tie():
    rng = np.random.default_rng(1)
    a, b = mantissas(rng, 4000), mantissas(rng, 4000)
    product = a.astype(np.float64) * b
    near = product.astype(F32)
    half_step = np.spacing(np.abs(near)) * F32(0.5) * rng.choice([-1, 1], near.size).astype(F32)
    # c brings the sum to a midpoint of two floats, as closely as a float32 can
    c = (near.astype(np.float64) + half_step - product).astype(F32)
    assert_exact(a, b, c)
    assert_exact(half_step, np.ones_like(half_step), near)
    tiny = np.full_like(near, 2.0**-120)
    assert_exact(tiny, rng.choice([-1, 1], near.size).astype(F32), near)


def test_fma_rounds_once_where_a_float64_sum_rounds_twice():
    # a·b = 2^-24 - 2^-70, so a·b + c lies just below the middle of c = 1 + 2^-23 and 1 + 2^-22.
    a, b, c = F32((1 + 2**-23) * 2**-12), F32((1 - 2**-23) * 2**-12), F32(1 + 2**-23)
    assert F32(float(a) * float(b) + float(c)) == 1 + 2**-22
    assert fma32(a, b, c) == c
    assert fma32(-a, b, -c) == -c


def test_fma_into_subnormal_floats_is_exact():
    # 2^-150 - 2^-196 more than c: just below the middle of two subnormal floats
    a, b, c = F32((1 + 2**-23) * 2**-75), F32((1 - 2**-23) * 2**-75), F32((2**19 + 1) * 2.0**-149)
    assert F32(float(a) * float(b) + float(c)) != c
    assert fma32(a, b, c) == c
    rng = np.random.default_rng(2)
    a = np.ldexp(mantissas(rng, 4000), -90).astype(F32)
    b = np.ldexp(mantissas(rng, 4000), -85).astype(F32)
    c = np.ldexp(mantissas(rng, 4000), -149).astype(F32)
    assert_exact(a, b, c)


def test_fma_special_values_follow_ieee_754():
    inf, nan, big = F32(np.inf), F32(np.nan), F32(3e38)
    assert fma32(inf, F32(1), F32(1)) == inf
    assert fma32(big, big, F32(0)) == inf
    assert fma32(big, -big, F32(0)) == -inf
    assert fma32(big, F32(2), -big) == big  # the product alone would overflow in float32
    for a, b, c in ((inf, F32(0), F32(1)), (inf, F32(1), -inf), (nan, F32(0), F32(0)), (F32(1), F32(1), nan)):
        assert np.isnan(fma32(a, b, c))
    assert np.signbit(fma32(F32(-0.0), F32(1), F32(-0.0)))
    assert not np.signbit(fma32(F32(1), F32(1), F32(-1)))


def test_fma_broadcasts_and_takes_empty_arrays():
    result = fma32(np.ones((3, 1), F32), np.arange(4, dtype=F32), F32(1))
    assert result.tolist() == [[1, 2, 3, 4]] * 3
    midway = fma32(F32(2**-24), F32(1), np.array([[1], [1 + 2**-23]], F32))
    assert midway.tolist() == [[1], [1 + 2**-22]]
    assert fma32(np.empty(0, F32), F32(1), F32(1)).shape == (0,)


def test_fma_refuses_float64():
    with pytest.raises(TypeError, match="b must be float32, got float64"):
        fma32(F32(1), 2.0, F32(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_conversion_to_int32_gives_the_indefinite_value_for_what_does_not_fit(dtype):
    outside = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9, 2.0**31, -(2.0**31), 1e30], dtype)
    assert to_int32(outside).tolist() == [INT32_MIN] * 8
    below = np.nextafter(dtype(2**31), dtype(0))
    inside = np.array([0.0, -0.0, 1.9, -1.9, -128.0, below, -below], dtype)
    assert to_int32(inside).tolist() == [0, 0, 1, -1, -128, int(below), -int(below)]
    assert to_int32(inside).dtype == np.int32


def test_wrap_adds_a_multiple_of_2_to_the_32():
    rng = np.random.default_rng(3)
    x = rng.integers(-(2**62), 2**62, 1000)
    wrapped = wrap32(x)
    assert wrapped.dtype == np.int32
    assert all((int(a) - int(b)) % 2**32 == 0 for a, b in zip(x, wrapped, strict=True))
    assert wrap32(np.int64(INT32_MIN) - 7) == INT32_MAX - 6


def test_saturate_clips_before_it_casts():
    q = np.array([-(2**40), -129, -128, 127, 128, 3_000_000_000])
    assert saturate(q, -128, 127, np.int8).tolist() == [-128, -128, -128, 127, 127, 127]
    assert saturate(np.array([-np.inf, 3.0, np.inf]), 0, 15, np.uint8).tolist() == [0, 3, 15]


def test_rules_take_any_memory_layout():
    x = np.arange(24, dtype=F32).reshape(4, 6)[::2, ::-3]
    assert to_int32(x).tolist() == x.tolist()
    assert fma32(x, x, x).tolist() == (x * x + x).tolist()
