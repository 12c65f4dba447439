import numpy as np
import pytest

import qbref as qb
from qbref import calibration, qnn
from qbref.quant import QuantParams

P = QuantParams(scale=0.5, zero_point=1, qmin=-4, qmax=3)
# x / scale + zero_point is in [-4, 3] for x in [-2.5, 1.0]; 1.24 still rounds into the range, 1.26 does not.
X = np.array([-9.0, -2.76, -2.74, -2.5, -0.3, 0.0, 0.26, 1.0, 1.24, 1.26, 9.0], np.float32)
INSIDE = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0], np.float32)


def test_forward_gives_the_levels_worked_out_by_hand():
    y = qnn.fake_quantize(qb.Tensor(X), P).data
    assert y.tolist() == [-2.5, -2.5, -2.5, -2.5, -0.5, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0]


def test_gradient_passes_where_the_rounded_value_is_in_range_and_nowhere_else():
    x = qb.Tensor(X, requires_grad=True)
    upstream = np.arange(1, len(X) + 1, dtype=np.float32)
    qnn.fake_quantize(x, P).backward(upstream)
    assert x.grad.tolist() == (upstream * INSIDE).tolist()


def test_the_true_difference_quotient_is_zero_where_the_surrogate_is_one():
    h = 1e-3
    x = np.array([-2.0, -0.3, 0.6], np.float32)  # away from the jumps of the staircase
    plus, minus = (qnn.fake_quantize(qb.Tensor(x + s * h), P).data for s in (1, -1))
    assert ((plus - minus) / (2 * h)).tolist() == [0, 0, 0]
    t = qb.Tensor(x, requires_grad=True)
    qnn.fake_quantize(t, P).sum().backward()
    assert t.grad.tolist() == [1, 1, 1]


def test_per_channel_mask_uses_each_channels_own_range():
    p = QuantParams(np.array([1.0, 0.1], np.float32), 0, -2, 1, axis=0)
    x = qb.Tensor(np.array([[1.0, 1.6], [0.1, 1.0]], np.float32), requires_grad=True)
    qnn.fake_quantize(x, p).sum().backward()
    assert x.grad.tolist() == [[1, 0], [1, 0]]


def quantizer(**options):
    return qnn.FakeQuantize(qnn.Uniform(8, **options), calibration.MinMax())


def test_a_quantizer_without_data_refuses_to_quantize():
    with pytest.raises(ValueError, match="must observe data"):
        quantizer().eval()(qb.Tensor([1.0]))


def test_training_follows_the_range_and_evaluation_keeps_it():
    q = quantizer().train()
    q(qb.Tensor([0.0, 2.55]))
    assert q.params.scale == np.float32(0.01)
    q.eval()
    assert q(qb.Tensor([99.0])).item() == pytest.approx(2.55, rel=1e-6)  # one float32 rounding of 255 * scale
    q.train()(qb.Tensor([0.0, 25.5]))
    assert q.params.scale == np.float32(0.1)


def test_a_frozen_quantizer_keeps_its_range_in_training():
    q = quantizer().train()
    q(qb.Tensor([0.0, 2.55]))
    q.frozen = True
    q(qb.Tensor([0.0, 25.5]))
    assert q.params.scale == np.float32(0.01)


def test_an_observing_quantizer_hands_values_through_unrounded():
    q = quantizer().eval()
    q.observing = True
    x = qb.Tensor([0.0, 0.123, 2.55])
    assert q(x).data.tolist() == x.data.tolist()


def test_the_range_travels_in_the_state_dict():
    q, other = quantizer().train(), quantizer().eval()
    q(qb.Tensor([-1.0, 1.55]))
    other.load_state_dict(q.state_dict())
    assert other.params == q.params


def averaging(**options):
    return qnn.FakeQuantize(qnn.Uniform(8), calibration.MovingAverageMinMax(**options)).train()


def test_a_moving_average_takes_one_percent_of_each_batch_after_the_first():
    q = averaging()
    q(qb.Tensor([0.0, 2.55]))
    assert q.params.scale == np.float32(0.01)
    q(qb.Tensor([0.0, 255.0]))
    hi = 2.55 + 0.01 * (255.0 - 2.55)
    assert q.params.scale == pytest.approx(hi / 255, rel=1e-6)  # float32
    q(qb.Tensor([0.0, 0.0]))
    assert q.params.scale == pytest.approx(0.99 * hi / 255, rel=1e-6)
    assert q.params.zero_point == -128


def test_a_moving_average_forgets_an_outlier_that_a_maximum_keeps():
    averaged, extreme = averaging(), quantizer().train()
    for q in (averaged, extreme):
        q(qb.Tensor([0.0, 100.0]))
        for _ in range(500):
            q(qb.Tensor([0.0, 1.0]))
    # 99 * 0.99**500 = 0.65 of the outlier is left
    assert averaged.params.scale == pytest.approx((1 + 99 * 0.99**500) / 255, rel=1e-5)
    assert extreme.params.scale == np.float32(100 / 255)


def test_a_frozen_range_neither_moves_nor_looks_and_still_passes_gradients():
    q = averaging(momentum=0.5)
    q(qb.Tensor([0.0, 2.55]))
    q.freeze()
    x = qb.Tensor([0.0, 1.0, 25.5], requires_grad=True)
    q(x).sum().backward()
    assert q.params.scale == np.float32(0.01)
    assert x.grad.tolist() == [1, 1, 0]
    q.frozen = False
    q(qb.Tensor([0.0, 5.1]))  # the average goes on where it stood: 25.5 was not seen
    assert q.params.scale == pytest.approx((2.55 + 5.1) / 2 / 255, rel=1e-6)  # float32


def test_evaluation_does_not_move_the_average():
    q = averaging()
    q(qb.Tensor([0.0, 2.55]))
    q.eval()(qb.Tensor([-50.0, 50.0]))
    q.train()(qb.Tensor([0.0, 2.55]))
    assert q.params.scale == np.float32(0.01) and q.params.zero_point == -128


def test_a_range_frozen_before_any_data_refuses_to_quantize():
    q = averaging()
    q.freeze()
    with pytest.raises(ValueError, match="must observe data"):
        q(qb.Tensor([1.0]))


@pytest.mark.parametrize("n_bits", [0, 1, 17, -3, 2.5, "8", True])
def test_uniform_refuses_widths_outside_2_to_16(n_bits):
    with pytest.raises(ValueError, match="n_bits must be an integer in 2..16"):
        qnn.Uniform(n_bits)


@pytest.mark.parametrize("n_bits", [0, 5, 1.0])
def test_lut_refuses_widths_outside_1_to_4(n_bits):
    with pytest.raises(ValueError, match="n_bits must be an integer in 1..4"):
        qnn.Lut(n_bits)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(weights=8),
        dict(activations=qnn.Lut(4)),
        dict(observer=calibration.MinMax()),
        dict(rounding="up"),
        dict(requantize_mode="triple"),
        dict(weight_rounding="adaptive"),
        dict(overrides={"0": {"weight": qnn.Uniform(8)}}),
        dict(overrides={"0": {"weights": 4}}),
    ],
    ids=lambda d: next(iter(d)),
)
def test_config_refuses_what_it_does_not_know(wrong):
    with pytest.raises((ValueError, TypeError), match=f"{next(iter(wrong))[:6]}.*must"):
        qnn.QuantConfig(**wrong)
