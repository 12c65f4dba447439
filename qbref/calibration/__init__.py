"""Observers: batches of real data in, QuantParams out."""

from qbref.calibration.base import Observer
from qbref.calibration.comparison import Choice, compare
from qbref.calibration.entropy import Entropy
from qbref.calibration.growing_histogram import GrowingHistogram
from qbref.calibration.histogram import Histogram
from qbref.calibration.minmax import MinMax
from qbref.calibration.moving_average import MovingAverageMinMax
from qbref.calibration.mse import MSE
from qbref.calibration.percentile import Percentile
from qbref.calibration.sqnr import SQNR

__all__ = [
    "MSE",
    "Choice",
    "Entropy",
    "GrowingHistogram",
    "Histogram",
    "MinMax",
    "MovingAverageMinMax",
    "Observer",
    "Percentile",
    "SQNR",
    "compare",
]
