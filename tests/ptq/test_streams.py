import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn
from qbref.ptq.streams import (
    float_form,
    layer_input,
    listed,
    paired_inputs,
    product_layers,
    sample_rows,
)

IMAGES = np.random.default_rng(3).standard_normal((6, 4, 9, 8)).astype(np.float32)


class InOrder:
    """Draws positions 0, 1, 2, …"""

    permutation = staticmethod(np.arange)


def conv_network():
    rng = np.random.default_rng(4)
    return nn.Sequential(
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, rng=rng),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Residual(nn.Sequential(nn.Conv2d(6, 6, 1, rng=rng)), nn.Sequential(nn.Conv2d(6, 6, 1, rng=rng))),
        nn.Flatten(),
        nn.Linear(180, 3, rng=rng),
    ).eval()


@pytest.fixture(scope="module")
def q():
    return ptq.quantize_static(conv_network(), [IMAGES])


def test_layers_come_in_order_of_execution(q):
    assert [layer.path for layer in product_layers(q)] == ["0", "3.body.0", "3.shortcut.0", "5"]


@pytest.mark.parametrize("i, before", [(0, 1), (1, 2), (2, 2), (3, 4)])
def test_a_layer_receives_what_the_layers_before_it_make(q, i, before):
    expected = q[:before](qb.Tensor(IMAGES)).data
    received = layer_input(q, product_layers(q)[i], IMAGES)
    assert (received == expected).all()


def test_the_float_form_is_the_model_that_was_quantized():
    model = conv_network()
    q = ptq.quantize_static(model, [IMAGES], qnn.QuantConfig(qnn.Lut(2), qnn.Uniform(3)))
    with float_form(q):
        y = q(qb.Tensor(IMAGES)).data
    # the batch norm is folded: float32 sums of up to 180 terms in another order
    np.testing.assert_allclose(y, model(qb.Tensor(IMAGES)).data, rtol=1e-4, atol=1e-5)


def test_weights_trained_as_binary_stay_binary_in_float_form():
    q = ptq.quantize_static(
        nn.Sequential(qnn.BinaryLinear(4, 3), nn.ReLU(), nn.Linear(3, 2)), [IMAGES[:, :, 0, 0]]
    )
    binary = product_layers(q)[0]
    with float_form(q):
        assert len(np.unique(np.abs(binary.quantized_weight().data[0]))) == 1
        y = q[:2](qb.Tensor(IMAGES[:, :, 0, 0])).data
    expected = IMAGES[:, :, 0, 0] @ binary.weight_quantizer(binary.weight).data.T + binary.bias.data
    np.testing.assert_allclose(y, np.maximum(expected, 0), rtol=1e-5, atol=1e-6)  # four float32 terms


def test_looking_leaves_the_model_as_it_was(q):
    before = q(qb.Tensor(IMAGES)).data
    list(paired_inputs(q, product_layers(q)[1], q, product_layers(q)[1], [IMAGES]))
    assert all("forward" not in vars(module) for module in q.modules())
    assert (q(qb.Tensor(IMAGES)).data == before).all()


def test_pairs_are_the_float_and_the_quantized_input(q):
    layer = product_layers(q)[3]
    ((x, x_hat),) = paired_inputs(q, layer, q, layer, [IMAGES])
    step = layer.input_quantizer.params.scale
    assert 0 < np.abs(x - x_hat).max() < 8 * step  # a few roundings apart
    assert (layer_input(q, layer, IMAGES) == x_hat).all()


@pytest.mark.parametrize("i", [0, 1, 3])
def test_rows_times_weights_are_the_layer(q, i):
    layer = product_layers(q)[i]
    x = layer_input(q, layer, IMAGES)
    y = layer.product(qb.Tensor(x), layer.weight, None).data
    rows = sample_rows(layer, [(x, 2 * x)], 10**6, InOrder).x
    groups = getattr(layer, "groups", 1)
    weight = layer.weight.data.reshape(groups, -1, rows.shape[2])
    products = (rows @ weight.swapaxes(1, 2)).transpose(1, 0, 2).reshape(-1, len(layer.weight.data))
    positions = np.moveaxis(np.moveaxis(y, 0, -1), 0, -1).reshape(-1, y.shape[1])  # rows ordered (h, w, n)
    np.testing.assert_allclose(products, positions, rtol=1e-4, atol=1e-5)  # float32 sums in another order


def test_features_may_stand_on_any_number_of_axes():
    x = IMAGES.reshape(6, 9, 32)
    rows = sample_rows(qnn.Linear(32, 1), [(x, x)], 54, InOrder).x
    assert (rows[0] == x.reshape(54, 32)).all()


def test_padding_of_another_value_is_part_of_the_rows():
    layer = qnn.BinaryConv2d(1, 1, 3, padding=1, padding_value=-1)
    rows = sample_rows(layer, [(np.ones((1, 1, 1, 1), np.float32),) * 2], 1, InOrder).x
    assert rows.tolist() == [[[-1, -1, -1, -1, 1, -1, -1, -1, -1]]]


def test_both_networks_are_sampled_at_the_same_positions_and_no_more_than_asked(q):
    layer = product_layers(q)[0]
    rows = sample_rows(layer, [(IMAGES, 2 * IMAGES)] * 3, 5, np.random.default_rng(0))
    assert rows.x.shape == (2, 15, 12)
    assert (rows.x_hat == 2 * rows.x).all()
    assert len(np.unique(rows.x[0], axis=0)) > 5  # drawn anew for each batch


def test_batches_may_carry_labels_and_come_from_a_generator(q):
    batches = listed((x, 0) for x in (IMAGES, 2 * IMAGES))
    layer = product_layers(q)[0]
    pairs = list(paired_inputs(q, layer, q, layer, batches))
    assert (pairs[1][0] == 2 * IMAGES).all()
    with pytest.raises(ValueError, match="calibration_batches must hold at least one batch, got none"):
        listed(iter([]))
