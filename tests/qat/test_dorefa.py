import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, qat, qnn
from qbref.calibration import MovingAverageMinMax

RNG = np.random.default_rng(0)


def gradient(quantizer, x, upstream):
    x = qb.Tensor(x, requires_grad=True)
    quantizer(x).backward(upstream)
    return x.grad


def activations(n_bits, **options):
    return qat.DoReFa(n_bits, **options).activation_quantizer(None, "half_even", (0.0, np.inf))


def test_activations_are_clipped_to_the_unit_interval_and_rounded():
    x = qb.Tensor([-3.0, -0.0, 0.16, 0.17, 0.49, 0.51, 1.0, 2.0])  # thirds change at 1/6, 1/2 and 5/6
    thirds = np.float32(1 / 3) * np.array([0, 0, 0, 1, 1, 2, 3, 3], np.float32)
    assert activations(2)(x).data.tolist() == thirds.tolist()
    assert activations(1)(qb.Tensor([0.5, 0.500001])).data.tolist() == [0, 1]  # the tie goes to even
    p = activations(2).params
    assert (p.scale, p.zero_point, p.qmin, p.qmax) == (np.float32(1 / 3), 0, 0, 3)


def test_the_gradient_of_activations_passes_on_the_closed_unit_interval_only():
    x = np.array([-1.0, -1e-6, 0.0, 0.4, 1.0, 1.000001, 2.0], np.float32)
    upstream = np.arange(1, 8, dtype=np.float32)
    quantizer = activations(2)
    assert gradient(quantizer, x, upstream).tolist() == [0, 0, 3, 4, 5, 0, 0]
    # at 0.4, inside a step, the output does not move
    assert quantizer(qb.Tensor([0.39, 0.4, 0.41])).data.tolist() == [np.float32(1 / 3)] * 3


def test_observing_activations_pass_unrounded_and_calibration_changes_nothing():
    quantizer = activations(3).train()
    before = quantizer.params
    quantizer.observing = True
    assert quantizer(qb.Tensor([0.123, 7.0])).data.tolist() == [np.float32(0.123), 7.0]
    quantizer.calibrate()
    assert quantizer.params == before


def test_gradient_bits_quantize_what_comes_back_to_an_activation():
    x = RNG.uniform(0.1, 0.9, (2, 50)).astype(np.float32)
    upstream = RNG.standard_normal((2, 50)).astype(np.float32)
    plain, few = gradient(activations(4), x, upstream), gradient(activations(4, gradient_bits=2), x, upstream)
    assert (plain == upstream).all()
    assert len(np.unique(np.abs(few[0]))) == len(np.unique(np.abs(few[1]))) == 2  # m and m/3


@pytest.mark.parametrize("n_bits", [0, 9, 2.0, True])
def test_widths_outside_1_to_8_are_refused(n_bits):
    with pytest.raises((ValueError, TypeError), match="n_bits must be"):
        qat.DoReFa(n_bits)


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="variant must be one of .*, got 'tanh'"):
        qat.DoReFa(4, variant="tanh")
    with pytest.raises(ValueError, match="n_bits must be from 1 to 16, got 0"):
        qat.DoReFa(4, gradient_bits=0)


def config(weight_bits, activation_bits, **options):
    """First and last layer at 8 bits, as in the paper; layer 8 has no batch norm behind it."""
    eight = {"weights": qnn.int_weights(8)}
    return qnn.QuantConfig(
        weights=qat.DoReFa(weight_bits),
        activations=qat.DoReFa(activation_bits, **options),
        observer=MovingAverageMinMax,
        overrides={
            "input": {"activations": qnn.Uniform(8)},
            "0": eight,
            "8": {"weights": qat.DoReFa(weight_bits, variant="rescaled")},
            "10": eight,
        },
    )


@pytest.mark.parametrize(
    "weight_bits, activation_bits, gradient_bits, loss",
    [(4, 4, None, 0.02), (1, 2, None, 0.06), (4, 4, 6, 0.04)],
)
def test_a_trained_network_keeps_its_accuracy(
    digits, digits_network, train, accuracy, weight_bits, activation_bits, gradient_bits, loss
):
    qb.manual_seed(0)
    settings = config(weight_bits, activation_bits, gradient_bits=gradient_bits)
    q = train(qat.prepare(digits_network, settings, batchnorm="keep"), epochs=4, lr=5e-3)
    assert accuracy(q) > accuracy(digits_network) - loss
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0


@pytest.mark.parametrize("activation_bits", [1, 3, 8])
@pytest.mark.parametrize("weight_bits", range(1, 8))
def test_every_width_becomes_integers_without_a_difference(digits, weight_bits, activation_bits):
    qb.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(216, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )
    model[1].weight.data[:2] = -1.0, 0.0  # turned and lost channels
    settings = qnn.QuantConfig(weights=qat.DoReFa(weight_bits), activations=qat.DoReFa(activation_bits))
    q = qat.prepare(model, settings, [digits.x_train[:64]], batchnorm="keep").eval()
    assert len(np.unique(q(digits.x_test[:64]).data)) > 3
    assert integer.count_differences(q, integer.convert(q), digits.x_test[:64]) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_calibration_data_must_be_finite_although_there_is_nothing_to_observe(bad):
    model = nn.Sequential(nn.Linear(2, 2))
    config = qnn.QuantConfig(activations=qat.DoReFa(4))
    with pytest.raises(ValueError, match="must be finite"):
        qat.prepare(model, config, [np.array([[0.5, bad]], np.float32)])
