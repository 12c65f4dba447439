import math

import numpy as np
import pytest

from qbref.binary import absmax_activation, absmean_ternary, absmean_ternary_released
from tests.binary.kinks import kinks


def round_clip(v):
    """max(−1, min(1, round v)); Python's round, like the papers' frameworks, takes ties to even."""
    return max(-1, min(1, round(v)))


@pytest.mark.parametrize("places", [(), (0.25,), (3,)])
def test_both_forms_at_every_kink(places):
    w = kinks(np.float64, *places)
    w = w[np.isfinite(w)]
    gamma = math.fsum(abs(v) for v in w.tolist()) / w.size
    q, returned_gamma = absmean_ternary(w)
    assert q.dtype == np.int8 and returned_gamma == pytest.approx(gamma, rel=1e-15)  # sum in another order
    assert q.tolist() == [round_clip(v / (float(returned_gamma) + 1e-5)) for v in w.tolist()]
    q, scale = absmean_ternary_released(w)
    assert scale == pytest.approx(1 / gamma, rel=1e-15)
    assert q.tolist() == [round_clip(v * float(scale)) for v in w.tolist()]


def test_at_half_of_the_mean_the_two_forms_part():
    above = np.nextafter(0.25, 1)
    w = np.array([1.0, -0.25, above, -above, np.nextafter(0.5, 0), 0.75])
    assert np.abs(w).mean() == 0.5  # half of γ is 0.25, half of γ + ε 0.250005
    assert absmean_ternary(w)[0].tolist() == [1, 0, 0, 0, 1, 1]
    assert absmean_ternary_released(w)[0].tolist() == [1, 0, 1, -1, 1, 1]


def test_half_of_the_papers_divisor_is_a_tie_and_the_next_number_is_not():
    half = (0.5 + 1e-5) / 2
    beyond = np.nextafter(half, 1)
    w = np.array([half, -beyond, 0.75, 1.25 - half - beyond])
    assert np.abs(w).mean() == 0.5
    assert absmean_ternary(w)[0].tolist() == [0, -1, 1, 1]


def test_epsilon_rules_where_the_weights_are_tiny():
    w = np.array([4e-6, -1e-6, 1e-5, 0.0])  # γ = 3.75e-6: divisors 1.375e-5 and 1e-5
    assert absmean_ternary(w)[0].tolist() == [0, 0, 1, 0]
    q, scale = absmean_ternary_released(w)
    assert q.tolist() == [0, 0, 1, 0] and scale == 1 / 1e-5
    assert absmean_ternary(np.array([6e-6, 6e-6]))[0].tolist() == [0, 0]  # 6 / 16
    assert absmean_ternary_released(np.array([6e-6, 6e-6]))[0].tolist() == [1, 1]  # 6 / 10
    assert not absmean_ternary(np.zeros(3))[0].any() and not absmean_ternary_released(np.zeros(3))[0].any()


def test_the_released_form_in_float32_is_that_of_pytorch():
    # weight_quant and activation_quant of the released code, run in PyTorch 2.13, before "/ scale"
    w = np.array([[0.31, -0.02, 0.9, -0.44], [0.2, 0.0, -1.7, 0.26]], np.float32)
    q, scale = absmean_ternary_released(w)
    assert q.tolist() == [[1, 0, 1, -1], [0, 0, -1, 1]]
    assert scale == np.float32(2.088772773742676)
    x = np.array([[0.5, -1.0, 0.3], [1e-7, 0.0, -2e-7]], np.float32)
    q, scale = absmax_activation(x)
    assert q.dtype == np.int8 and scale.dtype == np.float32
    assert q.tolist() == [[64, -127, 38], [1, 0, -3]]
    assert scale.tolist() == [[127], [12700000]]


@pytest.mark.parametrize("n_bits", [2, 4, 8])
def test_each_token_has_its_own_scale_and_ties_go_to_even(n_bits):
    largest = 2 ** (n_bits - 1) - 1
    x = np.arange(-2 * largest, 2 * largest + 1) / 2  # halves, the largest magnitude being `largest`
    x = np.stack([x, 4 * x])[:, np.newaxis]
    q, scale = absmax_activation(x, n_bits)
    assert q.shape == x.shape and scale.tolist() == [[[1.0]], [[0.25]]]
    assert q[0, 0].tolist() == q[1, 0].tolist() == [round(v) for v in x[0, 0].tolist()]


def test_bad_arguments_are_named():
    for quantizer in (absmean_ternary, absmean_ternary_released, absmax_activation):
        with pytest.raises(ValueError, match="must not be empty"):
            quantizer(np.zeros((0, 3)))
        with pytest.raises(ValueError, match="must be finite"):
            quantizer(np.array([1.0, np.inf]))
        with pytest.raises(ValueError, match="eps must be positive"):
            quantizer(np.ones(3), eps=0.0)
        with pytest.raises(TypeError, match="must be float32 or float64"):
            quantizer(np.ones(3, int))
    for n_bits in (1, 9):
        with pytest.raises(ValueError, match="n_bits lie in 2..8"):
            absmax_activation(np.ones(3), n_bits)
