"""Timing several calls against each other: in turns, so that a disturbance meets all of them."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

TURN = 2e-3  # seconds that a turn takes at least
WARM_UP = 4e-3  # seconds of calls that do not count before a turn
MIN_ROUNDS, MAX_ROUNDS = 3, 101
RELOADED = 0.02  # seconds above which a call has long forgotten what the caches held when it began


class Contender(NamedTuple):
    """One way to compute a product.

    Attributes
    ----------
    name : str
    kind : str
        float32, float64, int8, xnor, int4 or against.
    variant : str or None
        Of a compiled kernel.
    call : callable
        Without arguments; returns the product.
    expected : ndarray or None
        What it must return; None for what is not checked.
    weight_bytes, moved_bytes : int
        Of the right-hand side, and of both sides and the result, in the contender's own formats.
    hold : callable
        Returns a context manager: what must hold while it runs.
    """

    name: str
    kind: str
    variant: str | None
    call: Callable
    expected: np.ndarray | None
    weight_bytes: int
    moved_bytes: int
    hold: Callable = nullcontext


class Timing(NamedTuple):
    """What `take_turns` finds: the median of the rounds, or None without a result; what was wrong, or ''."""

    seconds: float | None
    rounds: int
    error: str


def take_turns(contenders, seconds, report=lambda fraction, note: None):
    """Time all contenders, once each in every round; returns a list of `Timing`.

    Parameters
    ----------
    contenders : list of Contender
    seconds : float
        After so much time no round begins, except the second and the third.
    report : callable
        Called with the fraction of the time that has passed and a name.

    Notes
    -----
    A turn is one call, or as many as take two milliseconds. Short calls are first made for a while without
    counting: the others have filled the caches with their data, and each is to be timed with its own.
    A contender that raises an exception is not timed, one with a wrong result is.
    """
    trials = [_try(contender) for contender in contenders]
    times = [[] for _ in contenders]
    start = time.perf_counter()
    for done in range(MAX_ROUNDS):
        passed = (time.perf_counter() - start) / seconds
        if done >= MIN_ROUNDS and passed > 1:
            break
        for contender, (estimate, _), own in zip(contenders, trials, times, strict=True):
            report(min(1.0, max(passed, done / MAX_ROUNDS)), contender.name)
            if estimate is not None:
                own.append(_turn(contender, estimate))
    return [
        Timing(float(np.median(own)) if own else None, len(own), error)
        for own, (_, error) in zip(times, trials, strict=True)
    ]


def _try(contender):
    """(seconds of a call, what is wrong with its result or ''), or (None, error) if there is no result."""
    with contender.hold():
        start = time.perf_counter()
        try:
            result = np.asarray(contender.call())
        except Exception as error:  # a user's function may raise anything
            return None, f"{type(error).__name__}: {error}"
        elapsed = time.perf_counter() - start
        if elapsed < RELOADED:  # the first call of all is a slow one
            start = time.perf_counter()
            contender.call()
            elapsed = time.perf_counter() - start
    return elapsed, "" if contender.expected is None else difference(result, contender.expected)


def difference(result, expected):
    """What distinguishes a result from the expected one, in words; '' if nothing does.

    Examples
    --------
    >>> difference(np.array([[1, 5]]), np.array([[1, 2]]))
    '1 of 2 entries wrong, the first at [0, 1]: 5 instead of 2'
    """
    if result.shape != expected.shape:
        return f"shape {result.shape} instead of {expected.shape}"
    wrong = np.argwhere(result != expected)
    if not len(wrong):
        return ""
    where = tuple(wrong[0].tolist())
    return (
        f"{len(wrong):,} of {expected.size:,} entries wrong, "
        f"the first at {list(where)}: {result[where]} instead of {expected[where]}"
    )


def _turn(contender, estimate):
    """Median seconds of one call: one that another program interrupted does not count."""
    calls = max(1, round(TURN / max(estimate, 1e-7)))
    with contender.hold():
        if estimate < RELOADED:
            for _ in range(max(1, round(WARM_UP / max(estimate, 1e-7)))):
                contender.call()
        stamps = [time.perf_counter()]
        for _ in range(calls):
            contender.call()
            stamps.append(time.perf_counter())
    return float(np.median(np.diff(stamps)))
