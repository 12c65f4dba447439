import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 4)).astype(np.float32)


def mlp():
    qb.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def test_eight_bits_stay_close_to_float_and_fewer_bits_are_farther_away():
    model = mlp()
    y = model(qb.Tensor(X)).data

    def error(n_bits):
        config = qnn.QuantConfig(qnn.int_weights(n_bits), qnn.Uniform(n_bits))
        return float(np.abs(ptq.quantize_static(model, [X], config)(qb.Tensor(X)).data - y).mean())

    assert error(8) < error(6) < error(4) < error(2)
    assert error(8) < 0.01 * np.abs(y).mean()


def test_the_range_covers_all_calibration_batches():
    q = ptq.quantize_static(mlp(), [np.full((1, 4), v, np.float32) for v in (-1.0, 3.0, 2.0)])
    p = q[0].output_quantizer.params
    assert p.scale == np.float32(4 / 255) and p.zero_point == -64  # -128 - round(-1 / scale) = -64.25 → -64


def test_batches_may_carry_labels():
    plain = ptq.quantize_static(mlp(), [X])
    labelled = ptq.quantize_static(mlp(), [(X, np.zeros(64))])
    assert plain[0].output_quantizer.params == labelled[0].output_quantizer.params


def test_the_model_is_not_changed():
    model = mlp()
    before = model.state_dict()
    ptq.quantize_static(model, [X])
    assert all((model.state_dict()[name] == before[name]).all() for name in before)


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="calibration_batches must hold at least one batch"):
        ptq.quantize_static(mlp(), [])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_calibration_data_must_be_finite(bad):
    x = X.copy()
    x[3, 2] = bad
    with pytest.raises(ValueError, match="must"):
        ptq.quantize_static(mlp(), [x])


def test_calibration_data_must_be_float32():
    with pytest.raises(TypeError, match="calibration_batches must hold float32 arrays, got float64"):
        ptq.quantize_static(mlp(), [X.astype(np.float64)])


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="must"):
        ptq.quantize_static(mlp(), [X[:0]])


def test_constant_activations_get_a_usable_grid():
    q = ptq.quantize_static(mlp(), [np.zeros((4, 4), np.float32)])
    assert np.isfinite(q(qb.Tensor(X)).data).all()


def test_quantizing_draws_nothing_from_the_shared_generator():
    model = mlp()
    before = qb.random.default_rng().bit_generator.state
    ptq.quantize_static(model, [X])
    ptq.quantize_dynamic(model)
    assert qb.random.default_rng().bit_generator.state == before
