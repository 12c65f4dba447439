import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, qat, qnn

# (x + 0.875) / 0.5: -2.25, -0.75, 0.125, 1.125, 2.125, 2.375, 3.125, 7.75; levels 0 to 3
X = np.array([-2, -1.25, -0.8125, -0.3125, 0.1875, 0.3125, 0.6875, 3])
S, BETA = np.array(0.5), np.array(-0.875)
UPSTREAM = np.arange(1.0, 9.0)


def by_the_paper(upstream, x, s, beta, n, p):
    """Section 3.1, one value at a time; ties to even."""
    x_hat, dx, ds, dbeta = [], [], 0.0, 0.0
    for g, value in zip(upstream.tolist(), x.tolist(), strict=True):
        v = (value - beta) / s
        if n < v < p:
            level, slope, passes = round(v), round(v) - v, 1
        else:
            level = slope = n if v <= n else p
            passes = 0
        x_hat.append(level * s + beta)
        dx.append(g * passes)
        ds += g * slope
        dbeta += g * (1 - passes)
    return x_hat, dx, ds, dbeta


def test_golden_values_of_the_papers_form():
    # PyTorch 2.13: round_pass(clamp((x - beta) / s, 0, 3)) * s + beta with a straight-through round_pass
    x_hat = qat.lsq_plus_forward(X, S, BETA, 0, 3)
    assert x_hat.tolist() == [-0.875, -0.875, -0.875, -0.375, 0.125, 0.125, 0.625, 0.625]
    dx, ds, dbeta = qat.lsq_plus_backward(UPSTREAM, X, S, BETA, 0, 3)
    assert dx.tolist() == [0, 0, 3, 4, 5, 6, 0, 0]
    assert (ds, dbeta) == (41.25, 18)


def test_the_papers_form_follows_the_paper_at_every_kink_tie_and_random_value():
    rng = np.random.default_rng(0)
    s, beta, n, p = 0.25, 0.375, -4, 3
    halves = np.arange(2 * n - 3, 2 * p + 4) * 0.5 * s + beta
    x = np.concatenate([halves, np.nextafter(halves, -9), np.nextafter(halves, 9), rng.normal(size=100)])
    upstream = rng.normal(size=x.shape)
    x_hat, dx, ds, dbeta = by_the_paper(upstream, x, s, beta, n, p)
    assert qat.lsq_plus_forward(x, np.array(s), np.array(beta), n, p).tolist() == x_hat
    found = qat.lsq_plus_backward(upstream, x, np.array(s), np.array(beta), n, p, g=0.5)
    assert found[0].tolist() == dx
    # 150 terms of up to 4 · 3, in another order
    assert found[1] == pytest.approx(0.5 * ds, abs=1e-12) and found[2] == pytest.approx(
        0.5 * dbeta, abs=1e-12
    )


def test_the_papers_real_offset_has_no_exact_zero_and_the_layers_has():
    zero = np.zeros(1)
    assert qat.lsq_plus_forward(zero, S, BETA, 0, 3).item() != 0
    op = qat.lsq_plus(qb.Tensor(zero), qb.Tensor(S), qb.Tensor(BETA), 0, 3)
    assert op.data.item() == 0


@pytest.mark.parametrize(
    "beta, z", [(-0.875, 2), (-0.7, 1), (0.0, 0), (0.3, 0), (-9.0, 3)], ids=lambda v: f"{v}"
)
def test_the_zero_point_is_the_nearest_level_to_zero(beta, z):
    assert (
        qat.lsq_plus_zero_point(S, np.array(beta), 0, 3) == z
    )  # -0.875 / 0.5 = 1.75; beyond the ends, the end


@pytest.mark.parametrize("beta", [-0.5, -0.7, -0.875, 0.3, -9.0])
def test_the_layers_op_is_the_papers_at_the_rounded_offset(beta):
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)  # no ties: at a tie with odd z, round(x/s) + z and round(x/s + z) differ
    upstream = rng.normal(size=300)
    tensors = [qb.Tensor(a, requires_grad=True) for a in (x, S, np.array(beta))]
    y = qat.lsq_plus(*tensors, 0, 3, g=0.25)
    y.backward(upstream)
    beta_hat = -0.5 * min(max(round(-beta / 0.5), 0), 3)
    x_hat, dx, ds, dbeta = by_the_paper(upstream, x, 0.5, beta_hat, 0, 3)
    assert y.data.tolist() == x_hat
    found = [t.grad for t in tensors]
    assert found[0].tolist() == dx
    # 300 terms of up to 3 · 3, in another order
    assert found[1] == pytest.approx(0.25 * ds, abs=1e-11) and found[2] == pytest.approx(
        0.25 * dbeta, abs=1e-11
    )


def test_at_ties_the_op_rounds_before_it_adds_the_zero_point_and_its_gradient_too():
    x = np.array([-0.25, 0.25, 0.75])  # -0.5, 0.5, 1.5 steps; z = 1
    tensors = [qb.Tensor(a, requires_grad=True) for a in (x, S, np.array(-0.5))]
    y = qat.lsq_plus(*tensors, -8, 7)
    assert y.data.tolist() == [0, 0, 1]
    y.backward(np.array([1.0, 2.0, 4.0]))
    assert tensors[1].grad == 0.5 * 1 - 0.5 * 2 + 0.5 * 4


def test_the_offset_moves_the_grid_truly_but_only_clipped_values_in_the_surrogate():
    x, h = np.array([-3.0, 0.0, 3.0]), 1e-6
    above, below = (qat.lsq_plus_forward(x, S, BETA + sign * h, 0, 3) for sign in (1, -1))
    np.testing.assert_allclose((above - below) / (2 * h), [1, 1, 1], atol=1e-9)  # errors of 1e-16 over 2e-6
    one = np.ones(1)
    dbeta = [qat.lsq_plus_backward(one, x[i : i + 1], S, BETA, 0, 3)[2].item() for i in range(3)]
    assert dbeta == [1, 0, 1]


def test_weights_start_at_three_standard_deviations_from_their_mean():
    w = np.array([[1.0, 3.0], [-5.0, -5.0]])  # channels: mean 2, std 1; mean -5, std 0
    assert qat.lsq_plus_initial_step(w, 4, axis=1).tolist() == [5 / 8, 5 / 8]
    mean, std = -1.5, np.sqrt((2.5**2 + 4.5**2 + 2 * 3.5**2) / 4)
    quantizer = qat.LSQPlus(4).weight_quantizer(w, "half_even")
    assert quantizer.step.data == np.float32((3 * std - mean) / 8)


def test_activations_start_on_the_observers_grid():
    x = np.array([[-1.0, 0.2, 6.5]], np.float32)
    for observer in (calibration.MinMax, calibration.MSE):
        quantizer = qat.LSQPlus(4).activation_quantizer(observer(), "half_even", None)
        quantizer(x)
        assert quantizer.params == observer().observe(x).params(n_bits=4)


def test_two_bit_training_recovers_what_rounding_lost(digits, digits_network, train, accuracy):
    config = qnn.QuantConfig(qat.LSQPlus(2), qat.LSQPlus(2), observer=calibration.MSE)
    q = qat.prepare(digits_network, config, [digits.x_train[:256]])
    untrained = accuracy(q.eval())
    train(q, epochs=3, lr=3e-3)
    assert accuracy(q) > untrained + 0.1
    assert accuracy(q) > accuracy(digits_network) - 0.13
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
