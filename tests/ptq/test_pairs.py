import numpy as np
import pytest

from qbref import nn, qnn
from qbref.ptq.pairs import Layer, Pair, find_pairs

IMAGES = 3, 4, 6, 6
SEQUENCES = 3, 5, 8


def paths(model):
    return [(pair.producer.path, *(layer.path for layer in pair.consumers)) for pair in find_pairs(model)[0]]


def reasons(model):
    return {layer.path: reason for layer, reason in find_pairs(model)[1].items()}


def linears(between, width=4):
    return nn.Sequential(nn.Linear(width, width), between, nn.Linear(width, width))


def image_model():
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, padding=1),
        nn.Sequential(nn.Conv2d(6, 12, 3, groups=6, padding=1), nn.Identity(), nn.Dropout(0.5)),
        nn.Conv2d(12, 6, 1, groups=3),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.ReLU(),
        nn.Linear(24, 5),
        nn.Sequential(nn.ReLU(), nn.Linear(5, 2)),
    )


def residual_model():
    body = nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Conv2d(3, 4, 1))
    return nn.Sequential(nn.Conv2d(4, 4, 1), nn.Residual(body, nn.Conv2d(4, 4, 1)), nn.Conv2d(4, 2, 1))


def transformer(**options):
    return nn.TransformerEncoderLayer(8, 2, dim_feedforward=6, **options)


def attention_model():
    return nn.Sequential(nn.LayerNorm(8), nn.MultiheadAttention(8, 2, causal=True), nn.Linear(8, 3))


MODELS = {
    "images": (image_model, IMAGES),
    "residual": (residual_model, IMAGES),
    "transformer, norm first": (lambda: transformer(norm_first=True), SEQUENCES),
    "transformer, norm last": (lambda: nn.Sequential(transformer(), transformer()), SEQUENCES),
    "attention": (attention_model, SEQUENCES),
}


@pytest.mark.parametrize("name", MODELS)
def test_dividing_every_pair_leaves_the_function_unchanged(name):
    make, shape = MODELS[name]
    rng = np.random.default_rng(0)
    model = make().to(np.float64).eval()
    for parameter in model.parameters():
        parameter.data = rng.standard_normal(parameter.shape)  # LayerNorm weights and biases, too
    x = rng.standard_normal(shape)
    before = model(x).data
    pairs = find_pairs(model)[0]
    assert pairs
    for pair in pairs:
        weights = [layer.module.weight.data.copy() for layer in (pair.producer, *pair.consumers)]
        pair.divide(np.exp(rng.uniform(-3, 3, pair.channels)))
        for layer, weight in zip((pair.producer, *pair.consumers), weights, strict=True):
            assert (layer.module.weight.data != weight).all()
    # float64 sums of a few hundred terms in other units
    np.testing.assert_allclose(model(x).data, before, rtol=1e-9, atol=1e-9 * np.abs(before).max())


def test_pairs_of_an_image_model():
    assert paths(image_model()) == [("0", "3.0"), ("3.0", "4"), ("4", "8"), ("8", "9.1")]
    assert reasons(image_model()) == {"0": "no layer stands before it"}


def test_the_ends_of_residual_branches_are_tied():
    assert paths(residual_model()) == [("1.body.0", "1.body.2")]
    assert reasons(residual_model()) == {
        "0": "no layer stands before it",
        "2": "Residual 1 passes no factor on",
        "1.body.0": "its input is also that of the other branch of Residual 1",
        "1.shortcut": "its input is also that of the other branch of Residual 1",
    }


