import numpy as np
import pytest

from qbref.quant import dequantize_lut, fit_codebook, quantize_lut
from qbref.quant.codebooks import equal_population


def test_levels_are_the_medians_of_equal_parts():
    rng = np.random.default_rng(0)
    for part in (1, 2, 3, 100):
        x = rng.standard_t(3, size=8 * part)
        medians = np.median(np.sort(x).reshape(8, part), axis=1)
        np.testing.assert_allclose(equal_population(x, 3), medians, rtol=1e-9)  # interpolated once


def test_as_many_values_as_levels_are_their_own_levels():
    x = np.array([5.0, -1.0, 2.0, 30.0])
    assert equal_population(x, 2).tolist() == [-1, 2, 5, 30]


def test_evenly_spread_values_use_all_codes_equally():
    x = np.random.default_rng(1).permutation(1600).astype(np.float32)
    codes = quantize_lut(x, fit_codebook(x, 4, "equal_population"))
    assert np.bincount(codes, minlength=16).tolist() == [100] * 16


def test_codes_of_normal_values_are_used_more_evenly_than_those_of_kmeans_at_a_higher_error():
    x = np.random.default_rng(2).normal(size=20_000).astype(np.float32)
    spread, error = {}, {}
    for method in ("equal_population", "kmeans"):
        codebook = fit_codebook(x, 4, method)
        codes = quantize_lut(x, codebook)
        counts = np.bincount(codes, minlength=16)
        spread[method] = counts.max() / counts.min()
        error[method] = ((dequantize_lut(codes, codebook) - x) ** 2).mean()
    assert spread["equal_population"] < 1.5 < 3 < spread["kmeans"]
    assert error["equal_population"] > 1.5 * error["kmeans"]


def test_a_frequent_value_takes_several_levels():
    x = np.array([0.0] * 90 + [1.0] * 10)
    assert equal_population(x, 3).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert equal_population(np.full(3, 2.5), 2).tolist() == [2.5] * 4


def test_bits_out_of_range_are_refused():
    with pytest.raises(ValueError, match="n_bits must be from 1 to 8, got 9"):
        equal_population(np.ones(3), 9)
