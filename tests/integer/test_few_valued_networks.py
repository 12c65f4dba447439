"""Networks of binary and ternary weights behind signs and behind bytes: integers equal the simulation."""

import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qnn
from qbref.integer.sign_products import TernaryXnorWeights, XnorWeights
from qbref.integer.weights import IntWeights, LutWeights, SignWeights
from tests.integer.agreement import IMAGES, check_agreement, shake

BINARY = {
    "BinaryWeights": qnn.BinaryWeights,
    "BinaryConnect": qnn.BinaryConnect,
    "stochastic": lambda: qnn.BinaryConnect(stochastic=True),
    "XNORNet": lambda: qnn.XNORNet("product_rule"),
    "IRNet": qnn.IRNet,
}
TERNARY = {
    "SteTern": lambda: qnn.SteTern(0.02),
    "TWN": qnn.TWN,
    "TWN layer": lambda: qnn.TWN(axis=None),
    "BitNet": qnn.BitNet,
    "BitNet paper": lambda: qnn.BitNet("paper"),
}
TABLE = {"TTQ": lambda: qnn.TTQ(0.5, 0.3)}


def stored(model):
    return [type(layer.weights) for layer in model.layers if hasattr(layer, "weights")]


def behind_signs(weights, padding_value):
    return nn.Sequential(
        nn.Conv2d(3, 20, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(20),
        qnn.Sign(),
        qnn.Conv2d(20, 21, 3, padding=1, padding_value=padding_value, weight_quantizer=weights()),
        nn.BatchNorm2d(21),
        qnn.Sign("approx_sign"),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.Linear(84, 66, bias=False, weight_quantizer=weights()),
        nn.BatchNorm1d(66),
        qnn.Sign("swish_sign"),
        qnn.Linear(66, 30, weight_quantizer=weights()),
        nn.BatchNorm1d(30),  # folded: a gain behind the quantizer
        nn.ReLU(),
        nn.Linear(30, 5),
    )


@pytest.mark.parametrize("padding_value", [1, 0, -1])
@pytest.mark.parametrize("name", [*BINARY, *TERNARY])
def test_weights_of_one_and_two_bits_run_on_packed_signs(name, padding_value, tmp_path):
    weights = (BINARY | TERNARY)[name]
    q = ptq.quantize_static(shake(behind_signs(weights, padding_value)), [IMAGES])
    kinds = stored(check_agreement(q, IMAGES, tmp_path))
    assert kinds.count(XnorWeights if name in BINARY else TernaryXnorWeights) == 3


def test_a_table_runs_as_bytes_behind_signs(tmp_path):
    q = ptq.quantize_static(shake(behind_signs(TABLE["TTQ"], 0)), [IMAGES])
    model = check_agreement(q, IMAGES, tmp_path)
    assert LutWeights in stored(model) and XnorWeights not in stored(model)
    padded = ptq.quantize_static(shake(behind_signs(TABLE["TTQ"], 1)), [IMAGES])
    with pytest.raises(ValueError, match="layer '5' must pad with 0 to be an int8 product, got 1"):
        integer.convert(padded)


def behind_bytes(weights):
    return nn.Sequential(
        qnn.Conv2d(3, 8, 3, padding=1, bias=False, weight_quantizer=weights()),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.Linear(160, 20, bias=False, weight_quantizer=weights()),
        nn.BatchNorm1d(20),
        nn.ReLU(),
        qnn.Linear(20, 5, weight_quantizer=weights()),
    )


@pytest.mark.parametrize("name", [*BINARY, *TERNARY, *TABLE])
def test_weights_of_few_values_behind_bytes(name, tmp_path):
    q = ptq.quantize_static(shake(behind_bytes((BINARY | TERNARY | TABLE)[name])), [IMAGES])
    model = check_agreement(q, IMAGES, tmp_path)
    kind = SignWeights if name in BINARY else LutWeights if name in TABLE else IntWeights
    weights = [w for layer in model.layers for w in np.atleast_1d(getattr(layer, "weights", []))]
    assert len(weights) == 3 and all(isinstance(w, kind) for w in weights)
    if name in TERNARY:  # two bits each, rows of whole bytes
        assert model.weight_bytes == 8 * 7 + 20 * 40 + 5 * 5


def test_integer_weights_of_two_bits_are_ternary_behind_signs(tmp_path):
    model = nn.Sequential(
        nn.Flatten(), qnn.Sign(), nn.Linear(270, 40), nn.BatchNorm1d(40), qnn.Sign(), nn.Linear(40, 5)
    )
    q = ptq.quantize_static(shake(model), [IMAGES], qnn.QuantConfig(weights=qnn.int_weights(2)))
    assert stored(check_agreement(q, IMAGES, tmp_path)) == [TernaryXnorWeights, TernaryXnorWeights]


def test_a_table_of_two_values_is_not_a_pair_of_signs(tmp_path):
    model = nn.Sequential(nn.Flatten(), qnn.Sign(), nn.Linear(270, 40), qnn.Sign(), nn.Linear(40, 5))
    q = ptq.quantize_static(model.eval(), [IMAGES], qnn.QuantConfig(weights=qnn.Lut(1)))
    assert stored(check_agreement(q, IMAGES, tmp_path)) == [LutWeights, LutWeights]


def test_grouped_binary_convolutions_run_as_bytes(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        qnn.Sign(),
        qnn.BinaryConv2d(8, 6, 3, groups=2),
        nn.Flatten(),
        nn.Linear(180, 5),
    )
    model = check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)
    assert XnorWeights not in stored(model)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_learned_shifts_become_thresholds(batch_norm, tmp_path):
    rng = np.random.default_rng(5)
    norms = [nn.BatchNorm2d(20)], [nn.BatchNorm1d(66)]  # shake gives gammas of both signs, and 0
    model = nn.Sequential(
        nn.Conv2d(3, 20, 3),
        nn.MaxPool2d(2),
        *(norms[0] if batch_norm else []),
        qnn.RSign(20),
        qnn.BinaryConv2d(20, 13, 3),
        nn.Flatten(),
        qnn.RSign(26),
        qnn.BinaryLinear(26, 66),
        *(norms[1] if batch_norm else []),
        qnn.RSign(66),
        qnn.Linear(66, 5, weight_quantizer=qnn.TWN()),
    )
    for module in model:
        if isinstance(module, qnn.RSign):
            module.alpha.data[:] = 0.3 * rng.standard_normal(module.alpha.shape)
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


