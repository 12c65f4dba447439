import numpy as np
import pytest

from qbref import calibration, nn, ptq, qnn

X = np.random.default_rng(0).standard_normal((8, 1, 8, 8)).astype(np.float32)


def actions(model, config=None):
    return {entry.path: entry.action for entry in ptq.quantize_static(model, [X], config).report}


def test_every_layer_has_an_entry_in_the_report():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Flatten(), nn.Dropout(0.2)),
        nn.Linear(36, 3),
    )
    assert actions(model) == {
        "1": "folded into layer 0",
        "input": "int8",
        "0": "int8 per channel weights, ReLU fused, int8 out",
        "3": "integers pass through",
        "4.0": "integers pass through",
        "4.1": "acts in training only",
        "5": "int8 per channel weights, accumulators out",
    }


def test_a_relu_behind_max_pooling_is_fused_into_the_convolution_before_it():
    q = ptq.quantize_static(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)), [X]
    )
    assert [type(layer).__name__ for layer in q] == ["Quantize", "Conv2d", "MaxPool2d", "Flatten", "Linear"]
    assert q[1].bounds == (0.0, np.inf)
    assert q[1].output_quantizer.params.zero_point == -128  # its range starts at zero


def test_what_only_meets_a_sign_stays_an_accumulator():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.BatchNorm2d(2), qnn.Sign(), nn.Flatten(), nn.Linear(18, 2)
    )
    report = actions(model)
    assert report["0"] == "int8 per channel weights, accumulators out"
    assert report["2"] == "becomes an integer threshold" and report["3"] == "1-bit activations"


@pytest.mark.parametrize("activation, high", [(nn.ReLU6(), 6.0), (nn.Hardtanh(-1, 1), 1.0)])
def test_clipping_activations_are_fused(activation, high):
    q = ptq.quantize_static(
        nn.Sequential(nn.Conv2d(1, 2, 3), activation, nn.Flatten(), nn.Linear(72, 2)), [X]
    )
    assert q[1].bounds[1] == high


@pytest.mark.parametrize(
    "model, path",
    [
        (nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(64, 4), nn.Sigmoid())), "1.1"),
        (nn.Sequential(nn.ReLU6(), nn.Conv2d(1, 2, 3)), "0"),
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), "0"),
        (nn.Sequential(nn.Residual(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Tanh()))), "0.body.1"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softmax()), "1"),
    ],
)
def test_a_layer_without_quantized_form_is_refused_by_its_path(model, path):
    with pytest.raises(ValueError, match=f"layer '{path}' must"):
        ptq.quantize_static(model, [X])


def test_overrides_change_single_layers_and_the_input():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 2))
    config = qnn.QuantConfig(
        overrides={
            "input": {"activations": qnn.Uniform(5)},
            "1": {"weights": qnn.int_weights(3), "activations": qnn.Uniform(4)},
        }
    )
    assert actions(model, config) == {
        "input": "int5",
        "0": "integers pass through",
        "1": "int3 per channel weights, ReLU fused, int4 out",
        "3": "int8 per channel weights, accumulators out",
    }


def test_an_override_that_names_no_layer_is_refused():
    config = qnn.QuantConfig(overrides={"7": {"weights": qnn.int_weights(4)}})
    with pytest.raises(ValueError, match="overrides must name layers of the model, got '7'"):
        ptq.quantize_static(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), [X], config)


def test_a_quantized_model_is_not_quantized_again():
    q = ptq.quantize_static(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), [X])
    with pytest.raises(ValueError, match="layer '0' must be one that quantization knows, got Quantize"):
        ptq.quantize_static(q, [X])


def test_binary_padding_needs_a_sign_before_it():
    with pytest.raises(ValueError, match="layer '0' must pad with 0 unless a Sign is before it"):
        ptq.quantize_static(nn.Sequential(qnn.BinaryConv2d(1, 2, 3, padding=1, padding_value=1)), [X])


@pytest.mark.parametrize("value", [2, 0.5, None])
def test_padding_value_is_0_or_plus_or_minus_1(value):
    with pytest.raises(ValueError, match="padding_value must be 0, 1 or -1"):
        qnn.BinaryConv2d(1, 2, 3, padding_value=value)


def test_an_unknown_surrogate_is_refused():
    with pytest.raises(ValueError, match="surrogate must be one of"):
        qnn.Sign("identity")


def test_the_config_chooses_the_observer():
    x = np.concatenate([X, np.full_like(X[:1], 50.0)])
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    wide = ptq.quantize_static(model, [x], qnn.QuantConfig(observer=calibration.MinMax))
    narrow = ptq.quantize_static(model, [x], qnn.QuantConfig(observer=lambda: calibration.Percentile(80)))
    assert narrow[0].output_quantizer.params.scale < wide[0].output_quantizer.params.scale / 5


def test_a_binary_layer_that_stands_twice_in_a_model_is_refused():
    shared = qnn.BinaryLinear(4, 4)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), qnn.Sign(), shared, qnn.Sign(), shared)
    with pytest.raises(ValueError, match="layer '5' must stand once in one model"):
        ptq.quantize_static(model, [X])


def test_a_float_layer_may_stand_twice():
    shared, relu = nn.Linear(4, 4), nn.ReLU()
    q = ptq.quantize_static(nn.Sequential(nn.Flatten(), nn.Linear(64, 4), relu, shared, relu, shared), [X])
    assert q[3] is not q[4] and q[3].output_quantizer is not None and q[4].output_quantizer is None


@pytest.mark.parametrize("between", [(), (nn.MaxPool2d(2),), (nn.Flatten(), nn.Dropout(0.1))])
def test_a_relu_that_would_turn_signs_to_zeros_is_refused(between):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), qnn.Sign(), *between, nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    with pytest.raises(ValueError, match=f"layer '{len(between) + 2}' must not make 0 of the -1 of a Sign"):
        qnn.build(model, qnn.QuantConfig())


@pytest.mark.parametrize("kind", [nn.Linear, nn.ReLU, nn.Sequential, nn.Residual, nn.Flatten, nn.BatchNorm1d])
def test_a_subclass_with_a_forward_of_its_own_is_refused_by_its_path(kind):
    own = type("Own", (kind,), {"forward": lambda self, x: x})
    arguments = {nn.Linear: (64, 64), nn.Residual: (nn.Linear(64, 64),), nn.BatchNorm1d: (64,)}
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), own(*arguments.get(kind, ())))
    with pytest.raises(ValueError, match="layer '2' must be one that quantization knows, got Own"):
        qnn.build(model, qnn.QuantConfig())


def test_a_subclass_without_a_forward_of_its_own_is_the_layer_it_is():
    model = nn.Sequential(nn.Flatten(), type("Named", (nn.Linear,), {})(64, 2))
    assert actions(model)["1"] == "int8 per channel weights, accumulators out"


def test_flattening_that_does_not_keep_the_batch_axis_alone_is_refused():
    with pytest.raises(ValueError, match="layer '0' must keep the batch axis alone, got start_dim=2"):
        qnn.build(nn.Sequential(nn.Flatten(2)), qnn.QuantConfig())
