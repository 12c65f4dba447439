"""Golden values: the observers of torch.ao.quantization, PyTorch 2.13.0, CPU."""

import numpy as np
import pytest

from qbref.conventions import torch as convention

FIRST, SECOND = np.float32([-3.7, -0.2, 0.9, 5.3]), np.float32([-1.1, 7.9])
SYMMETRIC = dict(qscheme="per_tensor_symmetric")
FLOAT = dict(qscheme="per_channel_affine_float_qparams")
EPS = 2.0**-23


def observed(name, options, *batches):
    observer = getattr(convention, name)(**options)
    for batch in batches:
        assert observer(batch) is batch
    return observer


@pytest.mark.parametrize(
    "name, options, scale, zero_point, ends",
    [
        ("MinMaxObserver", {}, 0.04549019783735275, 81, (-3.7, 7.9)),
        ("MinMaxObserver", dict(dtype="qint8"), 0.04549019783735275, -47, (-3.7, 7.9)),
        ("MinMaxObserver", dict(dtype="qint8", **SYMMETRIC), 0.06196078658103943, 0, (-3.7, 7.9)),
        ("MinMaxObserver", SYMMETRIC, 0.06196078658103943, 128, (-3.7, 7.9)),
        ("MinMaxObserver", dict(reduce_range=True), 0.09133858233690262, 41, (-3.7, 7.9)),
        ("MinMaxObserver", dict(dtype="qint8", reduce_range=True), 0.09133858233690262, -23, (-3.7, 7.9)),
        (
            "MinMaxObserver",
            dict(quant_min=0, quant_max=15, **SYMMETRIC),
            1.0533334016799927,
            7,
            (-3.7, 7.9),
        ),
        ("MinMaxObserver", dict(dtype="uint16", **SYMMETRIC), 0.00024109255173243582, 32768, (-3.7, 7.9)),
        (
            "MovingAverageMinMaxObserver",
            {},
            0.03529411926865578,
            104,
            (-3.6740000247955322, 5.326000213623047),
        ),
        (
            "MovingAverageMinMaxObserver",
            dict(averaging_constant=0.3),
            0.03529411926865578,
            83,
            (-2.9200000762939453, 6.080000400543213),
        ),
        ("HistogramObserver", {}, 0.04546798765659332, 81, (-3.7, 7.9)),
        ("HistogramObserver", dict(bins=64, dtype="qint8"), 0.04477941617369652, -45, (-3.7, 7.9)),
    ],
)
def test_one_range_gives_pytorchs_parameters(name, options, scale, zero_point, ends):
    observer = observed(name, options, FIRST, SECOND)
    assert (observer.min_val, observer.max_val) == tuple(np.float32(ends))
    s, z = observer.calculate_qparams()
    assert s.dtype == np.float32 and z.dtype == np.int32
    assert (s.tolist(), z.tolist()) == ([scale], [zero_point])


@pytest.mark.parametrize(
    "name, options, scale, zero_point",
    [
        ("PerChannelMinMaxObserver", {}, [0.04549019783735275, 0.04627450928092003], [81, 140]),
        (
            "PerChannelMinMaxObserver",
            dict(ch_axis=1, dtype="qint8", qscheme="per_channel_symmetric"),
            [0.029019609093666077, 0.06196078658103943],
            [0, 0],
        ),
        (
            "PerChannelMinMaxObserver",
            FLOAT,
            [0.04549019783735275, 0.04627450928092003],
            [81.3362045288086, 140.4661102294922],
        ),
        (
            "MovingAveragePerChannelMinMaxObserver",
            dict(ch_axis=1),
            [0.017911765724420547, 0.02191764861345291],
            [205, 12],
        ),
    ],
)
def test_channels_give_pytorchs_parameters(name, options, scale, zero_point):
    second = np.float32([[-1.1, 7.9], [0.25, -6.5]])
    s, z = observed(name, options, FIRST.reshape(2, 2), second).calculate_qparams()
    assert (s.tolist(), z.tolist()) == (scale, zero_point)


@pytest.mark.parametrize(
    "name, options, zero_point",
    [
        ("MinMaxObserver", {}, 0),
        ("MinMaxObserver", dict(dtype="qint8"), -128),
        ("MinMaxObserver", dict(dtype="qint32"), -(2**31)),
        ("MinMaxObserver", SYMMETRIC, 128),
        ("HistogramObserver", {}, 0),
        ("HistogramObserver", dict(dtype="qint8"), -128),
    ],
)
def test_zeros_give_the_smallest_scale(name, options, zero_point):
    s, z = observed(name, options, np.zeros(3, np.float32)).calculate_qparams()
    assert (s.item(), z.item()) == (EPS, zero_point)


