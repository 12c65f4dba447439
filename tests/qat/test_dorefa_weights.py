import numpy as np
import pytest

import qbref as qb
from qbref import qat

RNG = np.random.default_rng(0)
FRACTIONS = np.array([[1.0, -1.0, 0.5], [-0.5, 0.0, 0.3]])  # of the largest tanh
W = np.arctanh(0.8 * FRACTIONS)


def gradient(quantizer, w, upstream):
    latent = qb.Tensor(w, requires_grad=True)
    quantizer(latent).backward(upstream)
    return latent.grad


def slope(fn, w, upstream, h=1e-6):
    """Central difference quotient of sum(upstream * fn(w)), element by element."""
    result = np.empty_like(w)
    for i in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[i] = h
        result[i] = (upstream * (fn(w + step) - fn(w - step))).sum() / (2 * h)
    return result


def test_weights_are_the_odd_thirds_worked_out_by_hand():
    # n (fraction + 1) / 2 with n = 3: 3, 0, 2.25, 0.75, 1.5 (a tie, to even: 2), 1.95
    levels = qat.DoReFaWeights(2).levels(W)
    assert levels.codes.tolist() == [[3, 0, 2], [1, 2, 2]]
    assert levels.table.tolist() == [-3, -1, 1, 3]
    assert levels.q.tolist() == [[3, -3, 1], [-1, 1, 1]]
    assert levels.scale == np.float32(1 / 3) and levels.n_bits == 2


@pytest.mark.parametrize("n_bits", range(2, 8))
def test_weights_are_the_nearest_odd_multiples_and_integers_say_the_same(n_bits):
    n = 2**n_bits - 1
    w = RNG.standard_normal((40, 25)).astype(np.float32)
    quantizer = qat.DoReFaWeights(n_bits)
    t = np.tanh(w.astype(np.float64))
    odd = np.arange(-n, n + 1, 2) / n
    nearest = odd[np.abs((t / np.abs(t).max())[..., None] - odd).argmin(axis=-1)]
    w_hat, levels = quantizer(qb.Tensor(w)).data, quantizer.levels(w)
    np.testing.assert_allclose(w_hat, nearest, rtol=2**-22)  # one rounding of 1/n and one of the product
    assert (w_hat == levels.q * levels.scale).all()
    assert levels.q.dtype == np.int8 and (levels.q % 2 == 1).all()
    if n_bits <= 4:
        assert levels.n_bits == n_bits and (levels.table[levels.codes] == levels.q).all()
    else:
        assert levels.n_bits == 8 and levels.table is None


def test_rescaled_weights_keep_the_size_of_the_latent_ones():
    paper, rescaled = (qat.DoReFaWeights(3, variant)(qb.Tensor(W)).data for variant in ("paper", "rescaled"))
    np.testing.assert_allclose(rescaled, 0.8 * paper, rtol=1e-6)  # two float32 roundings; tanh(arctanh(x))


def test_the_paper_gradient_differentiates_everything_but_the_rounding():
    w, upstream = RNG.standard_normal((2, 4, 5))
    expected = slope(lambda w: np.tanh(w) / np.abs(np.tanh(w)).max(), w, upstream)
    # difference quotient: h**2 of truncation, 1e-16 / h of rounding
    np.testing.assert_allclose(gradient(qat.DoReFaWeights(4), w, upstream), expected, rtol=1e-7, atol=1e-8)


def test_the_other_variants_take_the_maximum_for_a_constant():
    w, upstream = RNG.standard_normal((2, 4, 5))
    m = np.abs(np.tanh(w)).max()
    for variant, size in (("constant_max", 1 / m), ("rescaled", 1)):
        expected = slope(lambda w, size=size: np.tanh(w) * size, w, upstream)
        actual = gradient(qat.DoReFaWeights(4, variant), w, upstream)
        np.testing.assert_allclose(actual, expected, rtol=1e-7, atol=1e-8)  # as above


def test_equally_large_weights_share_the_gradient_of_the_maximum():
    w = np.arctanh(np.array([0.5, -0.5, 0.25]))
    upstream = np.array([3.0, 1.0, 4.0])
    # sum g t / m**2 = (1.5 - 0.5 + 1) / 0.25 = 8, four for each of the two, against their signs
    dt = np.array([3 / 0.5 - 4, 1 / 0.5 + 4, 4 / 0.5])
    expected = dt * (1 - np.array([0.25, 0.25, 0.0625]))
    # float64, a handful of roundings
    np.testing.assert_allclose(gradient(qat.DoReFaWeights(2), w, upstream), expected, rtol=1e-14)


@pytest.mark.parametrize("variant", ["paper", "constant_max", "rescaled"])
def test_the_true_difference_quotient_of_inner_weights_is_zero_where_the_gradient_is_not(variant):
    w = np.arctanh(np.array([0.9, 0.1, -0.25]))  # fractions that lie inside their steps
    quantizer = qat.DoReFaWeights(2, variant)
    true = slope(lambda w: quantizer(qb.Tensor(w)).data, w, np.array([0.0, 1.0, 1.0]), h=1e-4)
    assert true[1:].tolist() == [0, 0]
    assert (gradient(quantizer, w, np.array([0.0, 1.0, 1.0]))[1:] > 0.5).all()


def test_a_layer_of_zeros_is_quantized_without_a_warning():
    w = np.zeros((2, 3), np.float32)
    quantizer = qat.DoReFaWeights(2)
    assert (np.abs(quantizer(qb.Tensor(w)).data) == np.float32(1 / 3)).all()
    assert (gradient(quantizer, w, np.ones((2, 3), np.float32)) == 1).all()


def test_one_bit_is_the_sign_times_the_mean_magnitude_of_the_layer_with_the_gradient_unchanged():
    w = np.array([[1.0, -3.0], [0.0, -0.0]], np.float32)
    quantizer = qat.DoReFa(1).weight_quantizer(w, "half_even")
    assert quantizer(qb.Tensor(w)).data.tolist() == [[1, -1], [1, 1]]
    levels = quantizer.levels(w)
    assert levels.q.tolist() == [[1, -1], [1, 1]] and levels.scale == 1 and levels.n_bits == 1
    upstream = np.array([[5.0, 6.0], [7.0, 8.0]], np.float32)
    assert (gradient(quantizer, w, upstream) == upstream).all()


def test_eight_bits_do_not_fit_int8():
    with pytest.raises(ValueError, match="n_bits of weights must be from 1 to 7, got 8"):
        qat.DoReFa(8).weight_quantizer(W, "half_even")
