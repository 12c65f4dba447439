import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qnn

X = np.random.default_rng(0).standard_normal((16, 2, 6, 6)).astype(np.float32)


@pytest.fixture
def model():
    rng = np.random.default_rng(1)
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=rng))
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.Residual(body),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 5, rng=rng),
    ).eval()


@pytest.fixture
def q(model):
    return ptq.quantize_static(
        model, [X], qnn.QuantConfig(weights=qnn.int_weights(3), activations=qnn.Uniform(4))
    )


def test_with_everything_in_float_the_float_network_is_back_bit_for_bit(model, q):
    with qnn.in_float(q):
        assert (q(X).data == model(X).data).all()


def test_quantization_is_back_afterwards_even_after_an_error(q):
    before = q(X).data
    with pytest.raises(KeyError), qnn.in_float(q):
        raise KeyError
    assert (q(X).data == before).all()
    assert integer.count_differences(q, integer.convert(q), X) == 0


def test_weights_alone_in_float(model, q):
    with qnn.in_float(q, activations=False):
        y = q(X).data
    assert (y != q(X).data).any() and (y != model(X).data).any()


def test_activations_alone_in_float_leave_quantized_weights(model, q):
    weights = {layer.path: layer for layer in q.modules() if hasattr(layer, "weight_quantizer")}
    for path, module in model.named_modules():
        if path in weights:
            module.weight.data = weights[path].quantized_weight().data
    with qnn.in_float(q, weights=False):
        assert (q(X).data == model(X).data).all()


def test_one_layer_in_float(q):
    everywhere = q(X).data
    with qnn.in_float(q, activations=False, paths=["5"]):
        last = q(X).data
        assert not q[-1].weight_quantizer.enabled and q[1].weight_quantizer.enabled
    assert (last != everywhere).any()


def test_paths_must_name_quantized_layers(q):
    with (
        pytest.raises(ValueError, match="paths must name quantized layers of q, got '4'"),
        qnn.in_float(q, paths=["4"]),
    ):
        pass


def test_nested_contexts_restore_only_what_they_switched(q):
    with qnn.in_float(q):
        with qnn.in_float(q):
            pass
        assert not q[1].weight_quantizer.enabled
    assert q[1].weight_quantizer.enabled


def test_layers_carry_the_paths_of_the_model_they_were_made_from(q):
    paths = [layer.path for layer in q.modules() if hasattr(layer, "path")]
    assert paths == ["input", "0", "2", "2.body.0", "3", "5"]


def test_a_quantizer_knows_between_which_bounds_its_values_lie(q):
    bounds = {
        layer.path: layer.output_quantizer.bounds
        for layer in q.modules()
        if hasattr(layer, "path") and layer.output_quantizer
    }
    assert bounds["0"] == (0.0, np.inf) and bounds["input"] == bounds["2"] == (-np.inf, np.inf)


def test_the_latent_weights_are_named_as_such(q):
    layer = q[1]
    assert layer.latent()[0] is layer.weight
    assert len(np.unique(layer.quantized_weight().data[0])) <= 7 < len(np.unique(layer.weight.data[0]))
    assert isinstance(layer.quantized_weight(), qb.Tensor)


def test_latent_weights_are_saved_and_those_in_use_can_be_listed_beside_them():
    model = nn.Sequential(
        nn.Sequential(qnn.BinaryConv2d(2, 3, 3)), nn.Flatten(), qnn.Linear(12, 2, weight_quantizer=qnn.TWN())
    )
    latent, in_use = model.state_dict(), qnn.quantized_weights(model)
    assert list(in_use) == ["0.0.weight", "2.weight"]
    for path, weights in in_use.items():
        values = 2 if path == "0.0.weight" else 3
        assert weights.shape == latent[path].shape
        assert all(len(np.unique(channel)) <= values for channel in weights)
        assert any(len(np.unique(channel)) > values for channel in latent[path])
    assert "latent weight → ±alpha per channel" in repr(model)
    assert "latent weight → ±alpha and 0 per channel" in repr(model)
