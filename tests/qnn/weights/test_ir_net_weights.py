import math

import numpy as np
import pytest

import qbref as qb
from qbref import qnn

W = np.array([[0.3, -0.2, 0.1, 0.7], [2.0, 2.0, -9.0, 2.5], [0.01, 0.02, 0.04, 0.0]])


def test_signs_are_taken_after_centering_and_the_scale_is_a_power_of_two():
    quantizer = qnn.IRNet()
    levels = quantizer.levels(W.astype(np.float32))
    # means 0.225, −0.625, 0.0175
    assert levels.q.tolist() == [[1, -1, -1, 1], [1, 1, -1, 1], [-1, 1, 1, -1]]
    # mean |w_std| lies between 2^-½ and 2^½ for these rows
    assert levels.scale.tolist() == [1.0, 1.0, 1.0] and levels.n_bits == 1
    assert (quantizer(qb.Tensor(W)).data == levels.q).all()


def test_the_scale_follows_the_standardized_weights_alone():
    lonely = np.zeros((1, 64), np.float32)
    lonely[0, 0] = 5.0  # w_std: one of 7.9 and 63 of −0.125, mean magnitude 0.246 → 2^-2
    assert qnn.IRNet().levels(lonely).scale.tolist() == [0.25]
    assert qnn.IRNet().levels(1000 * lonely).scale.tolist() == [0.25]


@pytest.mark.parametrize("epoch", [0, 5, 10])
def test_the_gradient_is_that_of_tanh_through_the_standardization(epoch):
    quantizer = qnn.set_ede(qnn.IRNet(), epoch, 10)
    t = 10.0 ** (-1 + 2 * epoch / 10)
    k = max(1 / t, 1.0)
    upstream = np.random.default_rng(0).normal(size=W.shape)
    leaf = qb.Tensor(W, requires_grad=True)
    quantizer(leaf).backward(upstream)

    def loss(row, w):  # the scale of these rows is 1 and held
        mean = math.fsum(w) / 4
        sigma = math.sqrt(math.fsum((v - mean) ** 2 for v in w) / 3)
        return math.fsum(g * k * math.tanh(t * (v - mean) / sigma) for g, v in zip(row, w, strict=True))

    for i, j in np.ndindex(W.shape):
        h = 1e-6 * np.abs(W[i]).max()
        ends = [[v + s * h * (column == j) for column, v in enumerate(W[i])] for s in (1, -1)]
        true = (loss(upstream[i], ends[0]) - loss(upstream[i], ends[1])) / (2 * h)
        # third derivatives times h², and cancellation 2⁻⁵³ · 10 / h, both relative to the row's size
        assert leaf.grad[i, j] == pytest.approx(true, abs=1e-6 / np.abs(W[i]).max())
