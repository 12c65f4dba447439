"""What the tour measures, as a table and as a picture."""

from statistics import fmean, stdev
from typing import NamedTuple

from qbref import plots
from qbref.lab.measure import Measurement

HEADER = (
    ("", "accuracy", "weights", "file", "latency", "p99", "images/s", "int≠sim"),
    ("", "%", "bytes", "bytes", "ms", "ms", "batch 64", "outputs"),
)


class Row(NamedTuple):
    """One model; `differences` counts outputs in which integers and simulation disagree, None for float."""

    name: str
    measurement: Measurement
    weight_bytes: int
    file_bytes: int
    differences: int | None


def table(rows):
    """Text of at most 80 columns."""
    cells = [(row.name, *_cells(row)) for row in rows]
    widths = [max(len(line[i]) for line in (*HEADER, *cells)) for i in range(len(HEADER[0]))]
    lines = ["  ".join(_aligned(line, widths)) for line in (*HEADER, *cells)]
    return "\n".join([*lines[:2], "─" * len(lines[0]), *lines[2:]])


def _aligned(line, widths):
    name, *figures = line
    return [name.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(figures, widths[1:], strict=True))]


def _cells(row):
    m = row.measurement
    differences = "–" if row.differences is None else f"{row.differences:,}"
    return (
        f"{100 * m.accuracy:.1f}±{100 * m.half_width:.1f}",
        f"{row.weight_bytes:,}",
        f"{row.file_bytes:,}",
        f"{m.latency_median:.2f}",
        f"{m.latency_p99:.2f}",
        f"{m.throughput:,.0f}",
        differences,
    )


def as_json(row):
    """A row as nested dictionaries."""
    return {**row._asdict(), "measurement": row.measurement._asdict()}


def draw(rows, path):
    """Accuracy against the weights' bytes, written to `path`."""
    points = []
    for row in rows:
        accuracy, half = 100 * row.measurement.accuracy, 100 * row.measurement.half_width
        points.append((row.name, row.weight_bytes, accuracy, accuracy - half, accuracy + half))
    fig = plots.accuracy_vs_bytes(points, title="Fashion-MNIST: accuracy and bytes of weights")
    plots.save(fig, path, scale=2)


def over_seeds(runs):
    """Accuracies of several runs: name, mean and standard deviation, as text."""
    lines = [f"accuracy over {len(runs)} seeds, %   mean   standard deviation"]
    for same in zip(*runs, strict=True):
        accuracies = [100 * row.measurement.accuracy for row in same]
        lines.append(f"{same[0].name:27} {fmean(accuracies):6.2f}   {stdev(accuracies):.2f}")
    return "\n".join(lines)
