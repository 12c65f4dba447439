import numpy as np
import pytest

import qbref as qb
from qbref import nn, qat, qnn

X = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)


def prepared(**options):
    qb.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    return qat.prepare(model, batchnorm="fold_training", **options)


def grids(q):
    return [m.params for m in q.modules() if isinstance(m, qnn.ActivationQuantizer)]


def test_ranges_and_batch_statistics_move_until_their_step_and_not_after():
    q = prepared()
    freezing = qat.FreezeAfter(q, ranges=2, batchnorm=3)
    moved = []
    for step in range(1, 6):
        mean = q[1].norm.running_mean.copy()
        before = grids(q) if step > 1 else []
        q(X * step)
        freezing.step()
        moved.append((grids(q) != before, (q[1].norm.running_mean != mean).any()))
    assert moved == [(True, True), (True, True), (False, True), (False, False), (False, False)]


def test_none_never_freezes():
    q = prepared()
    freezing = qat.FreezeAfter(q)
    for step in range(1, 4):
        q(X * step)
        freezing.step()
    assert not q[1].norm_frozen and not q[0].output_quantizer.frozen


@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_the_number_of_steps_must_be_one(steps):
    with pytest.raises(ValueError, match="ranges must be a number of steps from 1 or None"):
        qat.FreezeAfter(prepared(), ranges=steps)


def test_freeze_keeps_observed_and_learned_grids():
    q = prepared(config=qnn.QuantConfig(weights=qat.APoT(4, rescale=True), activations=qat.APoT(4)))
    assert qat.freeze(q) is q
    before = grids(q)
    q(X).sum().backward()
    assert grids(q) == before
    assert q[0].output_quantizer.alpha.grad is None and q[1].weight_quantizer.alpha.grad is None
