"""Figures in one style, without Matplotlib's global state. Matplotlib is imported when one is drawn."""

from qbref.plots.atlas import atlas_matrix
from qbref.plots.calibration import calibration_thresholds
from qbref.plots.frontier import accuracy_vs_bytes, accuracy_vs_latency
from qbref.plots.labels import label_points
from qbref.plots.roofline import roofline
from qbref.plots.style import PALETTE, as_png, figure, save, style
from qbref.plots.words import word_product

__all__ = [
    "PALETTE",
    "accuracy_vs_bytes",
    "accuracy_vs_latency",
    "as_png",
    "atlas_matrix",
    "calibration_thresholds",
    "figure",
    "label_points",
    "roofline",
    "save",
    "style",
    "word_product",
]
