import itertools

import numpy as np
import pytest

from qbref import integer, ptq, qnn
from qbref.ptq import HessianSensitivity, Table, allocate

BITS = 2, 4, 8


def table_of(costs, sizes):
    """Rows of layers "0", "1", …: costs[i][b] and sizes[i][b] for widths 2, 4, 8."""
    return Table(
        HessianSensitivity(str(i), "Linear", n_bits, int(size), float(cost))
        for i, (layer_costs, layer_sizes) in enumerate(zip(costs, sizes, strict=True))
        for n_bits, cost, size in zip(BITS, layer_costs, layer_sizes, strict=True)
    )


def brute_force(table, budget):
    """All choices, the best by (cost, bytes, most bits first)."""
    layers = [list(rows) for _, rows in itertools.groupby(table, key=lambda row: row.path)]
    fitting = []
    for rows in itertools.product(*layers):
        size, cost = sum(row.nbytes for row in rows), sum(row.omega for row in rows)
        if size <= budget:
            fitting.append((cost, size, [-row.n_bits for row in rows]))
    return min(fitting) if fitting else None


@pytest.mark.parametrize("seed", range(40))
def test_the_choice_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 6))
    sizes = np.sort(rng.integers(1, 30, (layers, 3)), axis=1)
    costs = rng.integers(-2, 6, (layers, 3))  # few values, so that ties abound; some fall below 0
    table = table_of(costs, sizes)
    least, most = sizes.min(axis=1).sum(), sizes.max(axis=1).sum()
    for budget in range(int(least), int(most) + 2):
        best = allocate(table, budget, by="omega")
        cost, size, bits = brute_force(table, budget)
        assert (best.cost, best.nbytes, [-b for b in best.bits.values()]) == (cost, size, bits)


def test_real_costs_too():
    rng = np.random.default_rng(7)
    table = table_of(rng.random((6, 3)), np.sort(rng.integers(1, 400, (6, 3)), axis=1))
    for budget in (700, 1000, 1300):
        assert allocate(table, budget, by="omega").cost == pytest.approx(
            brute_force(table, budget)[0], rel=1e-14
        )


def test_of_equal_costs_the_fewest_bytes():
    table = table_of([[1, 0, 0], [1, 1, 1]], [[1, 2, 4], [1, 2, 4]])
    best = allocate(table, 100, by="omega")
    assert best.bits == {"0": 4, "1": 2} and best.nbytes == 3


def test_of_equal_bytes_too_the_earlier_layer_gets_more_bits():
    table = table_of([[1, 0, 0], [1, 0, 0]], [[1, 2, 3], [1, 2, 3]])
    assert allocate(table, 3, by="omega").bits == {"0": 4, "1": 2}


def test_the_budget_itself_is_allowed_and_one_byte_less_is_not_enough():
    table = table_of([[9, 5, 0], [9, 5, 0]], [[10, 20, 40], [7, 14, 28]])
    assert allocate(table, 17, by="omega").nbytes == 17
    with pytest.raises(
        ValueError, match="budget must be at least 17 bytes for these layers and widths, got 16"
    ):
        allocate(table, 16, by="omega")


def test_the_order_of_the_rows_of_a_layer_does_not_matter():
    table = table_of([[9, 5, 0], [9, 5, 0]], [[10, 20, 40], [7, 14, 28]])
    for budget in (17, 40, 68):
        assert (
            allocate(Table(reversed(table)), budget, by="omega").nbytes
            == allocate(table, budget, by="omega").nbytes
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_costs_must_be_finite(bad):
    with pytest.raises(ValueError, match="omega of layer '0' must be finite, got"):
        allocate(table_of([[bad, 1, 0]], [[1, 2, 3]]), 10, by="omega")


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="table must hold at least one row, got none"):
        allocate(Table(), 10)


def test_many_layers_stay_quick():
    rng = np.random.default_rng(8)
    table = table_of(rng.random((60, 3)), np.sort(rng.integers(1, 50, (60, 3)), axis=1))  # 3**60 choices
    assert allocate(table, 1500, by="omega").nbytes <= 1500


def test_the_configuration_keeps_what_else_the_base_says():
    base = qnn.QuantConfig(
        weights=qnn.int_weights(8, clip="mse"),
        overrides={"0": {"activations": qnn.Uniform(4)}, "9": {"weights": qnn.Lut(4)}},
    )
    config = allocate(table_of([[1, 0, 0]], [[1, 2, 3]]), 2, by="omega").config(base)
    assert config.weights_of("0") == qnn.int_weights(4, clip="mse")
    assert config.activations_of("0") == qnn.Uniform(4)
    assert config.weights_of("9") == qnn.Lut(4) and config.weights_of("1") == base.weights
    assert "weights" not in base.overrides["0"]  # untouched


def test_a_mixed_network_beats_every_other_choice_of_its_size_and_runs_as_integers(
    digits_network, digits, accuracy
):
    x, y = digits.x_train[:500], digits.y_train[:500]
    table = ptq.sensitivity(digits_network, x, y, BITS)
    uniform = {bits: sum(row.nbytes for row in table if row.n_bits == bits) for bits in BITS}
    assert uniform == {2: 2440, 4: 4872, 8: 9736}
    best = allocate(table, 3016)
    q = ptq.quantize_static(digits_network, [x], best.config())
    two = ptq.quantize_static(digits_network, [x], qnn.QuantConfig(weights=qnn.int_weights(2)))
    four = ptq.quantize_static(digits_network, [x], qnn.QuantConfig(weights=qnn.int_weights(4)))
    # measured on 360 images: 97 % at 2,856 bytes; 62 % at 2,440 bytes; 97 % at 4,872 bytes
    assert accuracy(q) > accuracy(two) + 0.2
    assert accuracy(q) > accuracy(four) - 0.03
    assert integer.convert(q).weight_bytes == best.nbytes <= 3016
    assert [entry.path for entry in best.report if "bits, " in entry.action] == ["0", "4", "8", "10"]


def test_single_sensitivities_predict_the_joint_loss(digits_network, digits):
    """All 18 ways to spend 3,016 bytes, measured jointly: the allocation is the best of them."""
    x, y = digits.x_train[:200], digits.y_train[:200]
    table = ptq.sensitivity(digits_network, x, y, BITS)
    best = allocate(table, 3016)
    by_choice = {(row.path, row.n_bits): row.nbytes for row in table}
    losses = {}
    for bits in itertools.product(BITS, repeat=4):
        choice = dict(zip(best.bits, bits, strict=True))
        if sum(by_choice[item] for item in choice.items()) <= 3016:
            losses[bits] = joint_loss(digits_network, choice, x, y)
    assert len(losses) == 18
    assert min(losses, key=losses.get) == tuple(best.bits.values())


def joint_loss(model, choice, x, y):
    folded = ptq.fold_batchnorm(model)
    for path, n_bits in choice.items():
        layer = folded[int(path)]
        layer.weight.data = qnn.UniformWeights(qnn.int_weights(n_bits))(layer.weight).data
    logits = folded(x).data.astype(np.float64)
    return np.log(np.exp(logits - logits[np.arange(len(y)), y][:, None]).sum(axis=1)).mean()
