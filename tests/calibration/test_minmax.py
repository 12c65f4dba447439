import numpy as np

from qbref.calibration import MinMax
from qbref.quant import params_from_range


def test_the_extremes_of_all_batches_count():
    observer = MinMax().observe([0.5, 1.0]).observe([-3.0, 2.0]).observe([1.5])
    assert observer.params() == params_from_range(-3.0, 2.0)
    assert observer.params(n_bits=4, symmetric=True) == params_from_range(-3.0, 2.0, 4, symmetric=True)


def test_channels_by_hand():
    x = np.array([[1.0, -2.0], [3.0, 5.0]], np.float32)
    assert MinMax(axis=0).observe(x).params() == params_from_range([-2.0, 3.0], [1.0, 5.0], axis=0)
    assert MinMax(axis=-1).observe(x).params() == params_from_range([1.0, -2.0], [3.0, 5.0], axis=-1)


def test_batches_may_come_in_any_cut():
    x = np.random.default_rng(0).normal(size=100).astype(np.float32)
    whole, parts = MinMax().observe(x), MinMax()
    for part in np.split(x, [1, 17, 60]):
        parts.observe(part)
    assert whole.params() == parts.params()
