import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn
from qbref.ptq.equalize import equalize, factors_of

PER_TENSOR = qnn.QuantConfig(weights=qnn.Uniform(8, symmetric=True, narrow_range=True))


def magnitudes(layer, axis):
    weight = layer.weight.data
    return np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis))


def spread(network, rng):
    """The same function of badly scaled layers: channels between e^-4 and e^4 of what training left."""
    model = ptq.fold_batchnorm(network)
    layers = [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
    for before, layer in zip(layers, layers[1:], strict=False):
        s = np.exp(rng.uniform(-4, 4, len(before.weight.data))).astype(np.float32)
        before.weight.data = (before.weight.data.T / s).T
        before.bias.data = before.bias.data / s
        if getattr(layer, "groups", 1) > 1:
            layer.weight.data = (layer.weight.data.T * s).T
        elif isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data * s[:, None, None]
        else:
            layer.weight.data = layer.weight.data * np.repeat(s, layer.in_features // len(s))
    return model


@pytest.fixture(params=["digits_network", "depthwise_network"])
def network(request):
    return request.getfixturevalue(request.param)


def test_int8_with_one_scale_per_tensor_collapses_and_equalization_rescues_it(network, digits, accuracy):
    bad = spread(network, np.random.default_rng(0))
    in_float, batches = accuracy(network), [digits.x_train[:256]]
    assert accuracy(bad) == in_float
    assert accuracy(ptq.quantize_static(bad, batches, PER_TENSOR)) < 0.3
    assert accuracy(ptq.quantize_static(equalize(bad), batches, PER_TENSOR)) > in_float - 0.015  # 5 images


def test_the_function_is_unchanged(network, digits):
    x = qb.Tensor(digits.x_test)
    y = network(x).data
    # every sweep rounds each weight once to float32
    np.testing.assert_allclose(equalize(network)(x).data, y, rtol=0, atol=1e-5 * np.abs(y).max())


def test_ranges_of_neighbours_are_equal_in_every_channel(digits_network):
    first, second, third, fourth = (
        layer for layer in equalize(digits_network) if isinstance(layer, (nn.Conv2d, nn.Linear))
    )
    flattened = third.weight.data.reshape(32, 16, 16)  # outputs, channels, positions
    columns = [magnitudes(second, 1), np.abs(flattened).max(axis=(0, 2)), magnitudes(fourth, 1)]
    for producer, column in zip((first, second, third), columns, strict=True):
        # the last factors differ from 1 by at most 1e-3, either side of the ratio
        np.testing.assert_allclose(magnitudes(producer, 0), column, rtol=4e-3)


def test_equalization_removes_whatever_factors_were_there(digits_network):
    plain = equalize(digits_network)
    again = equalize(spread(digits_network, np.random.default_rng(1)))
    for name, parameter in plain.named_parameters():
        # both have converged to factors within 1e-3 of 1
        np.testing.assert_allclose(dict(again.named_parameters())[name].data, parameter.data, rtol=0.02)


def test_one_pair_by_equation_11():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 3, 3))
    model[0].weight.data *= np.exp(rng.uniform(-3, 3, (5, 1, 1, 1))).astype(np.float32)
    r1, r2 = magnitudes(model[0], 0), magnitudes(model[2], 1)
    s = 1 / r2 * np.sqrt(r1 * r2)
    model[0].moments = np.arange(5, dtype=np.float32), np.ones(5, np.float32)
    equalized = equalize(model)
    # float32 weights and factors
    np.testing.assert_allclose(equalized[0].weight.data.T, model[0].weight.data.T / s, rtol=1e-5)
    np.testing.assert_allclose(equalized[0].bias.data, model[0].bias.data / s, rtol=1e-5)
    np.testing.assert_allclose(equalized[2].weight.data, model[2].weight.data * s[:, None, None], rtol=1e-5)
    np.testing.assert_allclose(equalized[0].moments, [np.arange(5) / s, 1 / s], rtol=1e-5)
    assert (equalized[2].bias.data == model[2].bias.data).all()


