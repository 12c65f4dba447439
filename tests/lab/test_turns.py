import numpy as np
import pytest

from qbref.lab import take_turns, times_faster


def test_functions_take_turns_after_a_call_that_does_not_count():
    calls = []
    times = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0)
    assert calls == ["a", "b"] * 10 and [len(t) for t in times.values()] == [9, 9]


def test_times_faster_is_the_median_ratio_of_the_rounds():
    slow, fast = np.array([2, 2, 2, 2, 2, 2, 900.0]), np.array([1, 1, 1, 1, 1, 1, 300.0])
    assert times_faster(slow, fast).estimate == 2


def test_nothing_to_time_is_refused():
    with pytest.raises(ValueError, match="functions must hold at least one, got none"):
        take_turns({})
