import numpy as np
import pytest

import qbref as qb
from qbref import nn, optim, qnn
from qbref.qnn.arithmetic import product_arithmetic
from qbref.quant.params import QuantParams
from tests.binary.kinks import kinks

W_P, W_N = 0.75, 0.3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("t", [0.05, 0.5])
def test_weights_and_both_scales_get_their_gradients_at_every_kink(t, dtype):
    w = kinks(dtype, dtype(t) * dtype(2))
    w = np.append(w[np.abs(w) < 2], dtype([2, -2]))[None]
    upstream = np.random.default_rng(0).normal(size=w.shape).astype(dtype)
    quantizer, leaf = qnn.TTQ(W_P, W_N, t).to(dtype), qb.Tensor(w, requires_grad=True)
    y = quantizer(leaf)
    y.backward(upstream)
    w_p, w_n, delta = dtype(W_P), dtype(W_N), dtype(t) * dtype(2)
    if dtype == np.float64:
        w_p, w_n = (float(np.float32(v)) for v in (W_P, W_N))  # parameters begin in float32
    plus, minus = w > delta, w < -delta
    assert (y.data == np.where(plus, w_p, np.where(minus, -w_n, 0))).all()
    assert (leaf.grad == upstream * np.where(plus, w_p, np.where(minus, w_n, 1)).astype(dtype)).all()
    # a float64 sum, rounded once
    np.testing.assert_allclose(
        quantizer.w_p.grad, [upstream[plus].sum(dtype=float)], rtol=2 * np.finfo(dtype).eps
    )
    np.testing.assert_allclose(
        quantizer.w_n.grad, [-upstream[minus].sum(dtype=float)], rtol=2 * np.finfo(dtype).eps
    )
    assert y.dtype == leaf.grad.dtype == quantizer.w_p.grad.dtype == dtype


def test_the_scales_gradients_are_true_derivatives():
    w, upstream = np.array([[2.0, 0.05, -1.0, 0.4]]), np.array([[0.5, 3.0, -1.5, 2.0]])

    def loss(w_p, w_n):
        return (upstream * np.array([[w_p, 0.0, -w_n, w_p]])).sum()

    quantizer = qnn.TTQ(1.0, 0.5)
    quantizer(qb.Tensor(w)).backward(upstream)
    assert quantizer.w_p.grad.item() == loss(2.0, 0.5) - loss(1.0, 0.5)  # linear
    assert quantizer.w_n.grad.item() == loss(1.0, 1.5) - loss(1.0, 0.5)


def test_levels_are_a_table_of_three_bytes_by_hand():
    levels = qnn.TTQ(0.5, 0.2).levels(np.array([[2.0, 0.05, -1.0]], np.float32))
    assert levels.table.tolist() == [-51, 0, 127]  # 0.2 / (0.5 / 127) = 50.8
    assert levels.codes.tolist() == [[2, 1, 0]] and levels.q.tolist() == [[127, 0, -51]]
    assert levels.scale == np.float32(0.5 / 127) and levels.n_bits == 2


def test_a_scale_that_a_step_made_negative_is_made_positive_again():
    layer = qnn.Linear(4, 2, weight_quantizer=qnn.TTQ(0.01, 0.01))
    parameters = dict(layer.named_parameters())
    assert {"weight_quantizer.w_p", "weight_quantizer.w_n"} < set(parameters)
    for name in ("w_p", "w_n"):
        parameters[f"weight_quantizer.{name}"].grad = np.array([5.0], np.float32)
    optim.SGD(layer.parameters(), lr=1.0).step()
    assert layer.weight_quantizer.w_p.data < 0
    levels = layer.weight_quantizer.levels(layer.weight.data)
    assert levels.scale > 0 and levels.table[2] > 0 > levels.table[0]
    qnn.constrain(nn.Sequential(layer))
    assert (
        layer.weight_quantizer.w_p.data.item() == layer.weight_quantizer.w_n.data.item() == np.float32(1e-4)
    )


def test_both_scales_are_saved_with_the_layer():
    layer, other = (
        qnn.Linear(4, 2, weight_quantizer=qnn.TTQ(*scales)) for scales in ((0.7, 0.2), (1.0, 1.0))
    )
    other.load_state_dict(layer.state_dict())
    assert (other.quantized_weight().data == layer.quantized_weight().data).all()
    assert "0.7, 0 and -0.2" in repr(other)


def test_a_channel_that_batch_norm_switched_off_becomes_its_bias():
    quantizer = qnn.Gain(qnn.TTQ(0.5, 0.3), np.array([1.0, 0.0], np.float32))
    levels = quantizer.levels(np.array([[1.0, -1.0, 0.0], [1.0, -1.0, 0.5]], np.float32))
    grid = QuantParams(scale=0.125, zero_point=0, qmin=-128, qmax=127)
    integers = product_arithmetic(levels, np.array([0.0, -3.0]), grid, None, (-np.inf, np.inf), "single")
    weights = integers.weights
    assert weights.q.tolist() == [[127, -76, 0], [0, 0, 0]]  # 0.3 / (0.5 / 127) = 76.2
    assert (weights.table[weights.codes] == weights.q).all()
    assert integers.real(integers.bias[None]).tolist() == [[0.0, -3.0]]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0.0, 1.0), "w_p and w_n must be positive, got 0.0 and 1.0"),
        ((1.0, np.nan), "w_p and w_n must be positive"),
        ((1.0, 1.0, 1.0), r"t must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        qnn.TTQ(*arguments)
