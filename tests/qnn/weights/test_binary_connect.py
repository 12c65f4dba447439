import numpy as np
import pytest

import qbref as qb
from qbref import nn, qnn


def test_signs_have_scale_one():
    quantizer = qnn.BinaryConnect()
    w = np.array([[0.3, -0.2], [-0.0, -7.0]], np.float32)
    levels = quantizer.levels(w)
    assert quantizer(qb.Tensor(w)).data.tolist() == levels.q.tolist() == [[1, -1], [1, -1]]
    assert (levels.scale, levels.n_bits, levels.q.dtype) == (1, 1, np.int8)


def test_stochastic_weights_are_drawn_in_training_with_the_latent_weight_as_their_mean():
    quantizer = qnn.BinaryConnect(stochastic=True, rng=np.random.default_rng(0))
    w = qb.Tensor(np.repeat(np.array([-2.0, -0.5, 0.0, 0.8], np.float32), 10_000).reshape(4, -1))
    drawn = quantizer(w).data
    assert set(np.unique(drawn)) == {-1, 1}
    # 5 standard deviations of a mean of 10,000
    np.testing.assert_allclose(drawn.mean(axis=1), [-1, -0.5, 0, 0.8], atol=0.05)
    assert (drawn != quantizer(w).data).any()  # anew at each forward pass
    assert (quantizer.eval()(w).data == np.where(w.data < 0, -1, 1)).all()
    assert (quantizer.train().levels(w.data).q == np.where(w.data < 0, -1, 1)).all()


def test_a_stochastic_layer_draws_from_its_own_generator_and_passes_the_window():
    w = np.array([[-1.5, -1.0, 0.2, 1.0]], np.float32)
    grads = []
    for _ in range(2):
        leaf = qb.Tensor(w, requires_grad=True)
        y = qnn.BinaryConnect(stochastic=True, rng=np.random.default_rng(3))(leaf)
        y.backward(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32))
        grads.append((y.data.tolist(), leaf.grad.tolist()))
    assert grads[0] == grads[1] and grads[0][1] == [[0, 2, 3, 4]]


def test_constrain_clips_the_latent_weights_of_every_such_layer_and_no_other():
    model = nn.Sequential(qnn.Linear(3, 2, weight_quantizer=qnn.BinaryConnect()), qnn.BinaryLinear(2, 2))
    for layer in model:
        layer.weight.data = 2 * np.sign(layer.weight.data)
    kept = model[1].weight.data.copy()
    signs = np.sign(model[0].weight.data)
    assert qnn.constrain(model) is model
    assert (model[0].weight.data == signs).all()
    assert (model[1].weight.data == kept).all()


@pytest.mark.parametrize("gain", [2.0, -2.0])
def test_a_batch_norm_folds_behind_the_signs(gain):
    quantizer = qnn.Gain(qnn.BinaryConnect(), np.array([gain, 1.0], np.float32))
    w = np.array([[0.5, -0.1], [0.5, -0.1]], np.float32)
    levels = quantizer.levels(w)
    assert (levels.q * levels.scale[:, None]).tolist() == [[gain, -gain], [1, -1]]
    quantizer.constrain(w)
    assert qnn.BinaryConnect(stochastic=True).extra_repr() == "±1, drawn in training, ste_sign"
