from fractions import Fraction

import numpy as np
import pytest

from qbref.calibration import MinMax, MovingAverageMinMax
from qbref.quant import params_from_range


def test_the_first_batch_is_copied():
    x = np.array([-1.0, 3.0], np.float32)
    assert MovingAverageMinMax().observe(x).params() == params_from_range(-1.0, 3.0)


def test_later_batches_pull_both_ends_by_their_weight():
    observer = (
        MovingAverageMinMax(momentum=0.25).observe([-4.0, 8.0]).observe([0.0, 16.0]).observe([-3.0, 2.0])
    )
    # lo: -4 -> -3 -> -3;   hi: 8 -> 10 -> 8
    assert observer.params() == params_from_range(-3.0, 8.0)


def test_the_default_weight_is_one_hundredth():
    batches = [(-1.0, 2.0), (-5.0, 2.5), (0.0, 7.0), (-2.0, 1.0)]
    observer = MovingAverageMinMax()
    for batch in batches:
        observer.observe(np.array(batch))
    # an average in closed form: the first batch weighs 0.99³, the k-th 0.01 · 0.99^(3 - k)
    keep, weight = Fraction(99, 100), Fraction(1, 100)
    weights = [keep**3, weight * keep**2, weight * keep, weight]
    lo, hi = (
        float(sum(w * Fraction(batch[end]) for w, batch in zip(weights, batches, strict=True)))
        for end in (0, 1)
    )
    expected = params_from_range(lo, hi, n_bits=16)
    assert observer.params(n_bits=16).scale == pytest.approx(float(expected.scale), rel=2**-23)  # one ulp
    assert abs(int(observer.params(n_bits=16).zero_point) - int(expected.zero_point)) <= 1


def test_momentum_one_keeps_the_last_batch_only():
    observer = MovingAverageMinMax(momentum=1.0).observe([-9.0, 9.0]).observe([-1.0, 2.0])
    assert observer.params() == MinMax().observe([-1.0, 2.0]).params()


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.1, float("nan")])
def test_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match="momentum must be above 0 and at most 1"):
        MovingAverageMinMax(momentum)
