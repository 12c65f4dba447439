import numpy as np
import pytest

import qbref as qb
from qbref import qat

RNG = np.random.default_rng(0)
G = RNG.standard_normal((4, 3, 5)) * np.array([1e-3, 1.0, 10.0, 0.0]).reshape(4, 1, 1)


@pytest.mark.parametrize("n_bits", [1, 2, 6])
def test_levels_are_odd_fractions_of_each_samples_largest_gradient(n_bits):
    n = 2**n_bits - 1
    g = qat.quantized_gradient(G, n_bits, RNG)
    for sample, quantized in zip(G[:3], g, strict=False):
        multiples = quantized * n / np.abs(sample).max()
        np.testing.assert_allclose(multiples, np.rint(multiples), atol=1e-12)  # float64 roundings
        assert (np.abs(np.rint(multiples)) % 2 == 1).all() and np.abs(multiples).max() <= n + 1e-12
    assert not g[3].any()


def test_a_quantized_gradient_is_at_most_one_step_away():
    n = 2**3 - 1
    step = 2 * np.abs(G).max(axis=(1, 2), keepdims=True) / n
    assert (np.abs(qat.quantized_gradient(G, 3, RNG) - G) <= step + 1e-12).all()


def test_the_mean_over_the_noise_is_the_gradient_itself():
    draws = 4000
    mean = np.mean([qat.quantized_gradient(G[:3], 2, RNG) for _ in range(draws)], axis=0)
    step = 2 * np.abs(G[:3]).max(axis=(1, 2), keepdims=True) / 3
    # each draw deviates by at most half a step's standard deviation: five times that of the mean
    assert (np.abs(mean - G[:3]) < 5 * step / 2 / np.sqrt(draws)).all()


def test_without_noise_the_mean_would_be_another():
    quiet = np.array([[1.0, 0.1]])
    assert qat.quantized_gradient(quiet, 1, RNG)[0, 0] == 1
    signs = [np.sign(qat.quantized_gradient(quiet, 1, RNG)[0, 1]) for _ in range(200)]
    assert -1 in signs and 1 in signs


def test_the_largest_magnitudes_are_kept_exactly():
    g = np.array([[2.0, -2.0, 0.5]], np.float32)
    for _ in range(50):
        assert qat.quantized_gradient(g, 2, RNG)[0, :2].tolist() == [2, -2]


def test_forward_is_the_identity_and_backward_draws_from_the_seeded_generator():
    x = qb.Tensor(G.astype(np.float32), requires_grad=True)
    upstream = G[::-1].astype(np.float32)
    grads = []
    for _ in range(2):
        x.zero_grad()
        qb.manual_seed(3)
        y = qat.quantize_gradient(x, 4)
        assert (y.data == x.data).all()
        y.backward(upstream)
        grads.append(x.grad.copy())
    qb.manual_seed(3)
    assert (grads[0] == grads[1]).all() and grads[0].dtype == np.float32
    assert (grads[0] == qat.quantized_gradient(upstream, 4)).all()


@pytest.mark.parametrize("n_bits", [0, 17])
def test_widths_outside_1_to_16_are_refused(n_bits):
    with pytest.raises(ValueError, match="n_bits must be from 1 to 16"):
        qat.quantize_gradient(qb.Tensor([[1.0]]), n_bits)


def test_noise_of_half_a_step_does_not_push_the_largest_gradient_beyond_its_level():
    class Extreme(np.random.Generator):
        def uniform(self, low, high, size):
            return np.full(size, high)

    g = np.array([[2.0, -2.0, 2.0]])
    # at the top that is a tie between n and n + 1, and half to even would choose n + 1
    assert qat.quantized_gradient(g, 1, Extreme(np.random.PCG64()))[0].tolist() == [2, -2, 2]
