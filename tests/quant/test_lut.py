import copy
import time

import numpy as np
import pytest

from qbref.quant import Codebook, dequantize_lut, fit_codebook, quantize_lut
from qbref.quant.kmeans import kmeans_1d
from qbref.quant.lut import METHODS

LEVELS = [-1.0, 0.0, 0.5, 2.0]


def nearest(x, levels):
    """The definition: argmin takes the first, hence the lower, of two equal distances."""
    return np.abs(x[..., np.newaxis].astype(np.float64) - levels).argmin(axis=-1)


def test_codes_by_hand_with_ties_to_the_lower_level():
    x = np.array([-5, -1, -0.5, -0.49, 0, 0.25, 0.26, 1.25, 1.26, 99], np.float32)
    codes = quantize_lut(x, Codebook(LEVELS, 2))
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    x_hat = dequantize_lut(codes, Codebook(LEVELS, 2))
    assert x_hat.dtype == np.float32
    assert x_hat.tolist() == [-1, -1, -1, 0, 0, 0, 0.5, 0.5, 2, 2]


@pytest.mark.parametrize("n_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_nearest_level_is_chosen(n_bits, dtype):
    rng = np.random.default_rng(n_bits)
    codebook = Codebook(np.sort(rng.normal(size=2**n_bits)), n_bits)
    levels = codebook.levels.astype(np.float64)
    ties = (levels[:-1] + levels[1:]) / 2  # in float64 ties exactly, in float32 close to one
    x = np.concatenate([rng.normal(size=2000), ties, levels]).astype(dtype)
    assert (quantize_lut(x, codebook) == nearest(x, levels)).all()


def test_every_level_is_its_own_code_and_the_first_of_equals_is_chosen():
    codebook = Codebook([-1.0, 0.0, 0.0, 2.0], 2)
    assert quantize_lut(codebook.levels, codebook).tolist() == [0, 1, 1, 3]


def test_infinities_take_the_outermost_levels_and_zeros_of_both_signs_agree():
    codebook = Codebook(LEVELS, 2)
    assert quantize_lut(np.array([np.inf, -np.inf, 0.0, -0.0]), codebook).tolist() == [3, 0, 1, 1]


def test_nan_is_an_error_that_names_its_index():
    with pytest.raises(ValueError, match=r"got NaN at index \(1,\)"):
        quantize_lut(np.array([0.0, np.nan]), Codebook(LEVELS, 2))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 3)])
def test_shapes_of_scalars_and_empty_tensors_are_kept(shape):
    codebook = Codebook(LEVELS, 2)
    codes = quantize_lut(np.full(shape, 0.6, np.float32), codebook)
    assert codes.shape == shape and (codes == 2).all()
    assert dequantize_lut(codes, codebook).shape == shape


def test_per_channel_tables():
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    for axis in (0, 1, -1):
        codebook = fit_codebook(x, 2, axis=axis)
        assert codebook.levels.shape == (x.shape[axis], 4)
        codes, x_hat = quantize_lut(x, codebook), dequantize_lut(quantize_lut(x, codebook), codebook)
        for c in range(x.shape[axis]):
            alone = fit_codebook(x.take(c, axis), 2)
            assert (codebook.levels[c] == alone.levels).all()
            assert (codes.take(c, axis) == quantize_lut(x.take(c, axis), alone)).all()
            assert (x_hat.take(c, axis) == dequantize_lut(codes.take(c, axis), alone)).all()


def test_per_block_tables_and_a_short_last_block():
    x = np.random.default_rng(1).normal(size=(2, 10)).astype(np.float32)
    codebook = fit_codebook(x, 1, axis=1, block_size=4)
    assert codebook.levels.shape == (2, 3, 2)
    x_hat = dequantize_lut(quantize_lut(x, codebook), codebook)
    for row in range(2):
        for block, part in enumerate((slice(0, 4), slice(4, 8), slice(8, 10))):
            alone = fit_codebook(x[row, part], 1)
            assert (codebook.levels[row, block] == alone.levels).all()
            assert (x_hat[row, part] == dequantize_lut(quantize_lut(x[row, part], alone), alone)).all()
    assert (x_hat[:, 8:] == x[:, 8:]).all()  # two values, two levels


def test_data_with_few_values_are_reproduced_exactly():
    x = np.array([[0.1, -3.0, 0.1], [7.0, 7.0, 0.1]], np.float32)
    for n_bits in (2, 4, 8):
        codebook = fit_codebook(x, n_bits)
        assert codebook.levels.shape == (2**n_bits,)
        assert (dequantize_lut(quantize_lut(x, codebook), codebook) == x).all()
    constant = fit_codebook(np.full(5, 2.5, np.float32), 1)
    assert constant.levels.tolist() == [2.5, 2.5]


