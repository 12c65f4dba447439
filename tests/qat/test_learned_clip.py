import numpy as np
import pytest

import qbref as qb
from qbref import calibration, qat


def activations(n_bits=2, alpha=2.0):
    made = qat.APoT(n_bits).activation_quantizer(calibration.MinMax(), "half_even", (0.0, np.inf))
    made.alpha.data[...] = alpha
    return made


def test_activations_are_uniform_up_to_the_learned_clip():
    # thirds of 2: 0, 0.667, 1.333, 2; they change at 1/3, 1 (a tie to the even level 2) and 5/3
    x = qb.Tensor([-1.0, 0.33, 0.34, 0.99, 1.01, 1.66, 1.67, 2.0, 5.0])
    assert (
        activations()(x).data.tolist()
        == (np.float32(2 / 3) * np.array([0, 0, 1, 1, 2, 2, 3, 3, 3], np.float32)).tolist()
    )


def test_activation_gradients_at_every_kink():
    x = qb.Tensor([-1.0, 0.0, 0.5, 2.0, 2.000001, 5.0], requires_grad=True)
    quantizer = activations()
    quantizer(x).backward(np.array([1, 2, 4, 8, 16, 32], np.float32))
    assert x.grad.tolist() == [0, 2, 4, 8, 0, 0]
    # v - z is 0 at both ends and 1/3 - 1/4 at 0.5; beyond the clip 1
    assert quantizer.alpha.grad.item() == pytest.approx(4 * (1 / 3 - 1 / 4) + 16 + 32, rel=1e-6)  # float32


def test_the_true_difference_quotient_of_activations_is_zero_where_the_gradient_is_one():
    quantizer = activations()
    plus, minus = (quantizer(qb.Tensor([0.5 + h, 1.2 + h])).data for h in (1e-3, -1e-3))
    assert (plus == minus).all()


def test_the_clip_starts_at_8_or_at_the_largest_value_observed():
    assert activations(alpha=8.0).params.scale == np.float32(8 / 3)
    quantizer = qat.APoT(2).activation_quantizer(calibration.MinMax(), "half_even", (0.0, np.inf))
    assert quantizer.alpha.item() == 8
    quantizer.observing = True
    assert quantizer(qb.Tensor([0.1, 6.0])).data.tolist() == [np.float32(0.1), 6.0]
    quantizer.observing = False
    quantizer.calibrate()
    assert quantizer.params.scale == 2


def test_a_frozen_clip_gets_no_gradient():
    quantizer = activations()
    quantizer.freeze()
    x = qb.Tensor([0.5, 3.0], requires_grad=True)
    quantizer(x).sum().backward()
    assert quantizer.alpha.grad is None and x.grad.tolist() == [1, 0]


def test_negative_values_are_refused_where_the_range_starts():
    quantizer = activations()
    quantizer.observe(np.array([-0.5, 1.0], np.float32))
    with pytest.raises(ValueError, match="must not be negative where 2-bit APoT starts .*, got -0.5"):
        quantizer.calibrate()


def test_data_of_nothing_but_zeros_start_the_clip_at_1():
    quantizer = activations()
    quantizer.observe(np.zeros(3, np.float32))
    quantizer.calibrate()
    assert quantizer.alpha.item() == 1


def test_the_clip_is_the_magnitude_of_alpha():
    there, back = activations(alpha=1.5), activations(alpha=-1.5)
    x = np.array([0.2, 0.7, 4.0], np.float32)
    for quantizer in (there, back):
        quantizer(qb.Tensor(x)).backward(np.array([1, 2, 4], np.float32))
    assert back.params == there.params and back.params.scale == 0.5
    assert back.alpha.grad.item() == -there.alpha.grad.item() != 0
