import copy

import numpy as np
import pytest

import qbref as qb
from qbref import nn
from qbref.ptq.awq import awq, awq_factors
from qbref.ptq.watch import watch

INNER = "q_proj", "k_proj", "v_proj", "out_proj", "linear1", "linear2"  # of the transformer layers


def outputs(model, x):
    with qb.no_grad():
        return model(qb.Tensor(x)).data


def rounded(weight, n_bits):
    """Symmetric, without the lowest level, one scale per output channel."""
    top = 2 ** (n_bits - 1) - 1
    scale = np.abs(weight).max(axis=1, keepdims=True) / top
    return np.rint(weight / scale) * scale


def with_rounded_weights(model, n_bits):
    model = copy.deepcopy(model)
    for path, layer in model.named_modules():
        if path.endswith(INNER):
            layer.weight.data = rounded(layer.weight.data, n_bits)
    return model


def with_outliers(transformer, size):
    """The same function with two channels behind every second norm `size` times as large, as in LLMs."""
    model = copy.deepcopy(transformer)
    for layer in model.modules():
        if isinstance(layer, nn.TransformerEncoderLayer):
            layer.norm2.weight.data[3:5] *= size
            layer.norm2.bias.data[3:5] *= size
            layer.linear1.weight.data[:, 3:5] /= size
    return model


def layer_errors(model, n_bits, x):
    """Relative squared error of every inner layer's own product on its float input."""
    errors = {}
    paths = {layer: path for path, layer in model.named_modules() if path.endswith(INNER)}

    def look(layer, x, y):
        weight = layer.weight.data
        error = x @ (rounded(weight, n_bits) - weight).T
        errors[paths[layer]] = np.square(error).sum() / np.square(x @ weight.T).sum()

    watch(model, paths, [x], look)
    return errors


@pytest.mark.parametrize("n_bits", [3, 4])
def test_the_error_of_the_layers_shrinks_on_unseen_data(row_transformer, digits, n_bits):
    scaled = awq(row_transformer, [digits.x_train[:256]], n_bits)
    before, after = (layer_errors(model, n_bits, digits.x_test) for model in (row_transformer, scaled))
    ratios = np.array([after[path] / before[path] for path in before])
    assert len(ratios) == 12
    # among the three projections that share factors, one may lose a little of what the others gain
    assert np.exp(np.log(ratios).mean()) < 0.93 and ratios.max() < 1.25


def test_four_bits_survive_activation_outliers_only_with_awq(row_transformer, digits):
    bad = with_outliers(row_transformer, 30)
    y = outputs(row_transformer, digits.x_test)

    def error(model):
        return np.square(outputs(with_rounded_weights(model, 4), digits.x_test) - y).mean()

    assert error(awq(bad, [digits.x_train[:256]], 4)) < error(bad) / 3


@pytest.mark.parametrize("name", ["row_transformer", "digits_network", "depthwise_network"])
def test_the_function_is_unchanged(name, request, digits):
    model = request.getfixturevalue(name)
    y = outputs(model, digits.x_test)
    scaled = awq(model, [digits.x_train[:64]])
    # each weight is rounded to float32 once
    np.testing.assert_allclose(outputs(scaled, digits.x_test), y, rtol=0, atol=1e-5 * np.abs(y).max())


def test_the_exponent_with_the_least_error_is_taken():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(3, 6, rng=rng), nn.ReLU(), nn.Linear(6, 4, rng=rng))
    model[0].weight.data *= np.exp(rng.uniform(-2, 2, (6, 1))).astype(np.float32)
    model[0].bias.data[:] = 0.1  # no channel is dead
    batches = [rng.standard_normal((40, 3)).astype(np.float32) for _ in range(2)]
    x = np.concatenate([outputs(model[:2], batch) for batch in batches]).astype(np.float64)
    weight = model[2].weight.data.astype(np.float64)
    magnitude = np.abs(x).mean(axis=0)
    candidates = {}
    for step in range(20):
        s = magnitude ** (step / 20)
        s = s / np.sqrt(s.max() * s.min())
        error = np.square(x @ (rounded(weight * s, 3) / s - weight).T).mean()
        candidates[error] = s
    assert min(candidates) < 0.9 * list(candidates)[0]  # a = 0 is not the best here
    s = candidates[min(candidates)]
    scaled = awq(model, batches, n_bits=3)
    # float32 weights
    np.testing.assert_allclose(scaled[2].weight.data, weight * s, rtol=1e-5)
    np.testing.assert_allclose(scaled[0].weight.data, model[0].weight.data / s[:, None], rtol=1e-5)
    np.testing.assert_allclose(scaled[0].bias.data, model[0].bias.data / s, rtol=1e-5)


def test_a_convolution_behind_a_depthwise_one_is_searched_with_its_own_geometry():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(4, 4, 1, groups=4, rng=rng),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, rng=rng),
    )
    model[0].weight.data[:2] *= 30
    x = rng.standard_normal((5, 4, 6, 6)).astype(np.float32)
    scaled = awq(model, [x], n_bits=3)
    *_, found, _, _, plain = scaled.report[1].action.split()  # "… error X instead of Y", two digits each
    for before, printed in ((model, plain), (scaled, found)):
        rough = copy.deepcopy(before)
        rough[1].weight.data = rounded(before[1].weight.data.reshape(6, -1), 3).reshape(6, 2, 3, 3)
        error = np.square(outputs(rough, x) - outputs(model, x)).mean()
        assert abs(float(printed) - error) < 0.06 * error
    assert float(found) < float(plain)


def test_factors_are_centred_and_dead_channels_keep_their_scale():
    s = awq_factors(np.array([8.0, 2.0, 0.0, 0.5]), 0.5)
    np.testing.assert_allclose(s, [2, 1, 1, 0.5], rtol=1e-12)
    assert awq_factors(np.zeros(2), 0.5).tolist() == [1, 1]
    assert awq_factors(np.array([1e-12, 1e-12, 1.0]), 0.95).tolist() == [0.01, 0.01, 100]  # 1e-4 at least


def test_the_report_says_what_was_found_and_what_was_in_the_way():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU6(), nn.Linear(2, 2), nn.Linear(2, 1))
    model[2].weight.data[:], model[2].bias.data[:], model[3].weight.data[:] = np.eye(2), 0, [[1, 1]]
    report = awq(model, [np.ones((1, 2), np.float32)]).report
    assert [entry.action for entry in report] == [
        "not scaled: no layer stands before it",
        "not scaled: ReLU6 1 is not positively homogeneous",
        "scaled behind Linear 2 with a = 0, output error 0 instead of 0",  # 1 is a level
    ]


@pytest.mark.parametrize("n_bits", [1, 17, 4.0])
def test_the_number_of_bits_is_checked_before_any_work(n_bits):
    with pytest.raises(ValueError, match="n_bits must be an integer in 2..16, got"):
        awq(nn.Sequential(nn.Linear(2, 2)), None, n_bits)
