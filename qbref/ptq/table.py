"""Measurements as rows that print in columns, with a report of what they cover."""

from qbref.qnn.report import Report


class Table(list):
    """A list of NamedTuple rows of one kind, printed as a table.

    Attributes
    ----------
    report : Report
        Every layer of the model: measured, or not and why.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Row(NamedTuple):
    ...     path: str
    ...     nbytes: int
    ...     loss: float
    >>> print(Table([Row("0", 1152, 0.03125), Row("3", 90, 2.0)]))
    path  nbytes     loss
    0      1,152  0.03125
    3         90        2
    """

    def __init__(self, rows=(), report=()):
        super().__init__(rows)
        self.report = Report(report)

    def __str__(self):
        if not self:
            return "(no rows)"
        rows = [self[0]._fields, *([_cell(value) for value in row] for row in self)]
        columns = list(zip(*rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        left = [isinstance(value, str) for value in self[0]]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if is_text else cell.rjust(width)
                for cell, width, is_text in zip(row, widths, left, strict=True)
            ).rstrip()
            for row in rows
        )


def _cell(value):
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
