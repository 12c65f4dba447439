"""Timing side by side: functions take turns, so that a busy moment of the machine hits all of them."""

import time

import numpy as np

from qbref.lab.intervals import median

LEAST_ROUNDS = 9


def take_turns(functions, seconds=1.0):
    """Times of several functions called in turn, after one call each that does not count.

    Parameters
    ----------
    functions : dict of str to callable
    seconds : float
        For all together; at least nine rounds are made.

    Returns
    -------
    dict of str to float array (rounds,)
        Seconds.

    Examples
    --------
    >>> times = take_turns({"a": lambda: None, "b": lambda: sum(range(1000))}, seconds=0.01)
    >>> len(times["a"]) == len(times["b"]) >= 9
    True
    """
    if not functions:
        raise ValueError("functions must hold at least one, got none")
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < LEAST_ROUNDS:
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in times.items()}


def times_faster(slow, fast):
    """How many times as fast: the median over rounds of ``slow / fast``, with its interval.

    Parameters
    ----------
    slow, fast : float arrays (rounds,)
        Two of :func:`take_turns`.

    Returns
    -------
    Interval

    Examples
    --------
    >>> print(times_faster(np.full(9, 3.0), np.full(9, 2.0)))
    1.50 [1.50, 1.50]
    """
    return median(np.asarray(slow) / np.asarray(fast))
