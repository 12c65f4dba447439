"""Worked by hand from TensorRT's documentation; the runtime itself was not available."""

import numpy as np
import pytest

from qbref.conventions import tensorrt


def test_the_documentation_is_all_there_is():
    assert "not verified against the runtime" in " ".join(tensorrt.__doc__.split())


def test_scale_is_amax_over_127_and_the_range_is_all_of_int8():
    p = tensorrt.params_from_amax(1.0)
    assert p.scale == np.float32(1 / 127) and p.scale != np.float32(1 / 127.5)
    assert (p.zero_point, p.qmin, p.qmax, p.dtype) == (0, -128, 127, np.int8)


def test_ties_go_to_even_and_outsiders_saturate():
    p = tensorrt.params_from_amax(127.0)
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 3e9, -np.inf, -128.0, -127.6], np.float32)
    assert tensorrt.quantize(x, p).tolist() == [0, 2, 2, 0, -2, 127, -128, -128, -128]


def test_the_largest_magnitude_becomes_127_on_both_sides():
    p = tensorrt.params_from_amax(3.0)
    assert tensorrt.quantize(np.array([3.0, -3.0], np.float32), p).tolist() == [127, -127]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_weights_have_a_scale_per_output_channel(axis):
    w = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    p = tensorrt.weight_params(w, axis)
    for c in range(w.shape[axis]):
        largest = max(abs(float(v)) for v in np.take(w, c, axis).ravel())
        assert p.scale[c] == np.float32(largest / 127)
    worst = np.abs(tensorrt.dequantize(tensorrt.quantize(w, p), p) - w)
    assert (worst <= p.scale.max() / 2 * (1 + 1e-6)).all()  # float32 products


def test_the_entropy_threshold_clips_an_outlier_and_sees_every_batch():
    x = np.random.default_rng(1).normal(size=50_000).astype(np.float32)
    alone = tensorrt.entropy_params([x])
    joined = tensorrt.entropy_params([x[:20_000], np.append(x[20_000:], np.float32(80.0))])
    assert 2 < 127 * alone.scale < 6 and 2 < 127 * joined.scale < 8


def test_bad_ranges_are_refused():
    with pytest.raises(ValueError, match="amax must not be negative or NaN, got -1.0"):
        tensorrt.params_from_amax(-1.0)
    with pytest.raises(ValueError, match="amax must not be negative or NaN, got nan"):
        tensorrt.params_from_amax(np.array([1.0, np.nan]), axis=0)
    with pytest.raises(ValueError, match="x must not contain NaN"):
        tensorrt.quantize(np.array([np.nan], np.float32), tensorrt.params_from_amax(1.0))
