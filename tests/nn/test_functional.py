"""What functional adds to the operations of autograd: padding, defaults, wrapping of arrays."""

import numpy as np
import pytest

import qbref.nn.functional as F
from qbref.autograd import Tensor


def test_pad_counts_axes_from_the_last():
    x = np.ones((1, 2), np.float32)
    assert F.pad(x, (1, 2)).data.tolist() == [[0, 1, 1, 0, 0]]
    assert F.pad(x, (0, 1, 2, 0), value=-1.0).data.tolist() == [[-1, -1, -1], [-1, -1, -1], [1, 1, -1]]
    with pytest.raises(ValueError, match="pad must be pairs for at most 2 axes"):
        F.pad(x, (1, 1, 1))
    with pytest.raises(ValueError, match="pad must be pairs for at most 2 axes"):
        F.pad(x, (0, 0) * 3)


def test_batch_norm_defaults_to_evaluation_without_weight_and_bias():
    mean, var = np.array([1.0]), np.array([4.0])
    y = F.batch_norm(np.array([[5.0], [1.0]]), mean, var, eps=0.0)
    assert y.data.tolist() == [[2], [0]]
    assert (mean[0], var[0]) == (1, 4)


@pytest.mark.parametrize("with_weight", [True, False])
def test_batch_norm_takes_a_weight_without_a_bias_and_a_bias_without_a_weight(with_weight):
    given = {"weight": Tensor(np.array([10.0]))} if with_weight else {"bias": Tensor(np.array([10.0]))}
    y = F.batch_norm(np.array([[5.0]]), np.array([1.0]), np.array([4.0]), eps=0.0, **given)
    assert y.item() == (20 if with_weight else 12)


def test_functions_wrap_float_arrays():
    x = np.ones((1, 2, 4, 4), np.float32)
    results = [
        F.linear(x, np.ones((3, 4), np.float32)),
        F.conv2d(x, np.ones((1, 2, 3, 3), np.float32)),
        F.max_pool2d(x, 2),
        F.avg_pool2d(x, 2),
        F.layer_norm(x, (4,)),
        F.dropout(x, 0.5, training=False),
        F.embedding(np.array([0]), np.ones((1, 2), np.float32)),
    ]
    assert [y.shape for y in results] == [
        (1, 2, 4, 3), (1, 1, 2, 2), (1, 2, 2, 2), (1, 2, 2, 2), (1, 2, 4, 4), (1, 2, 4, 4), (1, 2)
    ]  # fmt: skip
    assert all(isinstance(y, Tensor) and y.dtype == np.float32 for y in results)
