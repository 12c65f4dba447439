"""Simulated and integer networks agree to the last bit, on both backends and through a file."""

from dataclasses import replace

import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, nn, ptq, qat, qnn
from qbref.integer.convert import _pools_first
from tests.integer.agreement import IMAGES, check_agreement, shake


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, (3, 2), stride=(1, 2), padding=(0, 1)),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(36, 12),
        nn.ReLU(),
        nn.Linear(12, 5),
    )


@pytest.mark.parametrize("mode", ["single", "double", "half_up_twice", "float32", "float64"])
@pytest.mark.parametrize("n_bits", [8, 4, 2])
def test_convolutional_network(mode, n_bits, tmp_path):
    config = qnn.QuantConfig(qnn.int_weights(n_bits), qnn.Uniform(n_bits), requantize_mode=mode)
    check_agreement(ptq.quantize_static(shake(cnn()), [IMAGES], config), IMAGES, tmp_path)


@pytest.mark.parametrize(
    "activations",
    [
        qnn.Uniform(8, signed=False),
        qnn.Uniform(8, symmetric=True, narrow_range=True),
        qnn.Uniform(3, signed=False),
        qnn.Uniform(5),
    ],
    ids=str,
)
def test_activation_grids(activations, tmp_path):
    config = qnn.QuantConfig(activations=activations, observer=calibration.MSE)
    check_agreement(ptq.quantize_static(shake(cnn()), [IMAGES], config), IMAGES, tmp_path)


@pytest.mark.parametrize("n_bits", [1, 2, 3, 4])
def test_lookup_table_weights(n_bits, tmp_path):
    q = ptq.quantize_static(shake(cnn()), [IMAGES], qnn.QuantConfig(weights=qnn.Lut(n_bits)))
    check_agreement(q, IMAGES, tmp_path)


@pytest.mark.parametrize("rounding", ["half_even", "half_away", "half_up"])
def test_tie_rules(rounding, tmp_path):
    check_agreement(
        ptq.quantize_static(shake(cnn()), [IMAGES], qnn.QuantConfig(rounding=rounding)), IMAGES, tmp_path
    )


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 6, 3, groups=3),
        nn.Conv2d(3, 3, 3, padding=1, groups=3),
        nn.Conv2d(3, 4, 3, dilation=2, padding=2),
        nn.Conv2d(3, 4, 1, stride=3),
        nn.Conv2d(3, 4, (1, 5), padding=(2, 3), bias=False),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6()),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardtanh(-0.5, 0.75)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(3, 2, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, 1)),
        nn.Sequential(nn.AvgPool2d(2), nn.MaxPool2d(2), nn.ReLU()),
    ],
    ids=lambda layer: " ".join(repr(layer).split())[:60],
)
@pytest.mark.parametrize("tail", [(), (nn.Flatten(),)], ids=["image out", "flat out"])
def test_layer_geometries(layer, tail, tmp_path):
    check_agreement(ptq.quantize_static(nn.Sequential(layer, *tail).eval(), [IMAGES]), IMAGES, tmp_path)


def residual(shortcut, activation=None):
    body = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
    )
    tail = [activation] if activation else []
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Residual(body, shortcut),
        *tail,
        nn.Flatten(),
        nn.Linear(360, 5),
    )


@pytest.mark.parametrize("mode", ["single", "double", "float32"])
@pytest.mark.parametrize("shortcut", [None, nn.Conv2d(4, 4, 1)], ids=["identity", "conv"])
@pytest.mark.parametrize("activation", [None, nn.ReLU(), nn.ReLU6()], ids=["linear", "relu", "relu6"])
def test_residual_networks(mode, shortcut, activation, tmp_path):
    config = qnn.QuantConfig(requantize_mode=mode)
    check_agreement(
        ptq.quantize_static(shake(residual(shortcut, activation)), [IMAGES], config), IMAGES, tmp_path
    )


def binary_network(channels, padding_value, surrogate="ste_sign"):
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(channels),
        qnn.Sign(surrogate),
        qnn.BinaryConv2d(channels, 21, 3, padding=1, padding_value=padding_value),
        nn.BatchNorm2d(21),
        qnn.Sign(),
        qnn.BinaryConv2d(
            21,
            13,
            (2, 3),
            stride=(1, 2),
            padding=(1, 0),
            dilation=(2, 1),
            bias=False,
            padding_value=padding_value,
        ),
        nn.BatchNorm2d(13),
        qnn.Sign(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.BinaryLinear(26, 66, bias=False),
        nn.BatchNorm1d(66),
        qnn.Sign(),
        qnn.BinaryLinear(66, 30),
        nn.ReLU(),
        nn.Linear(30, 5),
    )