def test_a_depthwise_triple_by_cube_roots():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 5, 3, groups=5), nn.ReLU(), nn.Conv2d(5, 3, 1)
    )
    for layer in (model[0], model[2]):
        layer.weight.data *= np.exp(rng.uniform(-3, 3, (5, 1, 1, 1))).astype(np.float32)
    r1, r2, r3 = magnitudes(model[0], 0), magnitudes(model[2], 0), magnitudes(model[4], 1)
    s12, s23 = r1 / np.cbrt(r1 * r2 * r3), np.cbrt(r1 * r2 * r3) / r3
    equalized = equalize(model)
    # float32 weights and factors
    np.testing.assert_allclose(equalized[0].weight.data.T, model[0].weight.data.T / s12, rtol=1e-5)
    np.testing.assert_allclose(equalized[2].weight.data.T, model[2].weight.data.T * s12 / s23, rtol=1e-5)
    np.testing.assert_allclose(equalized[2].bias.data, model[2].bias.data / s23, rtol=1e-5)
    np.testing.assert_allclose(equalized[4].weight.data, model[4].weight.data * s23[:, None, None], rtol=1e-5)


def test_a_range_of_zero_leaves_its_channel_alone():
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    model[0].weight.data[0] = 0
    model[0].weight.data[1] = 1e-12  # nothing beside the others: a batch norm with gamma near 0 leaves this
    model[2].weight.data[:, 2] = 0
    equalized = equalize(model)
    assert (equalized[0].bias.data[:3] == model[0].bias.data[:3]).all()
    assert (equalized[0].weight.data[:3] == model[0].weight.data[:3]).all()
    assert (equalized[2].weight.data[:, :3] == model[2].weight.data[:, :3]).all()
    assert equalized[0].bias.data[3] != model[0].bias.data[3]


def test_factors_along_a_path_make_all_ranges_their_geometric_mean():
    ranges = np.array([[8.0, 1.0], [1.0, 1.0], [4.0, 27.0]])
    s = factors_of(ranges)
    after = ranges / np.vstack([s, [1, 1]]) * np.vstack([[1, 1], s])
    np.testing.assert_allclose(after, [np.cbrt([32, 27])] * 3, rtol=1e-12)  # a few float64 roundings


def test_the_report_names_every_layer_and_what_stood_in_the_way():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.ReLU6(), nn.Conv2d(2, 1, 1)
    )
    model[0].weight.data[:, 0, 0, 0], model[1].eps = [4, 1], 1e-12
    model[3].weight.data[:, :, 0, 0] = 1
    assert [(entry.path, entry.layer, entry.action) for entry in equalize(model).report] == [
        ("1", "BatchNorm2d", "folded into layer 0"),
        ("0", "Conv2d", "input channels kept: no layer stands before it"),
        ("3", "Conv2d", "equalized with Conv2d 0, factors 1 to 2"),
        ("5", "Conv2d", "input channels kept: ReLU6 4 is not positively homogeneous"),
    ]


def test_a_norm_has_no_range_to_share_but_attention_and_feed_forward_have():
    model = nn.TransformerEncoderLayer(8, 2, dim_feedforward=6, norm_first=True)
    equalized = equalize(model)
    report = {entry.path: entry.action for entry in equalized.report}
    assert report["linear1"] == "input channels kept: LayerNorm norm2 has no weights to share a range with"
    assert report["linear2"].startswith("equalized with Linear linear1, factors ")
    attention = equalized.self_attn
    np.testing.assert_allclose(
        magnitudes(attention.v_proj, 0), magnitudes(attention.out_proj, 1), rtol=1e-5
    )  # one pair on its own, solved at once; float32
    assert (equalized.norm2.weight.data == 1).all()


def test_the_model_itself_is_not_changed(digits_network):
    before = digits_network.state_dict()
    equalize(digits_network)
    assert all((digits_network.state_dict()[name] == before[name]).all() for name in before)
