import itertools

import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import nn, ptq, qnn


def symmetric(n, rng):
    a = rng.standard_normal((n, n))
    return a + a.T


def test_hessian_vector_products_of_a_quadratic_are_exact_for_any_step():
    rng = np.random.default_rng(0)
    A, w = symmetric(5, rng), rng.standard_normal(5)
    for step in (1e-3, 1.0, 100.0):
        columns = [ptq.hessian_vector_product(lambda w: A @ w, w, e, step) for e in np.eye(5)]
        np.testing.assert_allclose(columns, A, atol=1e-11)  # |w| / step * 2**-52, at the smallest step


def test_the_error_of_a_cubic_gradient_is_that_of_central_differences():
    # d/dw of w**3 at 2: 12, plus the third derivative 6 / 6 * step**2
    product = ptq.hessian_vector_product(lambda w: w**3, np.array([2.0]), np.array([1.0]), 0.5)
    assert product == 12.25


def quadratic_network(A):
    """A Linear whose mean squared error is w A w^T: x^T x = n A, targets 0; the Hessian is 2 A."""
    n = len(A)
    x = np.linalg.cholesky(A).T * np.sqrt(n)
    model = nn.Sequential(nn.Linear(n, 1, bias=False))
    return model, x, np.zeros((n, 1))


def test_the_mean_over_all_sign_vectors_is_the_trace():
    rng = np.random.default_rng(1)
    A = symmetric(4, rng)
    quadratic_forms = [
        v @ ptq.hessian_vector_product(lambda w: A @ w, np.zeros(4), v, 1.0)
        for v in map(np.array, itertools.product([-1.0, 1.0], repeat=4))
    ]
    assert np.mean(quadratic_forms) == pytest.approx(np.trace(A))


def test_a_diagonal_hessian_needs_one_sample():
    model, x, y = quadratic_network(np.diag([1.0, 4.0, 9.0]))
    (row,) = ptq.hessian_trace(model, x, y, F.mse_loss, samples=1, rng=np.random.default_rng(0))
    assert row.trace == pytest.approx(2 * 14, rel=1e-7) and np.isnan(row.standard_error)
    assert row.mean_trace == pytest.approx(2 * 14 / 3, rel=1e-7)


def test_a_full_hessian_is_estimated_within_its_standard_error():
    rng = np.random.default_rng(2)
    b = rng.standard_normal((6, 6))
    A = b @ b.T + np.eye(6)
    model, x, y = quadratic_network(A)
    (row,) = ptq.hessian_trace(model, x, y, F.mse_loss, samples=400, rng=rng)
    H = 2 * A
    variance = 2 * (np.square(H).sum() - np.square(np.diag(H)).sum())  # of one sample, Hutchinson
    assert row.standard_error == pytest.approx(np.sqrt(variance / 400), rel=0.2)
    assert abs(row.trace - np.trace(H)) < 4 * np.sqrt(variance / 400)


def test_softmax_regression_on_digits_against_its_analytic_hessian(digits):
    """H = mean of (diag p - p p^T) kron x x^T, whose trace is mean((1 - sum p**2) * |x|**2)."""
    x, y = digits.x_train[:100].reshape(100, 64), digits.y_train[:100]
    model = nn.Sequential(nn.Linear(64, 10, rng=np.random.default_rng(3)))
    logits = model(qb.Tensor(x)).data.astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    exact = np.mean((1 - np.square(p).sum(axis=1)) * np.square(x.astype(np.float64)).sum(axis=1))
    (row,) = ptq.hessian_trace(model, x, y, samples=300, rng=np.random.default_rng(4))
    assert row.standard_error < 0.05 * exact
    assert abs(row.trace - exact) < 4 * row.standard_error