@pytest.mark.parametrize("padding_value", [1, 0, -1])
@pytest.mark.parametrize("channels", [3, 63, 64, 65])
def test_binary_networks(channels, padding_value, tmp_path):
    model = shake(binary_network(channels, padding_value))
    model = check_agreement(ptq.quantize_static(model, [IMAGES]), IMAGES, tmp_path)
    names = [type(layer).__name__ for layer in model.layers]
    assert names.count("BinaryConv2d") == 2 and names.count("BinaryLinear") == 2


def test_sign_without_batch_norm_and_sign_of_the_flattened_image(tmp_path):
    model = nn.Sequential(nn.Flatten(), qnn.Sign(), qnn.BinaryLinear(270, 40), qnn.Sign(), nn.Linear(40, 5))
    check_agreement(ptq.quantize_static(model.eval(), [IMAGES]), IMAGES, tmp_path)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Flatten(), nn.BatchNorm1d(224), qnn.Sign(), qnn.BinaryLinear(224, 40)
    )
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


def test_packed_signs_are_pooled_with_padding(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(3, 70, 3, padding=1),
        nn.BatchNorm2d(70),
        qnn.Sign(),
        nn.MaxPool2d(3, 2, 1),
        qnn.BinaryConv2d(70, 6, 2),
        nn.Flatten(),
        nn.Linear(96, 5),
    )
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


def test_signs_of_images_whose_channels_no_layer_has_named(tmp_path):
    model = nn.Sequential(
        nn.MaxPool2d(2), nn.BatchNorm2d(3), qnn.Sign(), nn.Flatten(), qnn.BinaryLinear(60, 40)
    )
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


def test_binary_weights_with_real_activations(tmp_path):
    model = nn.Sequential(
        qnn.BinaryConv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.BinaryLinear(160, 20, bias=False),
        nn.BatchNorm1d(20),
        nn.ReLU(),
        qnn.BinaryLinear(20, 5),
    )
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


def test_a_network_trained_with_quantization(tmp_path):
    q = qat.prepare(
        cnn(), qnn.QuantConfig(qnn.int_weights(4), qnn.Uniform(4), observer=calibration.MovingAverageMinMax)
    )
    for _ in range(3):
        q(qb.Tensor(IMAGES)).sum().backward()
    check_agreement(q.eval(), IMAGES, tmp_path)


def test_dynamic_quantization(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, groups=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(48, 5),
    )
    converted = check_agreement(ptq.quantize_dynamic(model), IMAGES, tmp_path)
    assert converted.has_float_layers
    assert [e.action for e in converted.report if e.layer == "ReLU"] == ["ReLU in float"]


def test_only_integers_travel_between_the_borders():
    model = integer.convert(ptq.quantize_static(shake(binary_network(16, 0)), [IMAGES]))
    steps = list(model.trace(IMAGES))
    assert all(x.dtype.kind in "iu" for _, x in steps[:-1]) and steps[-1][1].dtype == np.float32
    assert not model.has_float_layers


def test_pooling_goes_before_requantization_only_where_no_multiplier_can_wrap():
    conv = integer.convert(ptq.quantize_static(cnn().eval(), [IMAGES])).layers[1]
    assert conv.pool is not None
    plain = replace(conv, pool=None)
    assert _pools_first(plain) and not _pools_first(conv)
    left = replace(conv.finish, shift=conv.finish.shift + 1 - conv.finish.shift.max())
    assert not _pools_first(replace(plain, finish=left))


def test_every_layer_is_in_the_report():
    q = ptq.quantize_static(shake(cnn()), [IMAGES])
    report = integer.convert(q).report
    assert [entry.path for entry in report] == [*map(str, range(len(q))), "output"]
    assert dict((e.layer, e.action) for e in report)["Dropout"] == "dropped: acts in training only"


@pytest.mark.parametrize(
    "q, message",
    [
        (nn.Sequential(nn.Linear(2, 2)), "q must come from ptq or qat"),
        (qat.prepare(nn.Sequential(nn.Linear(2, 2))), "quantizer must observe data"),
    ],
)
def test_models_that_are_not_ready_are_refused(q, message):
    with pytest.raises(ValueError, match=message):
        integer.convert(q)


