import numpy as np
import pytest

import qbref as qb
from qbref import nn, optim, qat, qnn
from qbref.nn import functional as F

RNG = np.random.default_rng(5)
X = RNG.standard_normal((256, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def mlp():
    qb.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))


def train(q, steps):
    optimizer = optim.Adam(q.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(q(qb.Tensor(X)), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_with_three_bit_weights_learns():
    q = qat.prepare(mlp(), qnn.QuantConfig(qnn.int_weights(3), qnn.Uniform(4)))
    losses = train(q, 120)
    assert losses[-1] < 0.6 * losses[0]
    accuracy = (q.eval()(qb.Tensor(X)).data.argmax(axis=1) == Y).mean()
    assert accuracy > 0.8


def test_the_latent_weights_move_and_the_weights_in_use_have_few_levels():
    q = qat.prepare(mlp(), qnn.QuantConfig(qnn.int_weights(2)))
    layer = q[1]
    before = layer.weight.data.copy()
    train(q, 3)
    assert (layer.weight.data != before).mean() > 0.5  # units that no sample activates stay
    in_use = layer.weight_quantizer(layer.weight).data
    assert all(len(np.unique(row)) <= 3 for row in in_use)


def test_ranges_follow_the_data_unless_calibrated_before():
    q = qat.prepare(mlp())
    train(q, 2)
    moved = q[0].output_quantizer.params
    q(qb.Tensor(X * 10))
    assert q[0].output_quantizer.params != moved

    fixed = qat.prepare(mlp(), calibration_batches=[X])
    before = fixed[0].output_quantizer.params
    fixed(qb.Tensor(X * 10))
    assert fixed[0].output_quantizer.params == before


def test_evaluation_before_any_data_is_refused():
    q = qat.prepare(mlp()).eval()
    with pytest.raises(ValueError, match="quantizer must observe data before it quantizes"):
        q(qb.Tensor(X))


def test_the_model_is_not_changed():
    model = mlp()
    before = model.state_dict()
    train(qat.prepare(model), 2)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)


def test_the_same_seed_gives_the_same_network():
    a, b = (qat.prepare(mlp()) for _ in range(2))
    train(a, 3), train(b, 3)
    assert (a(qb.Tensor(X)).data == b(qb.Tensor(X)).data).all()
