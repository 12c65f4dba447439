import numpy as np
import pytest

from qbref.calibration import Entropy, MinMax


def normal(count=100_000, seed=0):
    return np.random.default_rng(seed).normal(size=count).astype(np.float32)


def test_a_lone_outlier_is_clipped():
    x = np.append(normal(), np.float32(60))
    lo, hi = Entropy().observe(x).range(n_bits=8)
    assert 3 < hi < 6
    assert lo == max(x.min(), -hi)


def test_uniform_data_are_kept_whole():
    x = np.random.default_rng(1).uniform(-1, 1, size=200_000).astype(np.float32)
    lo, hi = Entropy().observe(x).range(n_bits=8)
    assert lo < -0.98 and hi > 0.98


def test_zeros_do_not_count():
    x = normal(20_000)
    sparse = np.concatenate([x, np.zeros(500_000, np.float32), -np.zeros(1000, np.float32)])
    assert Entropy().observe(sparse).range(n_bits=8) == Entropy().observe(x).range(n_bits=8)


def test_after_relu_the_range_stays_near_the_largest_values():
    # counted among the smallest values, half a layer of zeros pulls the threshold down to 2 or so
    lo, hi = Entropy().observe(np.maximum(normal(), 0)).range(n_bits=8)
    assert lo == 0 and hi > 3


def test_there_are_thousands_of_candidates_or_an_error():
    observer = Entropy(n_bins=512).observe(normal())
    assert observer.params(n_bits=8).n_bits == 8  # 128 levels of |x|
    with pytest.raises(ValueError, match="n_bins must be at least 4 · 256 for 256 levels, got 512"):
        observer.params(n_bits=9)
    with pytest.raises(ValueError, match="n_bins must be at least 4 · 256"):
        Entropy(n_bins=1023).observe(np.abs(normal())).params(n_bits=8)
    assert Entropy(n_bins=1023).observe(np.abs(normal())).params(n_bits=8, symmetric=True).zero_point == 0


def test_fewer_levels_clip_more():
    observer = Entropy().observe(np.random.default_rng(2).laplace(size=100_000).astype(np.float32))
    his = [observer.range(n_bits=n)[1] for n in (3, 4, 6, 8)]
    assert his == sorted(his) and his[0] < 0.7 * his[-1]


@pytest.mark.parametrize("sign", [1, -1])
def test_both_signs_share_the_threshold_but_never_leave_the_data(sign):
    x = sign * np.append(np.random.default_rng(3).exponential(size=10_000), -0.25).astype(np.float32)
    lo, hi = Entropy().observe(x).range(n_bits=4)
    small, large = (lo, hi) if sign > 0 else (hi, lo)
    assert small == -sign * 0.25
    assert 4 < abs(large) < np.abs(x).max()


def test_data_mirrored_about_zero_mirror_the_range():
    x = np.random.default_rng(4).exponential(size=5000).astype(np.float32)
    lo, hi = Entropy().observe(x).range(n_bits=4)
    mirrored = Entropy().observe(-x).range(n_bits=4)
    assert mirrored == (-hi, -lo)


def test_the_scale_of_the_data_does_not_matter():
    x = normal(10_000)
    lo, hi = Entropy().observe(x).range(n_bits=6)
    for exponent in (-100, 100):
        scaled = Entropy().observe(np.ldexp(x, exponent)).range(n_bits=6)
        assert scaled == (np.ldexp(lo, exponent), np.ldexp(hi, exponent))


def test_batches_may_come_in_any_cut_and_order():
    x = np.append(normal(5000), [0, 0, 30]).astype(np.float32)
    whole, parts = Entropy().observe(x), Entropy()
    for part in np.array_split(np.sort(x)[::-1], 13):
        parts.observe(part)
    assert whole.params() == parts.params()


def test_few_and_constant_values_are_kept_whole():
    for x in ([-1.5, -1.5], [0.0, 0.0], [2.5], [1.0, 2.0, 4.0]):
        assert Entropy().observe(x).params() == MinMax().observe(x).params()


def test_too_few_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 2, got 1"):
        Entropy(n_bins=1)