def test_blocks_of_other_layers_do_not_disturb():
    """Loss (w1 w2 - 6)**2 at w1 = 3, w2 = 2: diagonal of H 2 w2**2, 2 w1**2; off it 4 w1 w2 - 12."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[0].weight.data[:], model[1].weight.data[:] = 3.0, 2.0
    rows = ptq.hessian_trace(model, np.ones((1, 1), np.float32), np.full((1, 1), 6.0), F.mse_loss, samples=2)
    assert [row.trace for row in rows] == pytest.approx([8.0, 18.0])


def test_it_repeats_with_the_seed_and_leaves_the_model_alone(digits_network, digits):
    before = digits_network.state_dict()
    runs = [
        ptq.hessian_trace(
            digits_network, digits.x_test[:10], digits.y_test[:10], samples=2, rng=np.random.default_rng(5)
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert all((digits_network.state_dict()[name] == before[name]).all() for name in before)
    assert all(parameter.dtype == np.float32 for parameter in digits_network.parameters())


def test_omega_by_hand():
    model = nn.Sequential(nn.Linear(2, 1, bias=False))
    model[0].weight.data[:] = [[1.0, 0.3]]  # 2 bits: -1, 0, 1; 4 bits: multiples of 1/7
    row = ptq.HessianTrace("0", "Linear", trace=20.0, standard_error=0.0, mean_trace=10.0)
    rows = ptq.hessian_sensitivity(model, ptq.Table([row]), (2, 4))
    assert [r.omega for r in rows] == pytest.approx(
        [10 * 0.3**2, 10 * (0.3 - 2 / 7) ** 2], rel=1e-4
    )  # float32
    assert [r.nbytes for r in rows] == [1, 1]


def test_curvature_chooses_as_measured_losses_do_on_a_trained_network(digits_network, digits, accuracy):
    """HAWQ-v2 never runs a quantized network, and ranks layers and widths much as measuring them does."""
    traces = ptq.hessian_trace(
        digits_network, digits.x_train[:100], digits.y_train[:100], samples=8, rng=np.random.default_rng(0)
    )
    omegas = ptq.hessian_sensitivity(digits_network, traces)
    losses = ptq.sensitivity(digits_network, digits.x_train[:500], digits.y_train[:500])
    few_bits = [i for i, row in enumerate(losses) if row.n_bits < 8]  # with 8 the losses are noise
    pairs = np.array([(omegas[i].omega, losses[i].loss) for i in few_bits])
    ranks = pairs.argsort(axis=0).argsort(axis=0)
    assert np.corrcoef(ranks.T)[0, 1] > 0.6  # measured: 0.81
    config = ptq.allocate(omegas, 3016, by="omega").config()
    q = ptq.quantize_static(digits_network, [digits.x_train[:256]], config)
    assert accuracy(q) > 0.93  # measured: 97 %; with 2 bits everywhere, 2,440 bytes, 62 %


@pytest.mark.parametrize("bad", [0, -1, 2.5, True])
def test_samples_must_be_a_positive_integer(bad):
    with pytest.raises(ValueError, match=f"samples must be a positive integer, got {bad}"):
        ptq.hessian_trace(nn.Sequential(nn.Linear(1, 1)), np.ones((1, 1)), np.zeros((1, 1)), F.mse_loss, bad)


def test_the_configurations_schemes_are_used():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model[0].weight.data[:] = [[1.0, 0.5], [100.0, 0.0]]
    table = ptq.Table([ptq.HessianTrace("0", "Linear", 4.0, 0.0, 1.0)])
    per_tensor = qnn.QuantConfig(weights=qnn.Uniform(8, symmetric=True))
    (row,) = ptq.hessian_sensitivity(model, table, (4,), per_tensor)  # scale 100 / 7
    assert row.omega == pytest.approx(1.25, rel=1e-6)


def test_targets_may_be_a_list():
    model, x = nn.Sequential(nn.Linear(2, 2)), np.ones((3, 2), np.float32)
    traces = [
        ptq.hessian_trace(model, x, y, samples=2, rng=np.random.default_rng(0))[0].trace
        for y in ([0, 1, 1], np.array([0, 1, 1]))
    ]
    assert traces[0] == traces[1]
