import pickle

import numpy as np
import pytest

from qbref.calibration import MSE, Entropy, Histogram, MinMax, MovingAverageMinMax, Percentile
from qbref.quant import QuantParams, params_from_range, quantize

OBSERVERS = [MinMax, MovingAverageMinMax, Percentile, Histogram, MSE, Entropy]
every_observer = pytest.mark.parametrize("observer", OBSERVERS)


@every_observer
def test_params_before_any_data_is_an_error(observer):
    used = observer().observe([1.0])
    used.reset()
    for empty in (observer(), observer(axis=0), used):
        with pytest.raises(ValueError, match=f"{observer.__name__} must observe data before"):
            empty.params()


@every_observer
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e60])
def test_values_that_are_not_finite_are_an_error_and_leave_the_observer_unchanged(observer, value):
    watching = observer().observe([0.5, 1.0])
    before = watching.params()
    with pytest.raises(ValueError, match="x must be finite in float32"):
        watching.observe(np.array([0.0, value, 99.0]))
    assert watching.params() == before


@every_observer
def test_empty_batches_and_integer_arrays_are_refused(observer):
    with pytest.raises(ValueError, match="x must not be empty"):
        observer().observe(np.zeros((0, 3), np.float32))
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        observer().observe(np.arange(3))


@every_observer
def test_the_channels_must_stay_the_same(observer):
    watching = observer(axis=1).observe(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="x must have 3 channels as before, got 4"):
        watching.observe(np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="x must have a dimension 1"):
        watching.observe(np.ones(3, np.float32))
    with pytest.raises(TypeError, match="axis must be an integer"):
        observer(axis=0.0)


@every_observer
def test_observe_returns_the_observer_and_reset_forgets(observer):
    watching = observer()
    assert watching.observe([100.0]) is watching
    watching.reset()
    x = np.linspace(-1, 2, 50, dtype=np.float32)
    assert watching.observe(x).params() == observer().observe(x).params()


@every_observer
def test_options_reach_the_quantizer(observer):
    watching = observer().observe(np.linspace(-2, 4, 100, dtype=np.float32))
    p = watching.params(n_bits=4, signed=False, symmetric=True, narrow_range=True, rounding="half_up")
    assert isinstance(p, QuantParams)
    assert (p.qmin, p.qmax, p.zero_point, p.rounding) == (1, 15, 8, "half_up")
    plain, half_span = (watching.params(symmetric=True, symmetric_divisor=d) for d in ("qmax", "half_span"))
    assert half_span.scale < plain.scale
    with pytest.raises(ValueError, match="n_bits must be from 2 to 16"):
        watching.params(n_bits=1)


@every_observer
def test_each_channel_gets_what_it_would_get_alone(observer):
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(6, 3, 5)) * [[[1], [10], [0.1]]]).astype(np.float32) for _ in range(3)]
    for axis in (1, -2):
        together = observer(axis=axis)
        alone = [observer() for _ in range(3)]
        for batch in batches:
            together.observe(batch)
            for c in range(3):
                alone[c].observe(batch[:, c])
        p = together.params(n_bits=4)
        assert p.axis == axis
        assert p.scale.tolist() == [float(one.params(n_bits=4).scale) for one in alone]
        assert p.zero_point.tolist() == [int(one.params(n_bits=4).zero_point) for one in alone]
        assert quantize(batches[0], p).shape == (6, 3, 5)


@every_observer
def test_constant_zero_and_single_values(observer):
    assert observer().observe(np.zeros(5, np.float32)).params().scale == 1
    single = observer().observe(np.float32(2.55)).params(signed=False)
    assert single.scale == pytest.approx(0.01, rel=1e-6) and single.zero_point == 0  # float32 rounding
    constant = observer().observe(np.full((3, 4), -2.55, np.float32)).params(signed=False)
    assert constant.scale == pytest.approx(0.01, rel=1e-6) and constant.zero_point == 255


@every_observer
def test_the_data_are_not_changed_and_may_be_strided(observer):
    x = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    x.setflags(write=False)
    assert observer().observe(x.T[::2]).params() == observer().observe(x.T[::2].copy()).params()


def test_repr_names_the_options():
    assert repr(MinMax(axis=0)) == "MinMax(axis=0)"
    assert repr(Percentile(99.9)) == "Percentile(percentile=99.9, n_bins=4096, axis=None)"


@every_observer
def test_params_are_those_of_the_range(observer):
    x = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)
    for axis in (None, 1):
        watching = observer(axis=axis).observe(x)
        lo, hi = watching.range(n_bits=4, symmetric=True)
        assert params_from_range(lo, hi, 4, symmetric=True, axis=axis) == watching.params(4, symmetric=True)
        assert np.shape(lo) == np.shape(hi) == (() if axis is None else (3,))
    with pytest.raises(ValueError, match="must observe data before"):
        observer().range(n_bits=4)


@every_observer
def test_memory_does_not_grow_with_the_data(observer):
    watching = observer(axis=0)
    rng = np.random.default_rng(3)
    sizes = []
    for n_values in (2, 20_000):
        for _ in range(10):
            watching.observe(rng.normal(size=(3, n_values)))
        sizes.append(len(pickle.dumps(watching)))
    assert sizes[1] <= sizes[0] + 100  # small integers and floats may take some bytes more


@every_observer
def test_one_sided_data_keep_zero_at_their_end(observer):
    x = np.random.default_rng(4).exponential(size=2000).astype(np.float32)
    assert observer().observe(x).params().zero_point == -128
    assert observer().observe(-x).params().zero_point == 127


@every_observer
def test_values_of_any_size_that_float32_holds(observer):
    x = np.random.default_rng(5).uniform(-1, 1, size=500)
    for factor in (1e-44, 1e-30, 1e30, 3.4e38):
        p = observer().observe(x * factor).params()
        assert 1.8 * factor < 255 * float(p.scale) < 2.1 * factor + 255 * 1.5e-45  # rounded up when subnormal
