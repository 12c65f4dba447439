"""Golden values: torch._choose_qparams_per_tensor, PyTorch 2.13.0, CPU."""

import math

import numpy as np
import pytest

from qbref.conventions.torch import choose_qparams

RAISED = float(np.float32(6.1e-5))


@pytest.mark.parametrize(
    "lo, hi, expected, reduced",
    [
        (-1.0, 4.0, (0.0196078431372549, 51), (0.03937007874015748, 25)),
        (-3.7, 5.3, (0.03529411858203364, 105), (0.07086614360959512, 52)),
        (0.0, 0.0, (0.1, 0), (0.1, 0)),
        (0.0, 0.001, (RAISED, 0), (RAISED, 0)),
        (-0.001, 0.0, (RAISED, 255), (RAISED, 127)),
        (-0.001, 0.002, (RAISED, 85), (RAISED, 42)),
        (-1e-38, 0.0, (0.1, 0), (0.1, 0)),
        (-7.0, -5.0, (0.027450980392156862, 255), (0.05511811023622047, 127)),
        (2.0, 3.0, (0.011764705882352941, 0), (0.023622047244094488, 0)),
    ],
)
def test_scale_and_zero_point_are_pytorchs(lo, hi, expected, reduced):
    assert choose_qparams(lo, hi) == expected
    assert choose_qparams(lo, hi, reduce_range=True) == reduced


def test_the_two_ends_of_a_raised_range_can_round_to_different_zero_points():
    # 21.499994 from the lower end and 21.500006 from the upper; 58.500002 and 58.499987
    assert choose_qparams(-0.00048723199870437384, 0.00529156718403101) == (RAISED, 21)
    assert choose_qparams(-0.0014056256040930748, 0.004721460398286581) == (RAISED, 59)
    # the first with −128 … 127, by hand: 128 − 21.5 is not below 127 − 233.5, so the upper end counts
    assert choose_qparams(-0.00048723199870437384, 0.00529156718403101, -128, 127) == (RAISED, -106)


def test_signed_limits_are_halved_toward_zero():
    # −128 / 2 … 127 / 2 in C: −64 … 63; from the upper end 63 − 12.7 / 0.1 = −64
    scale, zero_point = choose_qparams(0.0, 12.7, -128, 127, reduce_range=True)
    assert scale == float(np.float32(12.7)) / 127 and zero_point == -64
    assert choose_qparams(0.0, 12.6, -127, 127, reduce_range=True) == (float(np.float32(12.6)) / 126, -63)


def test_a_preserved_zero_lies_in_the_middle_of_a_symmetric_range():
    # −128 … 127 around 0; max(1 / 128, 2 / 127) · 255 steps
    scale, zero_point = choose_qparams(-1.0, 2.0, 0, 255, preserve_sparsity=True)
    assert zero_point == 127
    assert scale == pytest.approx(2 / 127, rel=2**-22)  # two float32 roundings
    assert choose_qparams(0.0, 2.0, preserve_sparsity=True) == choose_qparams(0.0, 2.0)


def test_zero_is_always_a_level_and_the_ends_are_within_a_step():
    rng = np.random.default_rng(0)
    for _ in range(500):
        lo, hi = np.sort(rng.normal(size=2) * 10.0 ** rng.integers(-6, 6)).astype(np.float32)
        scale, zero_point = choose_qparams(lo, hi)
        assert isinstance(zero_point, int) and 0 <= zero_point <= 255
        assert (0 - zero_point) * scale <= min(lo, 0) + scale
        assert (255 - zero_point) * scale >= max(hi, 0) - scale


@pytest.mark.parametrize("lo, hi", [(1.0, -1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_a_range_must_be_finite_and_in_order(lo, hi):
    with pytest.raises(ValueError, match="min_val and max_val must be finite and in order, got"):
        choose_qparams(lo, hi)


def test_qmin_must_be_below_qmax():
    with pytest.raises(ValueError, match="qmin must be below qmax, both int32, got 3 and 3"):
        choose_qparams(0.0, 1.0, 3, 3)


@pytest.mark.parametrize(
    "lo, hi, zero_point",
    [
        (-0.0008388920105062425, 0.01471610739827156, 14),
        (-0.013726802542805672, 0.0018281968077644706, 225),
        (-0.01229463703930378, 0.0032603624276816845, 202),
        (-0.0031816628761589527, 0.012373336590826511, 52),
    ],
)
def test_the_smallest_scale_is_compared_in_float64(lo, hi, zero_point):
    """Scales that are below 6.1e-5 in float64, but not in float32."""
    assert np.float32((hi - lo) / 255) == np.float32(RAISED) and (hi - lo) / 255 < RAISED
    assert choose_qparams(lo, hi) == (RAISED, zero_point)


def test_a_range_without_levels_beside_the_zero_point_is_refused():
    for options in (dict(reduce_range=True), dict(preserve_sparsity=True)):
        with pytest.raises(ValueError, match="qmin and qmax must leave levels beside the zero point, got 0"):
            choose_qparams(-1.0, 1.0, 0, 1, **options)
    with pytest.raises(ValueError, match="qmin must be below qmax, both int32, got 0 and 2147483648"):
        choose_qparams(0.0, 1.0, 0, 2**31)


def test_an_end_beyond_float32_is_infinite():
    with pytest.raises(ValueError, match="min_val and max_val must be finite"):
        choose_qparams(0.0, 1e39)
