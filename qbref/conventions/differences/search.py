"""The search: pairs of systems, inputs in order of size, and the rule that makes the difference.

A family of operators has *rules*, one for each system: the system's own operator, and the named properties
that describe it. A *model* computes the operator from such properties alone. Inputs come in order:

1. settings (scales, zero points), in the order the family lists them, simple ones first;
2. within a setting, the inputs by increasing magnitude, the positive one of two first.

The smallest input on which two systems differ is the first one in that order. The cause is found by
intervention: the smallest set of properties which, carried over from the second system into the model of the
first, turns the first one's answer into the second one's.
"""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np


def anything(setting):
    """Accept every setting."""
    return True


class Rule(NamedTuple):
    """One system's operator.

    Attributes
    ----------
    system : str
    function : callable, (inputs, *setting) → one result for each input
    properties : dict of str to str
        Keyword arguments of the family's model.
    accepts : callable, setting → bool
        Whether the system has the operator with this setting.
    """

    system: str
    function: Callable
    properties: dict
    accepts: Callable = anything


class Family(NamedTuple):
    """What several systems call by one name, and where to look for differences.

    Attributes
    ----------
    name : str
    order : str
        In words: what "smallest" means here.
    rules : sequence of Rule
    settings : iterable of tuples
        In order.
    inputs : callable, (setting, rules) → array
        In order, along axis 0.
    model : callable, (inputs, *setting, **properties) → results
    show : callable, (setting, input) → str
    """

    name: str
    order: str
    rules: tuple
    settings: Iterable
    inputs: Callable
    model: Callable
    show: Callable


class Difference(NamedTuple):
    """One row of the atlas.

    Attributes
    ----------
    family, a, b : str
        The operator and two systems.
    setting : tuple or None
    x : Any
        The smallest input on which they differ, or None if there is none among those searched.
    input : str
        Both in words.
    a_result, b_result : Any
    cause : tuple of (property, value in a, value in b)
        Empty where no difference was found.
    searched : int
        Inputs compared before and including this one.
    """

    family: str
    a: str
    b: str
    setting: tuple | None
    x: Any
    input: str
    a_result: Any
    b_result: Any
    cause: tuple
    searched: int


def smallest_differences(family):
    """The smallest difference of each pair of systems in a family.

    Parameters
    ----------
    family : Family

    Returns
    -------
    list of Difference
        In the order of the family's rules, pairs without a difference included.

    Raises
    ------
    ValueError
        If a rule's properties do not describe what its function does on an input that was found.
    """
    pairs = list(combinations(family.rules, 2))
    searched = dict.fromkeys(range(len(pairs)), 0)
    found = {}
    for setting in family.settings:
        open_pairs = [i for i, pair in enumerate(pairs) if i not in found and _both_accept(pair, setting)]
        rules = [rule for rule in family.rules if any(rule in pairs[i] for i in open_pairs)]
        if not rules:
            continue
        inputs = family.inputs(setting, rules)
        results = {rule.system: np.asarray(rule.function(inputs, *setting)) for rule in rules}
        for i in open_pairs:
            a, b = pairs[i]
            differ = np.flatnonzero(~same(results[a.system], results[b.system]))
            searched[i] += len(inputs) if differ.size == 0 else int(differ[0]) + 1
            if differ.size:
                n = differ[0]
                answers = results[a.system][n], results[b.system][n]
                cause = _cause(family, a, b, setting, inputs[n : n + 1], answers)
                text = family.show(setting, inputs[n])
                found[i] = Difference(
                    family.name, a.system, b.system, setting, inputs[n], text, *answers, cause, searched[i]
                )
    return [
        found.get(i)
        or Difference(family.name, a.system, b.system, None, None, "", None, None, (), searched[i])
        for i, (a, b) in enumerate(pairs)
    ]


def agreeing(rows):
    """Systems of one family in groups without a difference among them, in order.

    Parameters
    ----------
    rows : list of Difference
        Of one family.

    Returns
    -------
    list of lists of str

    Examples
    --------
    >>> row = Difference("round", "", "", None, None, "", None, None, (), 1)
    >>> ties = row._replace(x=0.5)
    >>> agreeing([row._replace(a="A", b="B"), ties._replace(a="A", b="C"), ties._replace(a="B", b="C")])
    [['A', 'B'], ['C']]
    """
    differ = {frozenset((row.a, row.b)) for row in rows if row.x is not None}
    groups = []
    for system in dict.fromkeys(name for row in rows for name in (row.a, row.b)):
        for group in groups:
            if not any(frozenset((system, member)) in differ for member in group):
                group.append(system)
                break
        else:
            groups.append([system])
    return groups


def same(a, b):
    """Whether results are equal, one bool for each input; NaN equals NaN.

    Examples
    --------
    >>> same(np.array([1.0, np.nan]), np.array([2.0, np.nan]))
    array([False,  True])
    """
    a, b = np.asarray(a), np.asarray(b)
    equal = (a == b) | ((a != a) & (b != b))
    return equal.reshape(len(equal), -1).all(axis=1)


def _both_accept(pair, setting):
    return all(rule.accepts(setting) for rule in pair)


def _cause(family, a, b, setting, x, answers):
    """(property, value in a, value in b) for the fewest properties that carry a's answer over to b's."""
    for rule, answer in ((a, answers[0]), (b, answers[1])):
        modelled = family.model(x, *setting, **rule.properties)
        if not same(modelled, np.asarray(answer)[None]).all():
            text = f"{family.show(setting, x[0])}: {modelled[0]}, the system itself {answer}"
            raise ValueError(f"properties must describe {rule.system} in {family.name}, got {text}")
    names = [name for name in a.properties if a.properties[name] != b.properties[name]]
    for count in range(1, len(names) + 1):
        for chosen in combinations(names, count):
            mixed = a.properties | {name: b.properties[name] for name in chosen}
            if same(family.model(x, *setting, **mixed), np.asarray(answers[1])[None]).all():
                return tuple((name, a.properties[name], b.properties[name]) for name in chosen)
    raise ValueError(f"properties must tell {a.system} from {b.system} in {family.name}, got the same ones")