def test_sixteen_fitted_levels_beat_sixteen_equal_steps_on_normal_data():
    x = np.random.default_rng(2).normal(size=50_000).astype(np.float32)
    codebook = fit_codebook(x, 4)
    error = ((dequantize_lut(quantize_lut(x, codebook), codebook) - x) ** 2).mean()
    # Max, "Quantizing for minimum distortion" (1960), table I: 16 levels, mean squared error
    # 0.009497 optimal and 0.01154 with equal steps. 3 % for the sample of 50,000.
    assert error == pytest.approx(0.009497, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("granularity", [{}, {"axis": 1}, {"axis": -1, "block_size": 6}])
def test_every_method_fits_each_group_alone(method, granularity):
    x = np.random.default_rng(4).normal(size=(3, 10)).astype(np.float32)
    codebook = fit_codebook(x, 4, method, **granularity)
    codes = quantize_lut(x, codebook)
    x_hat = dequantize_lut(codes, codebook)
    if not granularity:
        parts = [((), ...)]
    elif "block_size" in granularity:
        cuts = (slice(0, 6), slice(6, 10))
        parts = [((row, block), (row, cut)) for row in range(3) for block, cut in enumerate(cuts)]
    else:
        parts = [((c,), (slice(None), c)) for c in range(10)]
    for position, index in parts:
        alone = fit_codebook(x[index], 4, method)
        assert (codebook.levels[position] == alone.levels).all()
        assert (codes[index] == nearest(x[index], alone.levels.astype(np.float64))).all()
        assert (x_hat[index] == alone.levels[codes[index]]).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_copes_with_zeros_one_value_and_the_ends_of_float32(method):
    for x in (np.zeros(5), np.full(5, -2.5), np.array([3.4e38, -3.4e38]), np.array([1e-45, 0.0])):
        codebook = fit_codebook(x.astype(np.float32), 4, method)
        assert np.isfinite(codebook.levels).all()
        if method != "power_of_two":  # whose levels seldom hit a value
            x_hat = dequantize_lut(quantize_lut(x.astype(np.float32), codebook), codebook)
            assert (x_hat == x.astype(np.float32)).all()


def test_the_start_and_the_generator_reach_kmeans():
    x = np.random.default_rng(6).standard_t(2, size=500)
    levels = fit_codebook(x, 4, init="kmeans++", rng=np.random.default_rng(7)).levels
    assert (levels == kmeans_1d(x, 16, "kmeans++", rng=np.random.default_rng(7)).astype(np.float32)).all()
    assert (levels != fit_codebook(x, 4).levels).any()


def test_a_million_weights_are_clustered_within_two_seconds():
    x = np.random.default_rng(5).normal(size=1_000_000).astype(np.float32)
    start = time.process_time()
    fit_codebook(x, 4)
    assert time.process_time() - start < 2


def test_strided_input_is_read_correctly():
    x = np.random.default_rng(3).normal(size=(6, 8)).astype(np.float32)
    codebook = fit_codebook(x, 3)
    assert (quantize_lut(x.T[::2], codebook) == quantize_lut(x.T[::2].copy(), codebook)).all()
    assert fit_codebook(x.T[::2], 3) == fit_codebook(x.T[::2].copy(), 3)


def test_codebooks_are_read_only_and_compare_by_value():
    source = np.array(LEVELS, np.float32)
    codebook = Codebook(source, 2)
    source[0] = -9
    assert codebook.levels[0] == -1
    with pytest.raises(ValueError, match="read-only"):
        copy.deepcopy(codebook).levels[0] = 0
    assert codebook == Codebook(LEVELS, 2) and hash(codebook) == hash(Codebook(LEVELS, 2))
    assert codebook != Codebook([-1.0, 0.0, 0.5, 3.0], 2)
    assert Codebook([LEVELS], 2, axis=0) != Codebook([LEVELS], 2, axis=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], 2), "levels must have 4 entries"),
        ((0.0, 1), "levels must have 2 entries"),
        (([1.0, 0.0], 1), "levels must be in ascending order"),
        (([0.0, np.nan], 1), "levels must be finite"),
        (([0.0, 1e60], 1), "levels must be finite"),
        (([0.0, 1.0], 0), "n_bits must be from 1 to 8"),
        ((np.zeros(512), 9), "n_bits must be from 1 to 8"),
        (([[0.0, 1.0]], 1), "must be a scalar when axis is None"),
        (([0.0, 1.0], 1, 0), "must have one dimension when axis is given"),
        (([0.0, 1.0], 1, None, 4), "block_size must come with an axis"),
    ],
)
def test_broken_codebooks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Codebook(*arguments)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="method must be one of"):
        fit_codebook([1.0], 2, method="magic")
    with pytest.raises(ValueError, match="init must be left out for method 'nf4', got 'kmeans"):
        fit_codebook([1.0], 4, method="nf4", init="kmeans++")
    with pytest.raises(ValueError, match="n_bits must be 4 for nf4, got 2"):
        fit_codebook([1.0], 2, method="nf4")
    with pytest.raises(ValueError, match="n_bits must be from 1 to 8"):
        fit_codebook([1.0], 9)
    with pytest.raises(ValueError, match="x must not be empty"):
        fit_codebook([], 2)
    for value in (np.nan, np.inf, 1e60):
        with pytest.raises(ValueError, match="x must be finite in float32"):
            fit_codebook(np.array([1.0, value]), 2)
    for function in (lambda x: fit_codebook(x, 2), lambda x: quantize_lut(x, Codebook(LEVELS, 2))):
        with pytest.raises(TypeError, match="x must be float32 or float64"):
            function(np.zeros(3, np.int8))
    with pytest.raises(TypeError, match="codes must be an integer array"):
        dequantize_lut(np.zeros(3), Codebook(LEVELS, 2))
    for code in (-1, 4):
        with pytest.raises(ValueError, match=rf"codes must lie within \[0, 3\], got {code}"):
            dequantize_lut(np.array([0, code]), Codebook(LEVELS, 2))
    with pytest.raises(ValueError, match=r"levels must have shape \(3, 4\)"):
        quantize_lut(np.zeros((3, 2), np.float32), Codebook([LEVELS, LEVELS], 2, axis=0))
