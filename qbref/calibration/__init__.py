"""Observers: batches of real data in, QuantParams out."""

from qbref.calibration.base import Observer
from qbref.calibration.growing_histogram import GrowingHistogram
from qbref.calibration.minmax import MinMax
from qbref.calibration.moving_average import MovingAverageMinMax
from qbref.calibration.mse import MSE
from qbref.calibration.percentile import Percentile

__all__ = ["MSE", "GrowingHistogram", "MinMax", "MovingAverageMinMax", "Observer", "Percentile"]
