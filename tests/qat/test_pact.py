import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, nn, optim, qat, qnn

# Levels of two bits up to alpha = 1.5: 0, 0.5, 1, 1.5. Both kinks, ties (0.25, 0.75), values beyond.
X = np.array([-2, -0.5, 0, 0.25, 0.75, 1.25, 1.5, 1.75, 3])
ALPHA = np.array(1.5)
UPSTREAM = np.arange(1.0, 10.0)


def test_golden_values_by_hand():
    assert qat.pact_forward(X, ALPHA, 2).tolist() == [0, 0, 0, 0, 1, 1, 1.5, 1.5, 1.5]
    dx, dalpha = qat.pact_backward(UPSTREAM, X, ALPHA)
    assert dx.tolist() == [0, 0, 3, 4, 5, 6, 0, 0, 0]
    assert dalpha == 7 + 8 + 9


def by_the_paper(x, alpha, k):
    """Equations (1) and (2) as they are written, one value at a time; ties to even."""
    top = 2**k - 1
    return [round((abs(v) - abs(v - alpha) + alpha) / 2 * (top / alpha)) * (alpha / top) for v in x.tolist()]


@pytest.mark.parametrize("k", [2, 3, 8])
def test_forward_is_the_papers_two_equations(k):
    alpha = (2**k - 1) / 4  # s = 1/4, so that both ways of writing the formula are exact
    halves = np.arange(-4, 2 ** (k + 1) + 4) * 0.125
    x = np.concatenate([halves, np.random.default_rng(k).uniform(-1, 1.2 * alpha, 200).round(12)])
    assert qat.pact_forward(x, np.array(alpha), k).tolist() == by_the_paper(x, alpha, k)


def test_backward_follows_the_papers_cases():
    rng = np.random.default_rng(1)
    edges = np.array([0.0, 1.5])
    x = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9), rng.normal(size=100)])
    upstream = rng.normal(size=x.shape)
    dx = [g if 0 <= v < 1.5 else 0 for g, v in zip(upstream.tolist(), x.tolist(), strict=True)]
    dalpha = sum(g for g, v in zip(upstream.tolist(), x.tolist(), strict=True) if v >= 1.5)
    found_dx, found_dalpha = qat.pact_backward(upstream, x, ALPHA)
    assert found_dx.tolist() == dx
    assert found_dalpha == pytest.approx(dalpha, abs=1e-13)  # a dozen terms in another order


def test_the_gradients_are_the_true_ones_of_the_clip_and_not_of_the_rounded_clip():
    x, upstream = np.array([-2.0, 0.3, 1.0, 2.0]), np.array([1.0, 2.0, 4.0, 8.0])
    tx, alpha = qb.Tensor(x, requires_grad=True), qb.Tensor(ALPHA, requires_grad=True)
    ((tx.abs() - (tx - alpha).abs() + alpha) * 0.5).backward(upstream)  # equation (1) by autograd
    dx, dalpha = qat.pact_backward(upstream, x, ALPHA)
    assert (dx.tolist(), dalpha) == (tx.grad.tolist(), alpha.grad)
    h = 1e-6
    above, below = (qat.pact_forward(x, ALPHA + sign * h, 2) for sign in (1, -1))
    # truly, every level moves with alpha: by level / 3
    np.testing.assert_allclose((above - below) / (2 * h), [0, 1 / 3, 2 / 3, 1], atol=1e-9)


def test_the_tensor_op_joins_the_two():
    x, alpha = qb.Tensor(X, requires_grad=True), qb.Tensor(ALPHA, requires_grad=True)
    y = qat.pact(x, alpha, 2)
    assert (y.data == qat.pact_forward(X, ALPHA, 2)).all()
    y.backward(UPSTREAM)
    dx, dalpha = qat.pact_backward(UPSTREAM, X, ALPHA)
    assert (x.grad == dx).all() and alpha.grad == dalpha


def quantizer(x):
    made = qat.PACT(2).activation_quantizer(calibration.MinMax(), "half_even", None)
    made(np.array([x], np.float32))
    return made


def test_alpha_starts_at_the_upper_end_of_the_observers_range():
    made = quantizer([0.0, 1.0, 6.0])
    assert made.alpha.data == 6 and made.params.scale == 2 and made.params.dtype == np.uint8


def test_negative_values_are_refused_where_the_range_starts():
    with pytest.raises(ValueError, match="must not be negative where PACT uint2 starts .*, got -0.5"):
        quantizer([-0.5, 1.0])


def test_the_penalty_alone_shrinks_alpha_as_weight_decay_would():
    made = quantizer([0.0, 6.0])
    other = optim.SGD([nn.Parameter(6.0)], lr=0.1, weight_decay=0.5)
    optimizer = optim.SGD(made.parameters(), lr=0.1)
    qat.pact_penalty(made, decay=0.5).backward()
    other.params[0].grad = np.zeros((), np.float32)
    optimizer.step(), other.step()
    assert made.alpha.data == other.params[0].data == np.float32(6 - 0.1 * 0.5 * 6)


def test_the_penalty_leaves_frozen_ranges_alone_and_needs_some_to_act_on():
    made = quantizer([0.0, 6.0])
    made.freeze()
    assert not qat.pact_penalty(made, decay=0.5).requires_grad
    with pytest.raises(ValueError, match="q must hold PACT activations"):
        qat.pact_penalty(nn.Linear(2, 2), decay=0.5)


def test_four_bit_training_comes_near_the_float_network(digits, digits_network, train, accuracy):
    config = qnn.QuantConfig(qnn.int_weights(4), qat.PACT(4))
    q = train(qat.prepare(digits_network, config), epochs=2, lr=2e-3)
    assert accuracy(q) > accuracy(digits_network) - 0.03
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
