import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.binary import dorefa_activation, dorefa_activation_gradient, dorefa_sign
from tests.binary.kinks import kinks


@pytest.mark.parametrize("n_bits", [1, 2, 3])
def test_activations_are_the_nearest_level_and_ties_the_even_one(n_bits):
    n = 2**n_bits - 1
    x = np.concatenate([kinks(np.float64), np.arange(-1, 2 * n + 2) / (2 * n)])
    x = x[np.isfinite(x)]
    exact = [min(max(Fraction(v), 0), 1) * n for v in x.tolist()]
    # the product is rounded to a float; a Fraction, as Python has it, rounds half to even
    levels = [round(Fraction(float(product))) / n for product in exact]
    assert dorefa_activation(x, n_bits).tolist() == levels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_bit_is_a_threshold_at_one_half_exclusive(dtype):
    x = kinks(dtype)
    result = dorefa_activation(x)
    assert result.dtype == dtype
    assert result.tolist() == [1.0 if v > 0.5 else 0.0 for v in x.tolist()]
    assert np.isnan(dorefa_activation(np.array([np.nan], dtype))).all()


def test_the_window_is_closed_at_both_ends():
    x = kinks(np.float32)
    expected = [1.0 if 0 <= v <= 1 else 0.0 for v in x.tolist()]
    assert dorefa_activation_gradient(x).tolist() == expected
    assert dorefa_activation_gradient([-0.0, np.nan]).tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_share_one_scale_over_the_whole_layer(dtype):
    w = np.array([[1.0, -3.0], [-0.0, 4.0], [0.25, -0.25]], dtype)
    w_hat = dorefa_sign(w)
    alpha = dtype(math.fsum([1, 3, 0, 4, 0.25, 0.25]) / 6)
    assert w_hat.dtype == dtype
    assert w_hat.tolist() == [[alpha, -alpha], [alpha, alpha], [alpha, -alpha]]


def test_bad_arguments_are_named():
    for n_bits in (0, 17):
        with pytest.raises(ValueError, match="n_bits must be from 1 to 16"):
            dorefa_activation([0.5], n_bits)
    with pytest.raises(ValueError, match="must not be empty"):
        dorefa_sign(np.zeros((0, 3)))