@pytest.mark.parametrize("gamma", [1.5, -1.5, 0.0])
def test_the_tie_of_a_shifted_sign_is_plus_one_whatever_the_sign_of_gamma(gamma):
    norm, sign = nn.BatchNorm1d(3), qnn.RSign(3)
    norm.weight.data[:] = gamma
    sign.alpha.data[:] = 0.0, 1.5 * gamma, 0.25  # the first two are met exactly by sums of 0 and near 1
    model = nn.Sequential(nn.Linear(1, 3, bias=False), norm, sign, qnn.BinaryLinear(3, 3, bias=False)).eval()
    model[0].weight.data[:] = 1.0
    x = np.linspace(-2, 2, 257, dtype=np.float32)[:, None]
    q = ptq.quantize_static(model, [x])
    m = integer.convert(q)
    assert integer.count_differences(q, m, x) == 0
    signs = dict((layer.path, y) for layer, y in m.trace(x))["2"]
    constant = len(np.unique(signs)) == 1
    assert constant == (gamma == 0)


@pytest.mark.parametrize("shortcut", [None, nn.Conv2d(8, 8, 1)], ids=["identity", "conv"])
@pytest.mark.parametrize("weights", [qnn.BinaryWeights, qnn.TWN])
def test_real_valued_shortcuts_around_binary_convolutions(weights, shortcut, tmp_path):
    """Bi-Real Net: sign → binary convolution → batch norm, with the real values going around all three."""

    def block():
        conv = qnn.Conv2d(8, 8, 3, padding=1, padding_value=1, bias=False, weight_quantizer=weights())
        return nn.Residual(nn.Sequential(qnn.Sign("approx_sign"), conv, nn.BatchNorm2d(8)), shortcut)

    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        block(),
        block(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(160, 5),
    )
    model = check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)
    assert [type(layer).__name__ for layer in model.layers].count("Add") == 2
    inner = [layer for add in model.layers if type(add).__name__ == "Add" for layer in add.body]
    assert [type(layer).__name__ for layer in inner] == ["Threshold", "BinaryConv2d"] * 2


def test_shifts_in_a_branch_are_thresholds_too(tmp_path):
    sign = qnn.RSign(8)
    sign.alpha.data[:] = np.linspace(-0.5, 0.5, 8)
    body = nn.Sequential(sign, qnn.BinaryConv2d(8, 8, 3, padding=1, padding_value=1), nn.BatchNorm2d(8))
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Residual(body), nn.Flatten(), nn.Linear(448, 5))
    check_agreement(ptq.quantize_static(shake(model), [IMAGES]), IMAGES, tmp_path)


def test_training_weights_in_use_and_integers_are_the_same_weights():
    layer = qnn.Linear(40, 6, bias=False, weight_quantizer=qnn.TWN())
    q = ptq.quantize_static(nn.Sequential(nn.Flatten(), layer), [np.ones((2, 40), np.float32)])
    latent, used = layer.weight.data, layer.quantized_weight().data
    assert len(np.unique(latent)) > 100 and len(np.unique(used)) <= 13
    (linear,) = (step for step in integer.convert(q).layers if hasattr(step, "weights"))
    scale = np.abs(used).max(axis=1, keepdims=True)
    assert (linear.weights.dense * scale == used).all()
    assert "latent weight → ±alpha and 0 per channel" in repr(layer)
    assert (layer.state_dict()["weight"] == latent).all()


def test_evaluation_and_training_agree_on_a_network_without_activation_quantizers():
    layer = qnn.Linear(40, 6, weight_quantizer=qnn.IRNet())
    x = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    assert (layer.train()(qb.Tensor(x)).data == layer.eval()(qb.Tensor(x)).data).all()


def test_features_may_stand_on_the_last_of_three_axes(tmp_path):
    x = np.random.default_rng(3).normal(size=(6, 5, 9)).astype(np.float32)
    model = nn.Sequential(
        nn.Linear(9, 70),
        nn.ReLU(),
        nn.Linear(70, 12),
        qnn.Sign(),
        qnn.BinaryLinear(12, 66),
        qnn.Sign(),
        qnn.Linear(66, 7, weight_quantizer=qnn.TWN()),
        nn.Linear(7, 5),
    )
    q = ptq.quantize_static(model.eval(), [x])
    model = check_agreement(q, x, tmp_path)
    assert model.run(x).shape == (6, 5, 5)
    assert (model.run(x) == model.run(x.reshape(30, 9)).reshape(6, 5, 5)).all()


def test_a_linear_layer_refuses_images_whose_axes_the_engine_has_turned():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(8, 5))
    m = integer.convert(ptq.quantize_static(model, [IMAGES]))
    with pytest.raises(
        ValueError, match="at layer '2' x must have features on the last of two or three axes"
    ):
        m.run(IMAGES)