@pytest.mark.parametrize(
    "name",
    [
        "MinMaxObserver",
        "MovingAverageMinMaxObserver",
        "PerChannelMinMaxObserver",
        "MovingAveragePerChannelMinMaxObserver",
        "HistogramObserver",
    ],
)
def test_nothing_observed_gives_scale_one(name):
    observer = observed(name, {}, np.empty((0, 2), np.float32))
    assert [v.tolist() for v in observer.calculate_qparams()] == [[1], [0]]
    observer(np.ones((2, 2), np.float32))
    assert observer.calculate_qparams()[0][0] != 1
    observer.reset_min_max_vals()
    assert [v.tolist() for v in observer.calculate_qparams()] == [[1], [0]]


def test_float_qparams_have_scale_one_up_to_eps():
    x = np.float32([[0, 1e-5], [-3e-5, 1e-5], [0, 1e-4]])
    s, z = observed("PerChannelMinMaxObserver", FLOAT, x).calculate_qparams()
    assert s.tolist() == [1.0, 1.5686273968640307e-07, 3.921568634268624e-07]
    assert z.tolist() == [0.0, 191.25, 0.0]


def test_the_channel_axis_may_count_from_the_back():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4) * np.float32([1, -2, 3, -4])
    observer = observed("PerChannelMinMaxObserver", dict(ch_axis=-1), x)
    assert (observer.min_val.tolist(), observer.max_val.tolist()) == ([0, -42, 6, -92], [20, -2, 66, -12])


@pytest.mark.parametrize("batch", [[1.0, np.inf], [-np.inf, 1.0], [3e38, -3e38]])
def test_infinite_ranges_give_an_infinite_scale(batch):
    s, z = observed("MinMaxObserver", {}, np.float32(batch)).calculate_qparams()
    assert (s.item(), z.item()) == (np.inf, 0)
    s, z = observed("MinMaxObserver", dict(dtype="qint32"), np.float32([1, np.inf])).calculate_qparams()
    assert (s.item(), z.item()) == (np.inf, -(2**31))


def test_nan_spoils_the_range():
    observer = observed("MinMaxObserver", {}, np.float32([1.0, np.nan]), np.float32([2.0]))
    s, z = observer.calculate_qparams()
    assert np.isnan(s.item()) and z.item() == 0


def test_the_histogram_leaves_infinities_out_and_refuses_nan():
    plain = observed("HistogramObserver", {}, FIRST)
    other = observed("HistogramObserver", {}, np.append(FIRST, np.float32([np.inf, -np.inf])))
    assert np.array_equal(plain.histogram, other.histogram) and plain.histogram.sum() == 4
    with pytest.raises(ValueError, match="x must not contain NaN"):
        plain(np.float32([np.nan]))


def test_rounding_can_carry_a_moving_minimum_past_the_maximum():
    # With c = 1 both move to −2^-30: −1 + (−2^-30 + 1) = 0 in float32, but 0 + (−2^-30 − 0) is exact
    batches = np.float32([-1, 0]), np.float32([-(2.0**-30)])
    observer = observed("MovingAverageMinMaxObserver", dict(averaging_constant=1.0), *batches)
    assert observer.min_val == 0 > observer.max_val
    with pytest.raises(ValueError, match="min_val must not exceed max_val"):
        observer.calculate_qparams()


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("MinMaxObserver", dict(dtype="qint4"), "dtype must be one of qint8, .*, got 'qint4'"),
        ("MinMaxObserver", dict(qscheme="per_channel_affine"), "qscheme must be one of per_tensor_affine"),
        ("PerChannelMinMaxObserver", SYMMETRIC, "qscheme must be one of per_channel_affine"),
        ("MinMaxObserver", dict(reduce_range=True, **SYMMETRIC), "reduce_range must be False"),
        ("MinMaxObserver", dict(quant_min=1, quant_max=7), "quant_min and quant_max must enclose 0"),
        ("HistogramObserver", dict(bins=1), "bins must be at least 2, got 1"),
    ],
)
def test_invalid_arguments_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(convention, name)(**options)


def test_the_number_of_channels_must_stay():
    observer = observed("PerChannelMinMaxObserver", {}, np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="x must have 2 channels as before, got 3"):
        observer(np.ones((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"x must have a dimension 1, got shape \(2,\)"):
        convention.PerChannelMinMaxObserver(ch_axis=1)([1.0, 2.0])


def test_a_range_needs_both_ends():
    with pytest.raises(ValueError, match="quant_min and quant_max must be given together, got -8, None"):
        convention.MinMaxObserver(quant_min=-8)


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan, np.inf, 1e39])
def test_the_smallest_scale_is_positive_and_finite(eps):
    with pytest.raises(ValueError, match="eps must be positive and finite, got"):
        convention.MinMaxObserver(eps=eps)


def test_moving_averages_take_the_arguments_of_the_plain_observers_behind_their_own():
    scheme = "per_channel_symmetric"
    observer = convention.MovingAveragePerChannelMinMaxObserver(0.5, 1, "qint8", scheme, eps=1)
    assert (observer.averaging_constant, observer.ch_axis) == (0.5, 1)
    assert (observer.dtype, observer.qscheme, observer.eps) == ("qint8", scheme, 1)
