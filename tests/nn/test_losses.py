"""Losses: hand values, extreme logits, gradients, and what they reject."""

import math

import numpy as np
import pytest

import qbref.nn.functional as F
from qbref import nn
from qbref.autograd import Tensor, grad_check

RNG = np.random.default_rng(0)
# A handful of float64 roundings on numbers of order 1.
CLOSE = dict(rel=1e-13, abs=1e-14)


def by_hand(logits, q, weight):
    """-sum_c q_c w_c log p_c of one row, with the math module."""
    total = sum(math.exp(x) for x in logits)
    return -sum(q[c] * weight[c] * math.log(math.exp(x) / total) for c, x in enumerate(logits))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.0]])
def test_cross_entropy_equals_its_formula_for_every_reduction(smoothing, weight):
    x, target = RNG.normal(size=(4, 3)), np.array([2, 0, 1, 1])
    w = weight or [1, 1, 1]
    q = np.full((4, 3), smoothing / 3)
    q[range(4), target] += 1 - smoothing
    rows = [by_hand(x[n], q[n], w) for n in range(4)]
    options = dict(weight=weight, label_smoothing=smoothing)
    assert F.cross_entropy(x, target, reduction="none", **options).data.tolist() == pytest.approx(
        rows, **CLOSE
    )
    assert F.cross_entropy(x, target, reduction="sum", **options).item() == pytest.approx(sum(rows), **CLOSE)
    mean = sum(rows) / sum(w[c] for c in target)
    assert F.cross_entropy(x, target, **options).item() == pytest.approx(mean, **CLOSE)
    assert grad_check(lambda t: F.cross_entropy(t, target, **options), [x])


def test_cross_entropy_of_uniform_logits_is_the_logarithm_of_the_number_of_classes():
    assert F.cross_entropy(np.zeros((5, 10)), np.arange(5)).item() == pytest.approx(math.log(10), **CLOSE)


def test_cross_entropy_of_extreme_logits_is_exact():
    x = Tensor([[1e4, -1e4], [1e4, -1e4]], requires_grad=True)
    loss = F.cross_entropy(x, np.array([0, 1]), reduction="none")
    assert loss.data.tolist() == [0, 2e4]
    loss.backward(np.ones(2, np.float32))
    assert x.grad.tolist() == [[0, 0], [1, -1]]  # softmax - onehot


def test_cross_entropy_keeps_float32_and_takes_uint8_labels():
    loss = F.cross_entropy(np.zeros((2, 2), np.float32), np.array([0, 1], np.uint8), weight=[1.0, 2.0])
    assert loss.dtype == np.float32


def test_nll_loss_picks_the_targets_log_probability():
    log_p = np.log([[0.2, 0.8], [0.5, 0.5]])
    expected = -(math.log(0.8) + math.log(0.5)) / 2
    assert F.nll_loss(log_p, [1, 0]).item() == pytest.approx(expected, **CLOSE)
    weighted = -(3 * math.log(0.8) + math.log(0.5)) / 4
    assert F.nll_loss(log_p, [1, 0], weight=[1.0, 3.0]).item() == pytest.approx(weighted, **CLOSE)


def test_binary_cross_entropy_equals_its_formula():
    x, z = RNG.normal(size=(3, 2)), np.array([[0, 1], [0.25, 1], [0, 0.5]])
    s = 1 / (1 + np.exp(-x))
    expected = -(z * np.log(s) + (1 - z) * np.log(1 - s))
    loss = F.binary_cross_entropy_with_logits(x, z, reduction="none")
    np.testing.assert_allclose(loss.data, expected, rtol=1e-13)
    weight = np.array([1.0, 3.0])
    weighted = F.binary_cross_entropy_with_logits(x, z, weight, "sum")
    assert weighted.item() == pytest.approx((expected * weight).sum(), **CLOSE)
    assert grad_check(lambda t: F.binary_cross_entropy_with_logits(t, z, weight), [x])


