import copy

import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import nn, ptq
from qbref.ptq.smooth_quant import smooth_quant, smoothing_factors


def outputs(model, x):
    with qb.no_grad():
        return model(qb.Tensor(x)).data


def with_outliers(transformer, size):
    """The same function with two channels behind every norm `size` times as large, as LLMs grow them."""
    model = copy.deepcopy(transformer)
    rng = np.random.default_rng(0)
    for layer in model.modules():
        if isinstance(layer, nn.TransformerEncoderLayer):
            attention = layer.self_attn
            projections = attention.q_proj, attention.k_proj, attention.v_proj
            for norm, consumers in ((layer.norm1, projections), (layer.norm2, [layer.linear1])):
                channels = rng.choice(32, 2, replace=False)
                norm.weight.data[channels] *= size
                norm.bias.data[channels] *= size
                for consumer in consumers:
                    consumer.weight.data[:, channels] /= size
    return model


def in_int8(model):
    """Every Linear with its input and its weights rounded to 255 levels, one scale for each tensor."""

    def rounded(values):
        scale = np.abs(values).max() / 127
        return qb.Tensor(np.rint(values / scale) * scale)

    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            weight = rounded(layer.weight.data)
            layer.forward = lambda x, layer=layer, w=weight: F.linear(rounded(x.data), w, layer.bias)
    return model


def test_int8_collapses_under_activation_outliers_and_smoothing_rescues_it(row_transformer, digits, accuracy):
    bad = with_outliers(row_transformer, 300)
    in_float = accuracy(row_transformer)
    assert accuracy(bad) == in_float
    assert accuracy(in_int8(bad)) < 0.6
    smoothed = smooth_quant(bad, [digits.x_train[:256]])
    assert accuracy(in_int8(smoothed)) > in_float - 0.015  # 5 images


def test_static_quantization_with_one_scale_per_activation_is_rescued_too(digits_network, digits, accuracy):
    model = ptq.fold_batchnorm(digits_network)
    model[4].weight.data[:8] *= 1000  # half of the channels between the convolution and the linear layer
    model[4].bias.data[:8] *= 1000
    model[8].weight.data[:, :128] /= 1000
    in_float, batches = accuracy(digits_network), [digits.x_train[:256]]
    assert accuracy(ptq.quantize_static(model, batches)) < 0.3
    assert accuracy(ptq.quantize_static(smooth_quant(model, batches), batches)) > in_float - 0.015


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_the_function_is_unchanged(row_transformer, digits_network, digits, alpha):
    for model in (with_outliers(row_transformer, 300), digits_network):
        y = outputs(model, digits.x_test)
        smoothed = smooth_quant(model, [digits.x_train[:64]], alpha)
        # each weight is rounded to float32 once
        np.testing.assert_allclose(outputs(smoothed, digits.x_test), y, rtol=0, atol=1e-5 * np.abs(y).max())


def test_factors_are_those_of_the_paper_shared_by_the_three_projections():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.LayerNorm(8), nn.MultiheadAttention(8, 2))
    model[0].weight.data = rng.uniform(1, 50, 8).astype(np.float32)
    batches = [rng.standard_normal((4, 5, 8)).astype(np.float32) for _ in range(2)]
    seen = np.abs(np.concatenate([outputs(model[:1], x) for x in batches])).max(axis=(0, 1))
    attention = model[1]
    weights = np.concatenate([p.weight.data for p in (attention.q_proj, attention.k_proj, attention.v_proj)])
    s = seen**0.7 / np.abs(weights).max(axis=0) ** 0.3
    smoothed = smooth_quant(model, batches, alpha=0.7)
    # float32 weights
    np.testing.assert_allclose(smoothed[0].weight.data, model[0].weight.data / s, rtol=1e-5)
    for name in ("q_proj", "k_proj"):
        weight = getattr(attention, name).weight.data
        np.testing.assert_allclose(getattr(smoothed[1], name).weight.data, weight * s, rtol=1e-5)
    # the rows of v_proj share factors with out_proj
    ratio = smoothed[1].v_proj.weight.data / (attention.v_proj.weight.data * s)
    np.testing.assert_allclose(ratio, np.repeat(ratio[:, :1], 8, axis=1), rtol=1e-5)


def test_alpha_one_evens_out_the_activations_and_alpha_zero_the_weights():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 3))
    model[0].bias.data[:] = 0.1  # no channel is dead
    x = rng.standard_normal((50, 2, 4, 4)).astype(np.float32)
    activations = outputs(smooth_quant(model, [x], alpha=1)[:3], x)
    weights = smooth_quant(model, [x], alpha=0)[4].weight.data.reshape(3, 6, 4)
    # float32
    np.testing.assert_allclose(activations.max(axis=(0, 2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(np.abs(weights).max(axis=(0, 2)), 1, rtol=1e-5)


def test_dead_channels_keep_their_scale():
    assert smoothing_factors(np.array([0.0, 4.0, 9.0]), np.array([1.0, 0.0, 1.0]), 0.5).tolist() == [1, 1, 3]


def test_the_first_layer_has_nothing_before_it_and_says_so():
    model = nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.Linear(2, 2))
    smoothed = smooth_quant(model, [np.ones((1, 2), np.float32)])
    assert [entry.action for entry in smoothed.report] == [
        "not smoothed: no layer stands before it",
        "not smoothed: GELU 1 is not positively homogeneous",
    ]
    assert (smoothed[0].weight.data == model[0].weight.data).all()


@pytest.mark.parametrize("alpha", [-0.1, 1.1, np.nan])
def test_alpha_is_a_share(alpha):
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got"):
        smooth_quant(nn.Sequential(nn.Linear(2, 2)), [np.ones((1, 2), np.float32)], alpha)


def test_calibration_runs_in_evaluation_mode_and_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.9), nn.Linear(4, 4)).train()
    before = model.state_dict()
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    first, second = smooth_quant(model, [x]), smooth_quant(model, [x])
    assert (first[0].weight.data == second[0].weight.data).all()
    assert model.training and not first.training
    assert all((model.state_dict()[name] == before[name]).all() for name in before)
