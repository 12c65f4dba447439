"""Sequential and Residual."""

import numpy as np
import pytest

from qbref import nn


def test_sequential_applies_in_order_and_answers_like_a_list():
    model = nn.Sequential(nn.Hardtanh(0, 2), nn.Hardtanh(1, 5))
    assert model(np.array([-9.0, 9.0], np.float32)).data.tolist() == [1, 2]
    assert len(model) == 2
    assert list(model) == [model[0], model[1]]
    assert model[-1] is model[1]
    assert list(model[1:]) == [model[1]] and isinstance(model[1:], nn.Sequential)
    with pytest.raises(IndexError):
        model[2]
    with pytest.raises(IndexError):
        model[2] = nn.ReLU()


def test_an_empty_sequential_is_the_identity():
    assert nn.Sequential()(np.ones(2, np.float32)).data.tolist() == [1, 1]


def test_sequential_rejects_what_is_not_a_module():
    with pytest.raises(TypeError, match="modules must be Modules, got function at position 1"):
        nn.Sequential(nn.ReLU(), lambda x: x)
    with pytest.raises(TypeError, match="module must be a Module, got int"):
        nn.Sequential(nn.ReLU())[0] = 3


def test_residual_adds_the_input_or_its_projection():
    x = np.array([[-1.0, 2.0]], np.float32)
    assert nn.Residual(nn.ReLU())(x).data.tolist() == [[-1, 4]]
    double = nn.Linear(2, 2, bias=False)
    double.weight.data[...] = 2 * np.eye(2)
    model = nn.Residual(nn.ReLU(), double)
    assert model(x).data.tolist() == [[-2, 6]]
    assert [path for path, _ in model.named_modules()] == ["", "body", "shortcut"]


def test_residual_does_not_broadcast_a_shortcut():
    with pytest.raises(
        ValueError, match=r"body\(x\) must have the shape of its shortcut, \(4, 3\), got \(4, 1\)"
    ):
        nn.Residual(nn.Linear(3, 1))(np.ones((4, 3), np.float32))


def test_residual_rejects_what_is_not_a_module():
    with pytest.raises(TypeError, match="shortcut must be a Module, got int"):
        nn.Residual(nn.ReLU(), 3)
    with pytest.raises(TypeError, match="body must be a Module, got NoneType"):
        nn.Residual(None)
