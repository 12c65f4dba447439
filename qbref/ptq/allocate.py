"""Mixed precision: how many bits for which layer, so that all weights fit into a number of bytes."""

import math
from dataclasses import dataclass, replace

from qbref.qnn import QuantConfig, Report


@dataclass(frozen=True)
class Allocation:
    """Bits for every layer.

    Attributes
    ----------
    bits : dict of str to int
        Of the layer at each path.
    nbytes : int
        Of all those layers' stored weights.
    cost : float
        Sum of the chosen rows' costs.
    report : Report
        Every layer and what it got.
    """

    bits: dict
    nbytes: int
    cost: float
    report: Report

    def config(self, base=None):
        """A QuantConfig that gives each layer its bits, by overrides.

        Parameters
        ----------
        base : QuantConfig or None
            Everything but the number of bits of the weights, its own overrides included.
        """
        base = base or QuantConfig()
        overrides = {path: dict(override) for path, override in base.overrides.items()}
        for path, n_bits in self.bits.items():
            weights = replace(base.weights_of(path), n_bits=n_bits)
            overrides.setdefault(path, {})["weights"] = weights
        return replace(base, overrides=overrides)


def allocate(table, budget, by="loss"):
    """min sum_i cost_i(b_i) subject to sum_i nbytes_i(b_i) <= budget, one b_i for each layer: exact.

    Parameters
    ----------
    table : Table
        Rows with `path`, `n_bits`, `nbytes` and the cost: from :func:`qbref.ptq.sensitivity` (``by="loss"``)
        or :func:`qbref.ptq.hessian_sensitivity` (``by="omega"``).
    budget : int
        Bytes for the weights of all layers in `table` together.
    by : str
        The field that holds the cost.

    Returns
    -------
    Allocation
        Of equal costs the one with fewer bytes, then the one with more bits in earlier layers.

    Raises
    ------
    ValueError
        If no choice fits the budget (naming the least possible one), or a cost is not finite.

    Notes
    -----
    The multiple-choice knapsack problem. Dynamic programming, layer by layer: of all ways to choose bits for
    the layers so far, only those are kept that no other beats in both bytes and cost, since what is best for
    the rest of the layers does not depend on how the bytes before them were spent. There are never more of
    them than bytes in the budget, so the work is at most layers x widths x budget. HAWQ-v2 (arXiv:1911.03852,
    figure 4) picks from the same Pareto frontier.

    On the network that :func:`qbref.ptq.sensitivity` names: 97 % within 3,016 bytes, and by joint loss the
    best of the 18 choices of 2, 4 and 8 bits that fit; 62 % with 2 bits everywhere (2,440 bytes), 97 % with
    4 bits everywhere (4,872 bytes). No training in between.

    Examples
    --------
    >>> from qbref.ptq import HessianSensitivity, Table
    >>> rows = [("0", 2, 10, 5.0), ("0", 8, 40, 0.0), ("1", 2, 20, 1.0), ("1", 8, 80, 0.0)]
    >>> table = Table(HessianSensitivity(path, "Linear", *rest) for path, *rest in rows)
    >>> chosen = allocate(table, budget=60, by="omega")
    >>> chosen.bits, chosen.nbytes, chosen.cost
    ({'0': 8, '1': 2}, 60, 1.0)
    >>> chosen.config().weights_of("1").n_bits
    2
    """
    layers = _choices(table, by)
    least = sum(min(row.nbytes for row in rows) for rows in layers.values())
    if budget < least:
        raise ValueError(f"budget must be at least {least} bytes for these layers and widths, got {budget}")
    states = [(0, 0.0, ())]
    for rows in layers.values():
        longer = [
            (nbytes + row.nbytes, cost + getattr(row, by), (*chosen, row))
            for nbytes, cost, chosen in states
            for row in rows
        ]
        states = _undominated(state for state in longer if state[0] <= budget)
    nbytes, cost, chosen = states[-1]
    report = Report(entry for entry in table.report if entry.path not in layers)
    for row in chosen:
        report.add(
            row.path, row.layer, f"{row.n_bits} bits, {row.nbytes:,} bytes, {by} {getattr(row, by):.4g}"
        )
    return Allocation({row.path: row.n_bits for row in chosen}, nbytes, cost, report)


def _choices(table, by):
    """{path: its rows}."""
    layers = {}
    for row in table:
        if not math.isfinite(getattr(row, by)):
            raise ValueError(f"{by} of layer {row.path!r} must be finite, got {getattr(row, by)}")
        layers.setdefault(row.path, []).append(row)
    if not layers:
        raise ValueError("table must hold at least one row, got none")
    return layers


def _undominated(states):
    """Of (bytes, cost, rows): cost strictly falls where bytes rise; of equals, more bits early."""
    kept = []
    for state in sorted(states, key=lambda s: (s[0], s[1], [-row.n_bits for row in s[2]])):
        if not kept or state[1] < kept[-1][1]:
            kept.append(state)
    return kept