def test_pairs_of_a_transformer_layer_with_the_norms_first():
    assert paths(transformer(norm_first=True)) == [
        ("norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        ("self_attn.v_proj", "self_attn.out_proj"),
        ("norm2", "linear1"),
        ("linear1", "linear2"),
    ]


def test_attention_passes_the_channels_of_its_values_and_of_its_result():
    assert paths(attention_model()) == [
        ("0", "1.q_proj", "1.k_proj", "1.v_proj"),
        ("1.v_proj", "1.out_proj"),
        ("1.out_proj", "2"),
    ]


def test_a_norm_whose_result_is_a_term_of_a_sum_takes_no_factor():
    assert paths(transformer()) == [("self_attn.v_proj", "self_attn.out_proj"), ("linear1", "linear2")]
    tied = "its input is also a term of a residual sum of TransformerEncoderLayer"
    names = "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "linear1"
    assert reasons(transformer()) == dict.fromkeys(names, tied)


@pytest.mark.parametrize(
    "activation", [nn.ReLU6(), nn.Hardtanh(), nn.GELU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax()]
)
def test_no_factor_passes_a_curved_activation(activation):
    model = linears(activation)
    reason = f"{type(activation).__name__} 1 is not positively homogeneous"
    assert paths(model) == [] and reasons(model)["2"] == reason
    x = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32) * 20
    before = model(x).data
    Pair(Layer("0", model[0]), (), (Layer("2", model[2]),)).divide(np.full(4, 0.25))
    assert np.abs(model(x).data - before).max() > 0.01  # and rightly so


@pytest.mark.parametrize(
    "between", [nn.LayerNorm(4, elementwise_affine=False), nn.BatchNorm1d(4), qnn.Sign()]
)
def test_no_factor_passes_what_normalizes(between):
    assert paths(linears(between)) == []
    assert reasons(linears(between))["2"] == f"{type(between).__name__} 1 passes no factor on"


def test_a_layer_that_stands_twice_takes_no_factor():
    layer = nn.Linear(4, 4)
    for model in (nn.Sequential(layer, nn.ReLU(), layer), nn.Sequential(nn.Linear(4, 4), layer, layer)):
        assert paths(model) == []


def test_shared_parameters_take_no_factor():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[3].weight = model[0].weight
    assert paths(model) == [("1", "2")]
    assert reasons(model)["1"] == "Linear 0 stands in two places or shares its parameters"


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Conv2d(4, 6, 1), nn.Linear(6, 2)),  # along the image's width
        nn.Sequential(nn.Linear(6, 6), nn.Conv2d(6, 6, 1)),
        nn.Sequential(nn.Linear(6, 6), nn.MaxPool2d(1), nn.Linear(6, 2)),
        nn.Sequential(nn.Linear(6, 6), nn.Flatten(), nn.Linear(30, 2)),  # several positions
    ],
)
def test_input_channels_must_be_the_output_channels_of_the_layer_before(model):
    assert paths(model) == []
    last = str(len(model) - 1)
    assert reasons(model)[last].startswith("its input channels are not the output channels of")


def test_a_flatten_that_keeps_the_channels_apart_is_in_the_way():
    model = nn.Sequential(nn.Conv2d(4, 9, 1), nn.Flatten(start_dim=2), nn.Linear(9, 2))
    assert paths(model) == [] and reasons(model)["2"] == "Flatten 1 passes no factor on"


def test_a_layer_that_quantizes_its_weights_takes_no_factor():
    model = nn.Sequential(nn.Linear(4, 4), qnn.BinaryLinear(4, 4), nn.Linear(4, 4))
    assert paths(model) == []
    reason = "BinaryLinear 1 quantizes its weights itself"
    assert reasons(model) == {"0": "no layer stands before it", "1": reason, "2": reason}


def test_of_an_unknown_forward_only_the_sequentials_are_known():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.head = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

    assert paths(Network()) == [("head.0", "head.2")]
    unknown = "Network calls it in a way unknown here"
    assert reasons(Network()) == dict.fromkeys(("first", "second", "head.0"), unknown)


def test_moments_are_divided_along():
    model = linears(nn.ReLU(), width=2)
    model[0].moments = np.array([8.0, 3.0], np.float32), np.array([2.0, 1.0], np.float32)
    find_pairs(model)[0][0].divide(np.array([4.0, 0.5]))
    assert [moment.tolist() for moment in model[0].moments] == [[2.0, 6.0], [0.5, 2.0]]
