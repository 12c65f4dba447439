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


@pytest.mark.parametrize("clip_value", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ste_tern_is_larqs_expression(dtype, clip_value):
    x = kinks(dtype, 0.05, 2)
    clipped = np.clip(x, -clip_value, clip_value)
    assert ste_tern(x, clip_value=clip_value).tolist() == larq_levels(clipped, dtype(0.05)).tolist()
    delta = dtype(0.7 * np.abs(clipped).astype(np.float64).mean())
    with_twn = ste_tern(x, ternary_weight_networks=True, clip_value=clip_value)
    assert with_twn.tolist() == larq_levels(clipped, delta).tolist()
    assert 0 < np.count_nonzero(with_twn) < np.count_nonzero(ste_tern(x))


def test_ste_tern_clips_before_it_compares():
    assert ste_tern([5.0, -5.0], threshold_value=1.5).tolist() == [0, 0]
    assert ste_tern([5.0, -5.0], threshold_value=1.0).tolist() == [1, -1]


def test_bad_arguments_are_named():
    for threshold in (-0.1, np.nan):
        with pytest.raises(ValueError, match="threshold must not be negative"):
            ternarize([0.5], threshold)
    with pytest.raises(ValueError, match="boundary must be one of"):
        ternarize([0.5], 0.1, "strict")
    with pytest.raises(ValueError, match="must not be empty"):
        ste_tern(np.zeros(0))
    with pytest.raises(ValueError, match="clip_value must be positive"):
        ste_tern([0.5], clip_value=0.0)