def test_wide_grids_are_refused_by_path():
    x = np.ones((2, 2), np.float32)
    wide_x = ptq.quantize_static(
        nn.Sequential(nn.Linear(2, 2)), [x], qnn.QuantConfig(activations=qnn.Uniform(9))
    )
    with pytest.raises(ValueError, match="layer '0' must have activations of at most 8 bits, got 9"):
        integer.convert(wide_x)
    wide_w = ptq.quantize_static(
        nn.Sequential(nn.Linear(2, 2)), [x], qnn.QuantConfig(weights=qnn.int_weights(9))
    )
    with pytest.raises(ValueError, match="layer '1' must have weights of at most 8 bits, got 9"):
        integer.convert(wide_w)


def test_an_unknown_layer_is_refused_by_path():
    q = ptq.quantize_static(nn.Sequential(nn.Linear(2, 2)), [np.ones((2, 2), np.float32)])
    with pytest.raises(ValueError, match="layer '2' must be one with an integer form, got Softmax"):
        integer.convert(nn.Sequential(*q, nn.Softmax()))


@pytest.mark.parametrize("last", [(nn.MaxPool2d(3, 1, 1),), (nn.Dropout(0.1),), (nn.Dropout(0.1), nn.ReLU())])
def test_a_branch_may_end_in_pooling_or_dropout(last, tmp_path):
    body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), *last)
    model = nn.Sequential(nn.Residual(body, nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.1))), nn.ReLU())
    check_agreement(ptq.quantize_static(model.eval(), [IMAGES]), IMAGES, tmp_path)


def test_features_flattened_before_and_behind_a_sign_are_no_pixels(tmp_path):
    # 64 channels fill a word, so weights in the order of pixels would fit, and be wrong
    layers = nn.Conv2d(3, 64, 7), nn.Flatten(), nn.BatchNorm1d(768), qnn.Sign(), nn.Flatten()
    model = shake(nn.Sequential(*layers, qnn.BinaryLinear(768, 20)))
    check_agreement(ptq.quantize_static(model, [IMAGES]), IMAGES, tmp_path)


@pytest.mark.parametrize("channelwise", [(nn.BatchNorm1d(5), qnn.Sign()), (qnn.RSign(5),)])
def test_channels_on_axis_1_of_three_are_refused_instead_of_taken_for_the_last(channelwise):
    x = np.random.default_rng(0).standard_normal((6, 5, 5)).astype(np.float32)
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), *channelwise, qnn.BinaryLinear(5, 2)).eval()
    m = integer.convert(ptq.quantize_static(model, [x]))
    with pytest.raises(ValueError, match=r"x must have no third axis behind the channels of axis 1"):
        m.run(x)
    assert m.run(x[:, 0]).shape == (6, 2)


def static(*layers, features=2):
    return ptq.quantize_static(nn.Sequential(*layers), [np.ones((2, features), np.float32)])


def with_bias(layer, value):
    layer.bias.data[0] = value
    return layer


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: qat.prepare(nn.Sequential(nn.Linear(2, 2))), "layer '0' .* quantizer must observe data"),
        (lambda: static(nn.Linear(2, 2), with_bias(nn.Linear(2, 2), np.nan)), "layer '2' .* must be finite"),
        (lambda: static(nn.Linear(131_000, 1), features=131_000), "layer '1' must sum within int32"),
        (
            lambda: ptq.quantize_dynamic(nn.Sequential(nn.ReLU(), nn.Linear(131_072, 1))),
            "layer '1' must sum at most 131,071 products",
        ),
        (
            lambda: ptq.quantize_dynamic(nn.Sequential(nn.ReLU(), with_bias(nn.Linear(2, 2), np.inf))),
            "layer '1' .* bias must be finite",
        ),
        (lambda: nn.Sequential(), "q must hold at least one layer"),
    ],
)
def test_what_cannot_run_is_refused_at_conversion_by_its_path(make, message):
    q = make()
    with pytest.raises(ValueError, match=message):
        integer.convert(q)


@pytest.mark.parametrize("layer", [nn.GELU("tanh"), nn.Hardtanh(-0.2, 0.1), nn.Flatten(2)])
def test_layers_left_in_float_keep_their_arguments(layer, tmp_path):
    x = np.random.default_rng(0).standard_normal((6, 3, 4, 5)).astype(np.float32)
    check_agreement(ptq.quantize_dynamic(nn.Sequential(nn.Linear(5, 5), layer)), x, tmp_path)


def test_a_layer_is_known_by_what_it_is_and_not_by_its_name():
    own = type("ReLU", (nn.Module,), {"forward": lambda self, x: x * 2})
    with pytest.raises(ValueError, match="layer '1' must be one with an integer form, got ReLU"):
        integer.convert(ptq.quantize_dynamic(nn.Sequential(nn.Linear(2, 2), own())))
