import numpy as np
import pytest

from qbref.quant import Codebook, dequantize_lut, fit_codebook, levels_gradient, quantize_lut, step_levels

# where the table of element (i, j) of a matrix is found
TABLES = [
    ({}, lambda i, j: ()),
    ({"axis": 0}, lambda i, j: (i,)),
    ({"axis": -1}, lambda i, j: (j,)),
    ({"axis": 1, "block_size": 4}, lambda i, j: (i, j // 4)),
]


@pytest.mark.parametrize(("granularity", "table"), TABLES)
def test_every_gradient_is_added_to_the_level_of_its_code(granularity, table):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(3, 10)), rng.normal(size=(3, 10))
    codebook = fit_codebook(x, 2, **granularity)
    codes = quantize_lut(x, codebook)
    expected = np.zeros(codebook.levels.shape)
    for i, j in np.ndindex(3, 10):
        expected[(*table(i, j), codes[i, j])] += upstream[i, j]
    gradient = levels_gradient(upstream, codes, codebook)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)  # summed in another order at most


def test_gradients_by_hand():
    codebook = Codebook([[-1.0, 1.0], [0.0, 5.0]], 1, axis=0)
    codes = np.array([[0, 1, 1], [0, 0, 0]], np.uint8)
    upstream = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]], np.float32)
    assert levels_gradient(upstream, codes, codebook).tolist() == [[1, 6], [56, 0]]


def test_sums_are_formed_in_float64():
    upstream = np.array([1e8] + [1.0] * 100, np.float32)
    assert levels_gradient(upstream, np.zeros(101, int), Codebook([0.0, 1.0], 1)).tolist() == [1e8 + 100, 0]


@pytest.mark.parametrize(("granularity", "table"), TABLES)
def test_a_step_moves_every_weight_with_its_level(granularity, table):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 10)).astype(np.float32)
    codebook = fit_codebook(x, 2, **granularity)
    codes = quantize_lut(x, codebook)
    step = rng.normal(size=codebook.levels.shape)  # large enough for levels to overtake one another
    new_codebook, new_codes = step_levels(codebook, codes, step)
    assert (np.diff(new_codebook.levels) >= 0).all() and new_codes.dtype == np.uint8
    assert (new_codes != codes).any()
    x_hat = dequantize_lut(new_codes, new_codebook)
    for i, j in np.ndindex(3, 10):
        place = (*table(i, j), codes[i, j])
        assert x_hat[i, j] == np.float32(codebook.levels[place] - step[place])


def test_without_overtaking_the_codes_stay():
    codebook = Codebook([-1.0, 0.0, 0.0, 2.0], 2)
    codes = np.array([0, 1, 2, 3, 1])
    new_codebook, new_codes = step_levels(codebook, codes, [0.5, 0.0, 0.0, -1.0])
    assert new_codes.tolist() == codes.tolist()
    assert new_codebook.levels.tolist() == [-1.5, 0, 0, 3] and new_codebook.n_bits == 2


def test_equal_levels_do_not_change_places():
    levels = np.repeat(np.arange(128), 2)
    _, codes = step_levels(Codebook(levels, 8), np.arange(256), 2 * levels)  # -level: the pairs turn round
    assert codes.tolist() == [2 * (127 - pair) + member for pair in range(128) for member in (0, 1)]


def test_training_the_levels_leads_them_to_the_means_of_their_targets():
    rng = np.random.default_rng(2)
    w = rng.normal(size=200)
    target = 3 - w  # the levels have to change places
    codebook = fit_codebook(w, 2)
    codes = quantize_lut(w, codebook)
    count = np.bincount(codes)
    assert count.min() >= count.max() / 4
    for _ in range(60):
        gradient = levels_gradient(dequantize_lut(codes, codebook) - target, codes, codebook)
        codebook, codes = step_levels(codebook, codes, gradient / count.max())
    means = [target[codes == j].mean() for j in range(4)]
    # an error keeps at most 3/4 of itself a step, 3e-8 in the end; what is left is the rounding to float32
    np.testing.assert_allclose(codebook.levels, means, rtol=3e-7)


def test_bad_arguments_are_named():
    codebook = Codebook([0.0, 1.0], 1)
    with pytest.raises(ValueError, match=r"upstream must have the shape of codes, \(2,\), got \(3,\)"):
        levels_gradient(np.zeros(3), [0, 1], codebook)
    with pytest.raises(TypeError, match="codes must be an integer array"):
        levels_gradient(np.zeros(2), [0.0, 1.0], codebook)
    with pytest.raises(ValueError, match=r"step must have the shape of levels, \(2,\), got \(\)"):
        step_levels(codebook, [0, 1], 0.5)
    with pytest.raises(ValueError, match="levels must be finite"):
        step_levels(codebook, [0, 1], [0.0, np.nan])
    for call in (
        lambda c: levels_gradient(np.zeros(1), c, codebook),
        lambda c: step_levels(codebook, c, [0, 0]),
    ):
        with pytest.raises(ValueError, match=r"codes must lie within \[0, 1\], got 2"):
            call([2])
    per_row, codes = Codebook([[0.0, 1.0]] * 2, 1, axis=0), np.zeros((3, 2), int)
    with pytest.raises(ValueError, match=r"levels must have shape \(3, 2\)"):
        levels_gradient(np.zeros((3, 2)), codes, per_row)
    with pytest.raises(ValueError, match=r"levels must have shape \(3, 2\)"):
        step_levels(per_row, codes, np.zeros((2, 2)))