def test_binary_cross_entropy_of_extreme_logits_and_at_the_kink():
    x = Tensor([1e4, 1e4, -1e4, -1e4, 0.0, -0.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, [1, 0, 1, 0, 1, 0], reduction="none")
    assert loss.data.tolist() == [0, 1e4, 1e4, 0, np.float32(math.log(2)), np.float32(math.log(2))]
    loss.backward(np.ones(6, np.float32))
    assert x.grad.tolist() == [0, 1, -1, 0, -0.5, 0.5]


def test_small_binary_cross_entropies_are_not_lost():
    # log(1 + e^-40) is e^-40, far below the spacing of float64 around 1.
    loss = F.binary_cross_entropy_with_logits(np.array([40.0]), [1.0]).item()
    assert loss == pytest.approx(math.exp(-40), rel=1e-15, abs=0)


def test_mse_loss_and_both_its_gradients():
    x, t = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    assert F.mse_loss(x, t).item() == 2.5
    assert F.mse_loss(x, t, "sum").item() == 5
    assert F.mse_loss(x, t, "none").data.tolist() == [4, 1]
    assert grad_check(F.mse_loss, [x, t])


def test_hinge_losses_with_classes_are_one_against_all():
    x = np.array([[0.5, -2.0, 0.25], [1.0, 3.0, -1.0]])
    target = np.array([0, 1])
    # margins 1 - t x: row 0 (0.5, -1, 1.25), row 1 (2, -2, 0)
    hinge = [[0.5, 0, 1.25], [2, 0, 0]]
    squared = [[0.25, 0, 1.5625], [4, 0, 0]]
    assert F.hinge_loss(x, target, "none").data.tolist() == hinge
    assert F.squared_hinge_loss(x, target, "none").data.tolist() == squared
    assert F.squared_hinge_loss(x, target).item() == pytest.approx(5.8125 / 6, **CLOSE)
    signs = np.array([[1, -1, -1], [-1, 1, -1]], np.int8)
    assert F.hinge_loss(x, signs, "none").data.tolist() == hinge
    assert F.hinge_loss(Tensor(x), Tensor(signs.astype(np.float64)), "sum").item() == 3.75


def test_hinge_gradients_are_zero_beyond_and_at_the_hinge():
    x = Tensor([[1.0, -1.5, 0.5]], requires_grad=True)
    F.hinge_loss(x, np.array([0])).backward()
    np.testing.assert_array_equal(x.grad, np.array([[0, 0, 1 / 3]], np.float32))
    smooth = np.array([[0.4, -0.2, 2.0], [-2.0, 0.3, 0.1]])
    assert grad_check(lambda t: F.squared_hinge_loss(t, np.array([0, 2])), [smooth])


@pytest.mark.parametrize(
    "module, function, target",
    [
        (nn.CrossEntropyLoss(reduction="sum"), F.cross_entropy, np.array([1, 0])),
        (nn.BCEWithLogitsLoss("sum"), F.binary_cross_entropy_with_logits, np.eye(2, dtype=np.float32)),
        (nn.MSELoss("sum"), F.mse_loss, np.eye(2, dtype=np.float32)),
        (nn.HingeLoss("sum"), F.hinge_loss, np.array([1, 0])),
        (nn.SquaredHingeLoss("sum"), F.squared_hinge_loss, np.array([1, 0])),
    ],
)
def test_loss_modules_call_their_function_with_their_reduction(module, function, target):
    x = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32)
    assert module(x, target).item() == function(x, target, reduction="sum").item()
    assert repr(module) == f"{type(module).__name__}(reduction='sum')"


def test_cross_entropy_module_passes_weight_and_smoothing():
    x, target = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32), np.array([1, 0])
    module = nn.CrossEntropyLoss([1.0, 3.0], label_smoothing=0.1)
    expected = F.cross_entropy(x, target, [1.0, 3.0], label_smoothing=0.1).item()
    assert module(x, target).item() == expected != F.cross_entropy(x, target).item()


Z = np.zeros((2, 3))
REJECTED = [
    (lambda: F.cross_entropy(Z, [0, 3]), ValueError, r"target must be in \[0, 3\), got 0 to 3"),
    (lambda: F.cross_entropy(Z, [-1, 0]), ValueError, r"target must be in \[0, 3\), got -1 to 0"),
    (lambda: F.cross_entropy(Z, [0.0, 1.0]), TypeError, "target must hold integer classes, got float64"),
    (
        lambda: F.cross_entropy(Z, [[0], [1]]),
        ValueError,
        r"target must have shape \(2,\), one class for each row",
    ),
    (lambda: F.cross_entropy(Z[0], [0]), ValueError, r"input must have shape \(N, C\), got \(3,\)"),
    (lambda: F.cross_entropy(Z, [0, 1], [1, 2]), ValueError, "weight must hold 3 numbers"),
    (lambda: F.cross_entropy(Z, [0, 1], [-1, 1, 1]), ValueError, "weight must hold 3 numbers, none negative"),
    (lambda: F.cross_entropy(Z, [0, 0], [0, 1, 1]), ValueError, "weight must be positive for some target"),
    (
        lambda: F.cross_entropy(Z, [0, 1], reduction="avg"),
        ValueError,
        "reduction must be one of mean, sum, none",
    ),
    (
        lambda: F.cross_entropy(Z, [0, 1], label_smoothing=1),
        ValueError,
        r"label_smoothing must be in \[0, 1\)",
    ),
    (lambda: F.cross_entropy(Z[:0], np.zeros(0, int)), ValueError, "input must not be empty"),
    (lambda: F.binary_cross_entropy_with_logits(Z, Z[0]), ValueError, "target must have the input's shape"),
    (lambda: F.binary_cross_entropy_with_logits(Z, Z - 1), ValueError, r"target must be in \[0, 1\], got -1"),
    (
        lambda: F.mse_loss(Z, Z[:, :1]),
        ValueError,
        r"target must have the input's shape \(2, 3\), got \(2, 1\)",
    ),
    (
        lambda: F.hinge_loss(Z, Z),
        ValueError,
        "target must be -1 or \\+1 where it has the input's shape, got 0",
    ),
    (lambda: F.hinge_loss(Z, [0, 3]), ValueError, r"target must be in \[0, 3\)"),
    (lambda: F.hinge_loss(Z, [0.0, 1.0]), TypeError, "target must hold integer classes"),
    (lambda: F.hinge_loss(Z, [0]), ValueError, r"target must have shape \(2,\) or \(2, 3\), got \(1,\)"),
]


@pytest.mark.parametrize("call, error, message", REJECTED)
def test_losses_reject_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_empty_batches_have_a_sum_of_zero():
    assert F.cross_entropy(Z[:0], np.zeros(0, int), reduction="sum").item() == 0
