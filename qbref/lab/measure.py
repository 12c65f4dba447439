"""Accuracy, latency and throughput of a classifier."""

import time
from typing import NamedTuple

import numpy as np

BATCH = 64


class Measurement(NamedTuple):
    """What `measure` finds out.

    Accuracy and its 95 % half-width are fractions; latencies are milliseconds for one image at batch 1;
    throughput is images per second at batch 64.
    """

    accuracy: float
    half_width: float
    latency_median: float
    latency_p99: float
    throughput: float


def measure(predict, x, y, seconds=0.3):
    """Evaluate ``predict(batch) -> scores`` on all of (x, y), then time it.

    Parameters
    ----------
    predict : callable
    x : float32 ndarray (N, …)
    y : integer ndarray (N,)
    seconds : float
        Time spent on each of the two timings, after a warm-up.
    """
    scores = np.concatenate([predict(x[i : i + BATCH]) for i in range(0, len(x), BATCH)])
    accuracy = float((scores.argmax(axis=1) == y).mean())
    single = _times(predict, x[:1], seconds) * 1e3
    batch = x[:BATCH]
    throughput = len(batch) / float(np.median(_times(predict, batch, seconds)))
    median, p99 = (float(v) for v in np.percentile(single, [50, 99]))
    return Measurement(accuracy, half_width(accuracy, len(y)), median, p99, throughput)


def half_width(accuracy, n):
    """Half of the 95 % interval of a proportion seen in n trials (normal approximation)."""
    return 1.96 * (accuracy * (1 - accuracy) / n) ** 0.5


def _times(predict, x, seconds):
    for _ in range(3):
        predict(x)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        predict(x)
        times.append(time.perf_counter() - start)
    return np.array(times)
