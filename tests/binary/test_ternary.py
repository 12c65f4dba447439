import numpy as np
import pytest

from qbref.binary import ste_tern, ternarize
from tests.binary.kinks import kinks


@pytest.mark.parametrize("boundary", ["exclusive", "inclusive"])
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_at_the_threshold_and_one_step_beside_it(dtype, threshold, boundary):
    x = kinks(dtype, threshold)
    delta = float(dtype(threshold))

    def level(v):
        outside = abs(v) >= delta if boundary == "inclusive" else abs(v) > delta
        return (v > 0) - (v < 0) if outside else 0

    result = ternarize(x, threshold, boundary)
    assert result.dtype == dtype
    assert result.tolist() == [level(v) for v in x.tolist()]


def test_zero_and_nan_are_zero_whatever_the_threshold():
    for boundary in ("exclusive", "inclusive"):
        assert ternarize([-0.0, 0.0, np.nan], 0.0, boundary).tolist() == [0, 0, 0]


def test_the_threshold_is_compared_in_the_dtype_of_x():
    x = np.array([0.05], np.float32)  # a little above the float64 number 0.05
    assert ternarize(x, 0.05).tolist() == ternarize(x, np.array(0.05)).tolist() == [0]


def test_thresholds_broadcast():
    x = np.array([[0.5, -1.5], [0.5, -1.5]])
    assert ternarize(x, np.array([[0.25], [1.0]])).tolist() == [[1, -1], [0, -1]]


def larq_levels(x, delta):
    """Sum and difference of signs, the way Larq's code writes it."""
    return np.sign(np.sign(x + delta) + np.sign(x - delta))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ste_tern_is_larqs_expression(dtype):
    x = kinks(dtype, 0.05, 2)
    assert ste_tern(x).tolist() == larq_levels(x, dtype(0.05)).tolist()
    x = x[np.isfinite(x)]
    delta = dtype(0.7 * np.abs(x).astype(np.float64).mean())
    with_twn = ste_tern(x, ternary_weight_networks=True)
    assert with_twn.tolist() == larq_levels(x, delta).tolist()
    assert 0 < np.count_nonzero(with_twn) < np.count_nonzero(ste_tern(x))


def test_ste_tern_does_not_clip_before_it_compares():
    assert ste_tern([5.0, -5.0], threshold_value=1.5).tolist() == [1, -1]
    # Δ = 0.7 · 4 = 2.8, where values clipped to 1 would give 0.7 and four ±1
    assert ste_tern([9.0, -1.0, 2.0, 4.0], ternary_weight_networks=True).tolist() == [1, 0, 0, 1]


def test_bad_arguments_are_named():
    for threshold in (-0.1, np.nan):
        with pytest.raises(ValueError, match="threshold must not be negative"):
            ternarize([0.5], threshold)
    with pytest.raises(ValueError, match="boundary must be one of"):
        ternarize([0.5], 0.1, "strict")
    with pytest.raises(ValueError, match="must not be empty"):
        ste_tern(np.zeros(0))
