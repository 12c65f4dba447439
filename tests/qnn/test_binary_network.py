import numpy as np
import pytest

from qbref import integer, nn, ptq, qnn

X = np.random.default_rng(0).normal(size=(12, 1, 8, 8)).astype(np.float32)


def architecture():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.Tanh(),
        nn.Dropout(0.2),
        nn.Linear(16, 10),
    )


def kinds(model):
    return [type(module).__name__ for module in model]


def test_every_block_becomes_product_pool_batch_norm_sign():
    binary = qnn.binarize(architecture())
    assert kinds(binary) == [
        *("Conv2d", "MaxPool2d", "BatchNorm2d", "Sign"),
        *("Conv2d", "AvgPool2d", "BatchNorm2d", "Sign", "Flatten"),
        *("Linear", "BatchNorm1d", "Sign", "Dropout"),
        "Linear",
    ]
    quantizers = [type(getattr(module, "weight_quantizer", None)).__name__ for module in binary]
    assert quantizers[4] == quantizers[9] == "BinaryWeights" and quantizers.count("NoneType") == 12
    assert [tuple(entry) for entry in binary.report] == [
        ("0", "Conv2d", "first layer, int8 once quantized"),
        ("1", "BatchNorm2d", "kept"),
        ("2", "ReLU", "Sign"),
        ("3", "MaxPool2d", "before batch norm and Sign"),
        ("4.0", "Conv2d", "binary weights"),
        ("4.1", "ReLU", "BatchNorm2d and Sign"),
        ("4.2", "AvgPool2d", "before batch norm and Sign"),
        ("5", "Flatten", "kept"),
        ("6", "Linear", "binary weights"),
        ("7", "Tanh", "BatchNorm1d and Sign"),
        ("8", "Dropout", "kept"),
        ("9", "Linear", "last layer, int8 once quantized"),
    ]


def test_the_architecture_is_not_changed_and_its_weights_start_the_latent_ones():
    model = architecture()
    before = model.state_dict()
    binary = qnn.binarize(model)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())
    for here, there in ((0, model[0]), (4, model[4][0]), (9, model[6]), (13, model[9])):
        assert (binary[here].weight.data == there.weight.data).all()
        assert binary[here].weight is not there.weight


@pytest.mark.parametrize("first", ["int8", "binary"])
@pytest.mark.parametrize("last", ["int8", "binary"])
@pytest.mark.parametrize("weights", [qnn.BinaryConnect, qnn.TWN])
def test_edges_are_chosen_and_the_result_converts(first, last, weights):
    binary = qnn.binarize(
        architecture(), weights, lambda: qnn.Sign("approx_sign"), first, last, padding_value=-1
    )
    few = [isinstance(getattr(m, "weight_quantizer", None), weights) for m in binary]
    assert [few[i] for i in (0, 4, 9, 13)] == [first == "binary", True, True, last == "binary"]
    assert [m.padding_value for m in binary if isinstance(m, qnn.Conv2d)][-1] == -1
    assert binary[3].surrogate.name == "approx_sign"
    q = ptq.quantize_static(binary.eval(), [X])
    assert integer.count_differences(q, integer.convert(q), X) == 0


def test_without_signs_only_the_weights_change():
    model = architecture()
    binary = qnn.binarize(model, activations=None, first="binary", last="binary")
    flat = [*model[:4], *model[4], *model[5:]]
    assert kinds(binary) == [type(module).__name__ for module in flat]
    assert sum(isinstance(getattr(m, "weight_quantizer", None), qnn.BinaryWeights) for m in binary) == 4
    assert binary[4].padding_value == 0


def test_a_product_without_activation_hands_real_values_on():
    binary = qnn.binarize(
        nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 2))
    )
    assert kinds(binary) == ["Conv2d", "Conv2d", "Flatten", "Linear"]
    assert binary[1].padding_value == 0  # bytes have a zero


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: qnn.binarize(nn.Linear(2, 2)), "model must be a Sequential, got Linear"),
        (lambda: qnn.binarize(nn.Sequential(nn.ReLU())), "model must hold a Linear or Conv2d, got none"),
        (
            lambda: qnn.binarize(nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Softmax()))),
            "layer '0.1' must be one that binarize knows, got Softmax",
        ),
        (lambda: qnn.binarize(nn.Sequential(qnn.Linear(2, 2))), "layer '0' must be one that binarize knows"),
        (lambda: qnn.binarize(architecture(), first="real"), "first must be one of"),
        (lambda: qnn.binarize(architecture(), last="real"), "last must be one of"),
    ],
)
def test_what_cannot_be_binarized_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
