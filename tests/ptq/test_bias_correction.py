import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qnn
from qbref.ptq.streams import float_form, layer_input, product_layers
from tests.ptq.closeness import logit_error

X = np.random.default_rng(1).random((200, 2, 6, 6), dtype=np.float32)


def network():
    rng = np.random.default_rng(2)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, rng=rng)
    )


def quantized(weights=None):
    return ptq.quantize_static(network(), [X], qnn.QuantConfig(weights or qnn.int_weights(2)))


def channel_shifts(q, reference, x):
    """max |E[y_hat - y]| over the channels, before the activation, for each Linear and Conv2d."""
    shifts = []
    for layer, float_layer in zip(product_layers(q), product_layers(reference), strict=True):
        with float_form(reference):
            y = float_layer.product(
                qb.Tensor(layer_input(reference, float_layer, x)), float_layer.weight, float_layer.bias
            ).data
        y_hat = layer.product(
            qb.Tensor(layer_input(q, layer, x)), layer.weight_quantizer(layer.weight), layer.bias
        ).data
        channels = (y_hat - y).astype(np.float64).swapaxes(0, 1).reshape(y.shape[1], -1)
        shifts.append(np.abs(channels.mean(axis=1)).max())
    return np.array(shifts)


def test_channel_means_become_those_of_the_float_network():
    q = quantized()
    corrected = ptq.correct_bias(q, [X[:150], X[150:]])
    assert channel_shifts(q, q, X).min() > 0.05
    assert channel_shifts(corrected, q, X).max() < 1e-5  # float32 means of values near 1


def test_by_hand():
    model = nn.Sequential(nn.Linear(1, 2))
    model[0].weight.data[:], model[0].bias.data[:] = [[3.0], [1.4]], [0.0, 0.5]
    x = np.array([[0.0], [255.0]], np.float32)  # 8-bit levels: x is exact
    q = ptq.quantize_static(model, [x], qnn.QuantConfig(qnn.Uniform(3, symmetric=True)))
    corrected = ptq.correct_bias(q, [x])
    # 1.4 is rounded to 1: y_hat - y = -0.4 x, on average -51
    assert np.allclose(product_layers(corrected)[0].bias.data, [0.0, 51.5], rtol=1e-6)
    # of the squares of y = 3 x and 1.4 x + 0.5, 0.16 * 255^2 were wrong, half of which is the mean's
    power = 9 * 255**2 + 357.5**2 + 0.5**2
    before, after = 0.16 * 255**2 / power, 2 * 51**2 / power
    assert corrected.report[-1].action == f"bias corrected: output error {before:.2%} -> {after:.2%}"


def test_a_layer_without_bias_gets_one_and_the_rest_stays():
    q = quantized()
    state = q.state_dict()
    corrected = ptq.correct_bias(q, [X])
    assert product_layers(q)[0].bias is None and product_layers(corrected)[0].bias.shape == (4,)
    after = corrected.state_dict()
    changed = [name for name in after if name not in state or (after[name] != state[name]).any()]
    assert changed == ["1.bias", "3.bias"]
    assert all((q.state_dict()[name] == state[name]).all() for name in state)


def test_any_weights_are_corrected():
    config = qnn.QuantConfig(qnn.Lut(1), overrides={"3": {"weights": qnn.int_weights(2)}})
    q = ptq.quantize_static(network(), [X], config)
    assert channel_shifts(ptq.correct_bias(q, [X]), q, X).max() < 1e-5  # as above


def test_binary_weights_are_their_own_reference():
    model = nn.Sequential(qnn.BinaryLinear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    x = X[:, 0, 0, :4].repeat(2, axis=1)
    q = ptq.quantize_static(model, [x])
    before, after = (product_layers(model)[0].bias.data for model in (q, ptq.correct_bias(q, [x])))
    assert np.abs(after - before).max() < 1e-3  # only the input was rounded, to 8 bits


def test_after_adaround_the_model_before_it_is_the_reference():
    q = quantized()
    rounded = ptq.gptq(q, [X], rng=np.random.default_rng(0))
    right = ptq.correct_bias(rounded, [X], reference=q)
    wrong = ptq.correct_bias(rounded, [X])  # whose latent weights are on the grid already
    assert channel_shifts(right, q, X).max() < 1e-5
    assert channel_shifts(wrong, q, X).max() > 0.01


def test_simulated_and_integer_network_agree():
    corrected = ptq.correct_bias(quantized(), [X])
    assert integer.count_differences(corrected, integer.convert(corrected), X) == 0


def test_progress_rises_to_one():
    seen = []
    ptq.correct_bias(quantized(), [X], progress=lambda *step: seen.append(step))
    assert seen == [(0.5, "layer 0"), (1.0, "layer 3")]


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="calibration_batches must hold at least one batch"):
        ptq.correct_bias(quantized(), [])


def test_a_trained_network_gets_its_accuracy_back(digits, digits_network, accuracy):
    config = qnn.QuantConfig(qnn.Uniform(3, symmetric=True, narrow_range=True))
    q = ptq.quantize_static(digits_network, [digits.x_train], config)
    corrected = ptq.correct_bias(q, [digits.x_train])
    assert accuracy(corrected) > accuracy(q) + 0.06  # measured: 85.6 % -> 95.0 %
    assert logit_error(corrected, digits_network, digits.x_test) < 0.25 * logit_error(
        q, digits_network, digits.x_test
    )  # measured: 0.13
    # on digits that were not looked at; measured: 0.003, 0.008, 0.02, 0.02 of the shifts are left
    shifts = channel_shifts(corrected, q, digits.x_test) / channel_shifts(q, q, digits.x_test)
    assert shifts.max() < 0.05
