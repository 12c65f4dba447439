import numpy as np
import pytest

from qbref import nn
from qbref.ptq.watch import watch


def test_every_call_of_the_watched_layers_is_seen():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(nn.ReLU(), layer, nn.ReLU(), layer)
    layer.weight.data[:], layer.bias.data[:] = [[0, 2], [1, 0]], 0
    seen = []
    watch(model, [layer], [np.array([[1, 3]], np.float32)], lambda *call: seen.append(call))
    assert [(call[0], call[1].tolist(), call[2].tolist()) for call in seen] == [
        (layer, [[1, 3]], [[6, 1]]),
        (layer, [[6, 1]], [[2, 6]]),
    ]


def test_layers_inside_an_attention_are_seen():
    attention = nn.MultiheadAttention(4, 2)
    seen = []
    x = np.ones((2, 3, 4), np.float32)
    watch(attention, [attention.v_proj], [x], lambda layer, x, y: seen.append(y.shape))
    assert seen == [(2, 3, 4)]


def test_afterwards_nothing_is_watched():
    model = nn.Sequential(nn.Linear(2, 2))
    calls = []
    watch(model, [model[0]], [np.ones((1, 2), np.float32)], lambda *call: calls.append(call))
    with pytest.raises(ValueError):
        watch(model, [model[0]], [np.ones((1, 3), np.float32)], lambda *call: calls.append(call))
    model(np.ones((1, 2), np.float32))
    assert len(calls) == 1 and "forward" not in vars(model[0])


def test_integer_batches_reach_an_embedding():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    seen = []
    watch(model, [model[1]], [(np.array([[0, 4]]), "label")], lambda layer, x, y: seen.append(x))
    assert (seen[0] == model[0].weight.data[[[0, 4]]]).all()


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], ValueError, "at least one batch, got none"),
        ([np.ones((0, 2), np.float32)], ValueError, r"must hold data, got a batch of shape \(0, 2\)"),
        ([np.ones((1, 2))], TypeError, "must hold float32 or integer arrays, got float64"),
        ([np.array([[1, np.nan]], np.float32)], ValueError, "must be finite"),
        ([np.array([[1, -np.inf]], np.float32)], ValueError, "must be finite"),
    ],
)
def test_unusable_batches_are_refused(batches, error, message):
    with pytest.raises(error, match=message):
        watch(nn.Sequential(nn.Linear(2, 2)), [], batches, None)
