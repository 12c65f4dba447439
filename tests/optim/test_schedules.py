"""Schedules: every rate by hand."""

import math

import pytest

from qbref import nn, optim


def rates(make, steps, lr=1.0):
    """The rate in force at each step."""
    optimizer = optim.SGD([nn.Parameter([0.0])], lr=lr)
    schedule = make(optimizer)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.lr)
        schedule.step()
    return seen


def test_step_decay_by_hand():
    assert rates(lambda o: optim.StepLR(o, 3, 0.5), 8, lr=2.0) == [2, 2, 2, 1, 1, 1, 0.5, 0.5]
    assert rates(lambda o: optim.StepLR(o, 1), 3) == pytest.approx([1, 0.1, 0.01], rel=1e-15)


def test_cosine_without_warmup_by_hand():
    # (1 + cos(pi t / 4)) / 2 and then nothing; the cosine rounds in the last bits.
    half = math.sqrt(0.5)
    expected = [1, (1 + half) / 2, 0.5, (1 - half) / 2, 0, 0, 0]
    assert rates(lambda o: optim.WarmupCosineLR(o, 4), 7) == pytest.approx(expected, abs=1e-15)


def test_cosine_with_warmup_rises_to_the_base_rate_and_falls_to_the_minimum():
    # W = 3: 8/4, 16/4, 24/4; then from 8 at t = 3 over (8 + 2)/2 at t = 5 to 2 at t = 7 and after.
    seen = rates(lambda o: optim.WarmupCosineLR(o, 7, warmup_steps=3, min_lr=2.0), 10, lr=8.0)
    assert seen[:4] == [2, 4, 6, 8]
    assert seen[5] == pytest.approx(5, abs=1e-14)
    assert seen[7:] == [2, 2, 2]
    assert seen[3] > seen[4] > seen[5] > seen[6] > seen[7]


def test_lr_at_gives_the_rates_without_stepping():
    schedule = optim.WarmupCosineLR(optim.SGD([nn.Parameter([0.0])], lr=1.0), 6, 2)
    assert rates(lambda o: optim.WarmupCosineLR(o, 6, 2), 8) == [schedule.lr_at(t) for t in range(8)]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda o: optim.StepLR("sgd", 1), TypeError, "optimizer must be an Optimizer, got str"),
        (lambda o: optim.StepLR(o, 0), ValueError, "step_size must be an integer of at least 1, got 0"),
        (lambda o: optim.StepLR(o, 1, -0.5), ValueError, "gamma must not be negative"),
        (lambda o: optim.WarmupCosineLR(o, 2.5), ValueError, "total_steps must be an integer"),
        (
            lambda o: optim.WarmupCosineLR(o, 5, 5),
            ValueError,
            r"warmup_steps must be below total_steps \(5\), got 5",
        ),
        (lambda o: optim.Schedule(o), NotImplementedError, "Schedule must define lr_at"),
    ],
)
def test_schedules_reject_wrong_arguments_and_leave_the_rate(make, error, message):
    optimizer = optim.SGD([nn.Parameter([0.0])], lr=1.0)
    with pytest.raises(error, match=message):
        make(optimizer)
    assert optimizer.lr == 1.0
