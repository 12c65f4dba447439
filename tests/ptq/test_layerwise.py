import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qnn
from qbref.ptq.layerwise import RoundingProblem, choose_integers
from qbref.ptq.streams import Rows, product_layers

X = np.random.default_rng(1).standard_normal((40, 2, 6, 6)).astype(np.float32)


def network():
    rng = np.random.default_rng(2)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2, bias=False, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 8, rng=rng),
        nn.ReLU(),
        nn.Linear(8, 3, rng=rng),
    )


def quantized(weights=None):
    return ptq.quantize_static(network(), [X], qnn.QuantConfig(weights or qnn.int_weights(4)))


def nearest(problem, report):
    steps = (problem.weight / problem.scale).astype(np.float32)
    return np.clip(np.rint(steps), problem.qmin, problem.qmax).astype(np.int32), ""


def next_above(problem, report):
    return np.minimum(nearest(problem, report)[0] + 1, problem.qmax), ", all raised"


def chosen(q, choose, samples=100, **options):
    return choose_integers(q, [X[:20], X[20:]], choose, "test", samples, **options)


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_nearest_integers_change_nothing(per_channel):
    q = quantized(qnn.Uniform(4, symmetric=True, per_channel=per_channel))
    assert (chosen(q, nearest)(qb.Tensor(X)).data == q(qb.Tensor(X)).data).all()


def test_the_layers_have_the_chosen_integers_on_the_grid_of_before():
    q = quantized()
    moved = chosen(q, next_above)
    for before, after in zip(product_layers(q), product_layers(moved), strict=True):
        a, b = (layer.weight_quantizer.levels(layer.weight.data) for layer in (before, after))
        assert (b.q == np.minimum(a.q + 1, 7)).all() and (b.scale == a.scale).all()


def test_simulated_and_integer_network_agree():
    moved = chosen(quantized(), next_above)
    assert integer.count_differences(moved, integer.convert(moved), X) == 0


def test_the_model_is_not_changed():
    q = quantized().train()
    state, report = q.state_dict(), list(q.report)
    moved = chosen(q, next_above)
    assert q.training and not moved.training
    assert list(q.state_dict()) == list(state) and all((q.state_dict()[k] == state[k]).all() for k in state)
    assert list(q.report) == report == moved.report[: len(report)]


def test_a_layer_sees_what_the_layers_before_it_have_become():
    inputs = []

    def zeros_first(problem, report):
        inputs.append(problem)
        return nearest(problem, report)[0] * (len(inputs) > 1), ""

    chosen(quantized(), zeros_first)
    assert inputs[1].x.any() and not inputs[1].x_hat.any()  # no bias: all zeros behind the first layer


def test_the_report_has_the_errors_before_and_after():
    q = quantized()
    same = chosen(q, nearest).report[len(q.report) :]
    worse = chosen(q, next_above).report[len(q.report) :]
    assert [entry.path for entry in same] == ["0", "4", "6"]
    for entry in same:
        before, after = entry.action.split("output error ")[1].split(" -> ")
        assert before == after and "test: 0 of" in entry.action
    for entry in worse:
        before, after = (float(e.rstrip("%")) for e in entry.action.split("output error ")[1].split(" -> "))
        assert before < after


def test_weights_that_are_not_evenly_spaced_are_left_alone_and_named():
    config = qnn.QuantConfig(qnn.int_weights(4), overrides={"4": {"weights": qnn.Lut(2)}})
    model = network()
    model[6] = qnn.BinaryLinear(8, 3)
    q = ptq.quantize_static(model, [X], config)
    moved = chosen(q, next_above)
    actions = [entry.action for entry in moved.report[-3:]]
    assert "weights not to the nearest integer, all raised, output error" in actions[0]
    assert actions[1:] == [
        "test: left alone, 2-bit table weights are not evenly spaced",
        "test: left alone, binary weights are not evenly spaced",
    ]
    for i in (1, 2):
        layers = product_layers(q)[i], product_layers(moved)[i]
        assert (layers[0].weight.data == layers[1].weight.data).all()


class Doubled(qnn.Linear):
    """Stands for layers that make the weights in use of more than `weight`."""

    def latent(self):
        return self.weight * 2, self.bias


def test_weights_that_are_not_the_layers_alone_are_left_alone():
    q = ptq.quantize_static(nn.Sequential(Doubled(36, 4)), [X[:, 0].reshape(40, 36)])
    before = q[1].weight.data.copy()
    batches = [X[:, 0].reshape(40, 36)]
    for moved, kept in (
        (choose_integers(q, batches, next_above, "test", 100), "test: left alone, "),
        (ptq.correct_bias(q, batches), "bias left alone: "),
        (ptq.correct_bias_analytically(q), "bias left alone: "),
    ):
        assert moved.report[-1].action == kept + "it has a batch norm of its own"
        assert (moved[1].weight.data == before).all() and (moved[1].bias.data == q[1].bias.data).all()


def test_about_as_many_rows_are_drawn_as_asked_for():
    rows = []

    def count(problem, report):
        rows.append(problem.x.shape)
        return nearest(problem, report)

    chosen(quantized(), count, samples=31)
    # 16 of each batch; K = 1 * 3 * 3 in two groups, 16, 8
    assert rows == [(2, 32, 9), (1, 32, 16), (1, 32, 8)]


def test_progress_rises_to_one_and_names_the_layers():
    seen = []

    def choose(problem, report):
        report(0.5)
        report(1.0)
        return nearest(problem, report)

    chosen(quantized(), choose, progress=lambda fraction, note: seen.append((round(6 * fraction), note)))
    assert seen == [(i + 1, f"layer {path}") for i, path in enumerate("004466")]


def test_the_error_by_hand():
    layer = qnn.Linear(2, 1, weight_quantizer=qnn.UniformWeights(qnn.Uniform(3, symmetric=True)))
    layer.weight.data[:], layer.bias.data[:] = [[3.0, 1.5]], 1.0
    layer.bounds = (0.0, np.inf)
    x = np.array([[[1, 1], [-1, -1]]], np.float32)
    problem = RoundingProblem.of(layer, Rows(x, 2 * x))
    assert problem.scale == 1 and (problem.qmin, problem.qmax) == (-4, 3)
    # y = relu([5.5, -3.5]); y_hat = relu([2 * 4 + 1, -7])
    assert problem.error(np.array([[[3, 1]]])) == (9 - 5.5) ** 2 / 5.5**2


def test_at_least_one_row_is_asked_for():
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        chosen(quantized(), nearest, samples=0)


@pytest.mark.parametrize("method", [ptq.adaround, ptq.gptq, ptq.correct_bias])
def test_a_float_model_is_refused(method):
    with pytest.raises(ValueError, match="q must be a qnn model with a Linear or Conv2d, got Sequential"):
        method(network(), [X])


def test_inputs_must_be_finite():
    with pytest.raises(ValueError, match="calibration_batches must be finite"):
        choose_integers(quantized(), [X * np.float32(np.nan)], nearest, "test", 10)
