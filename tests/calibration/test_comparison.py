import numpy as np
import pytest

from qbref.calibration import MSE, SQNR, Entropy, Histogram, MinMax, MovingAverageMinMax, Percentile, compare
from qbref.quant import params_from_range


def skewed():
    return (np.random.default_rng(0).exponential(size=(40, 3, 50)) - 0.2).astype(np.float32)


def test_every_kind_of_observer_answers_as_it_would_by_itself():
    x = skewed()
    alone = {
        "min-max": MinMax(),
        "moving average": MovingAverageMinMax(),
        "percentile 99.99": Percentile(99.99),
        "histogram": Histogram(),
        "MSE": MSE(),
        "SQNR": SQNR(),
        "entropy": Entropy(),
    }
    table = compare(x, 4, symmetric=True)
    assert [choice.observer for choice in table] == list(alone)
    for choice, observer in zip(table, alone.values(), strict=True):
        observer.observe(x)
        assert choice.params == observer.params(4, symmetric=True)
        assert (choice.lo, choice.hi) == observer.range(n_bits=4, symmetric=True)


def test_clipped_share_and_error_by_hand():
    x = np.array([-3.0, 0.0, 1.4, 2.4, 3.0, 3.4, 3.6, 9.0], np.float32)
    observer = MinMax().observe([3.0])  # levels 0, 1, 2, 3
    observer.observe = lambda x: observer  # it keeps what it has seen
    (choice,) = compare(x, 2, {"first": observer}, signed=False)
    assert choice.params == params_from_range(0.0, 3.0, 2, signed=False)
    assert (choice.observer, choice.lo, choice.hi) == ("first", 3.0, 3.0)
    assert choice.clipped == 3 / 8  # -3, 3.6 and 9; 3.4 rounds into the range
    squares = [9, 0, 0.16, 0.16, 0, 0.16, 0.36, 36]
    assert choice.mean_squared_error == pytest.approx(sum(squares) / 8, rel=1e-6)  # float32 data


def test_min_max_clips_nothing_and_the_search_for_the_least_error_has_the_least():
    table = {choice.observer: choice for choice in compare(skewed(), 4)}
    assert table["min-max"].clipped == 0
    assert min(table, key=lambda name: table[name].mean_squared_error) == "MSE"
    assert table["MSE"].clipped > 0


def test_per_channel_choices_have_a_range_per_channel():
    table = compare(skewed() * np.float32([[[1], [10], [100]]]), axis=1)
    for choice in table:
        assert choice.params.axis == 1
        assert choice.lo.shape == choice.hi.shape == (3,)
        assert 0 <= choice.clipped < 0.01
        assert choice.hi[2] > 50 * choice.hi[0] > 0


def test_finer_scales_per_channel_lose_less():
    x = skewed() * np.float32([[[1], [10], [100]]])
    for whole, channels in zip(compare(x, 4), compare(x, 4, axis=1), strict=True):
        assert channels.mean_squared_error < whole.mean_squared_error


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="observers must hold at least one"):
        compare(skewed(), observers={})
    with pytest.raises(ValueError, match="n_bits must be from 2 to 16"):
        compare(skewed(), 1)
    with pytest.raises(ValueError, match="x must be finite"):
        compare(np.array([1.0, np.nan]))
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        compare(np.arange(3))
