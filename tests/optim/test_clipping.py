"""Gradient clipping."""

import math

import numpy as np
import pytest

from qbref import nn, optim


def with_gradients(*gradients):
    parameters = []
    for g in gradients:
        p = nn.Parameter(np.zeros(np.shape(g or [0.0]), np.float32))
        p.grad = None if g is None else np.array(g, np.float32)
        parameters.append(p)
    return parameters


def test_norm_clipping_scales_all_gradients_together():
    a, b, c = with_gradients([3.0, 0.0], None, [4.0])
    assert optim.clip_grad_norm_(iter([a, b, c]), 2.5) == 5.0
    # 2.5 / (5 + 1e-6) is 1e-7 below one half; float32 adds 6e-8.
    np.testing.assert_allclose(a.grad, [1.5, 0], rtol=5e-7)
    np.testing.assert_allclose(c.grad, [2], rtol=5e-7)
    assert b.grad is None and a.grad.dtype == np.float32


def test_small_norms_are_left_alone():
    (a,) = with_gradients([3.0, 4.0])
    assert optim.clip_grad_norm_([a], 5.1) == 5.0
    assert a.grad.tolist() == [3, 4]
    assert optim.clip_grad_norm_(with_gradients(None), 1.0) == 0.0


def test_the_norm_of_large_float32_gradients_does_not_overflow():
    (a,) = with_gradients([3e30, 4e30])
    assert optim.clip_grad_norm_(a, 1.0) == pytest.approx(5e30, rel=1e-6)  # float32 inputs
    np.testing.assert_allclose(a.grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_is_an_error_and_changes_nothing(bad):
    a, b = with_gradients([3.0], [bad])
    with pytest.raises(ValueError, match="gradients must have a finite norm"):
        optim.clip_grad_norm_([a, b], 1.0)
    assert a.grad.tolist() == [3]


def test_value_clipping_limits_every_element():
    a, b = with_gradients([-3.0, 0.5, 3.0], None)
    optim.clip_grad_value_([a, b], np.float64(1.0))
    assert a.grad.tolist() == [-1, 0.5, 1] and a.grad.dtype == np.float32


@pytest.mark.parametrize("limit", [0, -1.0, math.inf, math.nan])
def test_limits_must_be_positive(limit):
    with pytest.raises(ValueError, match="max_norm must be positive and finite"):
        optim.clip_grad_norm_([], limit)
    with pytest.raises(ValueError, match="clip_value must be positive and finite"):
        optim.clip_grad_value_([], limit)
