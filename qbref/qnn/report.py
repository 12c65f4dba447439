"""What became of each layer: nothing is quantized, fused, dropped or left alone in silence."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One layer's fate."""

    path: str
    layer: str
    action: str


class Report(list):
    """A list of :class:`Entry`, printed as a table.

    Examples
    --------
    >>> report = Report()
    >>> report.add("0", "Linear", "int8 per channel weights")
    >>> print(report)
    path  layer   what became of it
    0     Linear  int8 per channel weights
    """

    def add(self, path, layer, action):
        """Append an entry."""
        self.append(Entry(path, layer if isinstance(layer, str) else type(layer).__name__, action))

    def __str__(self):
        rows = [Entry("path", "layer", "what became of it"), *self]
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        return "\n".join(f"{r.path:{widths[0]}}  {r.layer:{widths[1]}}  {r.action}" for r in rows)
