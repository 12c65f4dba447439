"""Golden values from larq-compute-engine 0.16.0 on x86, with which 110,000 outputs were compared."""

import math

import numpy as np
import pytest

from qbref.conventions import larq

F = np.float32
# fmt: off
X = np.array([1, 1, 1, -1, -1, 1, -1, 1, 1, -1, -1, -1, -1, -1, 1, 1, 1, 1], F).reshape(1, 3, 3, 2)
W = np.array([1, 1, -1, -1, 1, -1, -1, 1, -1, 1, 1, 1, -1, -1, -1, -1, 1, -1,
              -1, -1, 1, -1, -1, 1, 1, 1, 1, 1, -1, 1, 1, 1, -1, 1, -1, -1], F).reshape(2, 3, 3, 2)
# fmt: on
MULTIPLIER, BIAS = np.array([0.1, -0.7], F), np.array([0.3, 1 / 3], F)
ONES, ZEROS = np.ones(2, F), np.zeros(2, F)


def convolved(x, w, stride, dilation, same, pad_values):
    """The convolution of signs in a plain loop over real numbers."""
    pads, sizes = [], []
    for n, k, s, d in zip(x.shape[1:3], w.shape[1:3], stride, dilation, strict=True):
        reach = (k - 1) * d + 1
        out = math.ceil(n / s) if same else math.ceil((n - reach + 1) / s)
        total = max((out - 1) * s + reach - n, 0) if same else 0
        pads.append((total // 2, total - total // 2))
        sizes.append(out)
    padded = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=pad_values)
    y = np.zeros((len(x), *sizes, len(w)))
    for i, j, o in np.ndindex(*sizes, len(w)):
        for a, b in np.ndindex(*w.shape[1:3]):
            pixel = padded[:, i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]]
            y[:, i, j, o] += pixel @ w[o, a, b]
    return y


def signs(rng, *shape):
    return np.where(rng.random(shape) < 0.5, F(-1), F(1))


@pytest.mark.parametrize("padding, pad_values", [("VALID", 0), ("SAME", 1), ("SAME", 0)])
@pytest.mark.parametrize("stride, dilation", [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((1, 1), (2, 2))])
@pytest.mark.parametrize("channels", [2, 32, 40])
def test_the_sum_is_that_of_a_real_convolution(padding, pad_values, stride, dilation, channels):
    rng = np.random.default_rng(channels)
    x, w = signs(rng, 2, 6, 7, channels), signs(rng, 3, 3, 2, channels)
    expected = convolved(x, w, stride, dilation, padding == "SAME", pad_values)
    geometry = dict(stride=stride, dilation=dilation, padding=padding, pad_values=pad_values)
    words = larq.quantize(x), larq.quantize(w), channels
    one, zero = np.ones(3, F), np.zeros(3, F)
    for kernels in ("ref", "opt"):
        y = larq.bconv2d(*words, one, zero, kernels=kernels, **geometry)
        np.testing.assert_array_equal(y, expected.astype(F), strict=True)
    pop = larq.popcounts(*words, **geometry)
    np.testing.assert_array_equal(6 * channels - 2 * pop, expected)


def test_padding_with_zero_rounds_differently_in_the_two_kernels():
    x, w = larq.quantize(X), larq.quantize(W)
    ref, opt = (
        larq.bconv2d(x, w, 2, MULTIPLIER, BIAS, kernels=k, padding="SAME", pad_values=0).ravel()[:6]
        for k in ("ref", "opt")
    )
    # fmt: off
    assert ref.tolist() == [0.5000001192092896, -1.066666603088379, 0.10000014305114746,
                            -2.4666662216186523, 0.5000001192092896, 0.33333301544189453]
    assert opt.tolist() == [0.5000000596046448, -1.0666662454605103, 0.10000014305114746,
                            -2.4666666984558105, 0.5000001788139343, 0.33333325386047363]
    # fmt: on


@pytest.mark.parametrize("kernels", ["ref", "opt"])
def test_padding_with_one_is_the_same_in_both_kernels(kernels):
    y = larq.bconv2d(
        larq.quantize(X), larq.quantize(W), 2, MULTIPLIER, BIAS, kernels=kernels, padding="SAME", pad_values=1
    )
    # fmt: off
    assert y.ravel()[:6].tolist() == [0.30000007152557373, -2.4666662216186523, 0.10000014305114746,
                                      -1.066666603088379, 0.7000001668930054, 3.133333206176758]
    # fmt: on


def one_tap(differing, channels=8):
    """Operands of one pixel and one tap whose signs differ in that many channels."""
    x = np.ones((1, 1, 1, channels), F)
    x[..., :differing] = -1
    return larq.quantize(x), larq.quantize(np.ones((1, 1, 1, channels), F)), channels


@pytest.mark.parametrize(
    "activation, expected",
    [
        ("NONE", [8, 6, 2, 0, -2, -8]),
        ("RELU", [8, 6, 2, 0, 0, 0]),
        ("RELU6", [6, 6, 2, 0, 0, 0]),
        ("RELU_N1_TO_1", [1, 1, 1, 0, -1, -1]),
    ],
)
def test_activations_clamp_the_sum_before_the_multiplier(activation, expected):
    half = np.array([0.5], F)
    results = [larq.bconv2d(*one_tap(n), half, half, activation).item() for n in (0, 1, 3, 4, 5, 8)]
    assert results == [0.5 * e + 0.5 for e in expected]


def test_int8_output_rounds_half_away_after_the_zero_point_is_added():
    one, zero = np.ones(1, F), np.zeros(1, F)
    at = {zp: [larq.bconv2d_int8(*one_tap(n), one, zero, 4.0, zp).item() for n in range(9)] for zp in (0, -3)}
    # sums 8, 6, … −8 over 4: 2, 1.5, 1, 0.5, 0, −0.5, −1, −1.5, −2
    assert at[0] == [2, 2, 1, 1, 0, -1, -1, -2, -2]
    assert at[-3] == [-1, -2, -2, -3, -3, -4, -4, -5, -5]  # -1.5 to -2, where half away before would give -1


def test_int8_output_saturates_and_does_not_wrap():
    zero = np.zeros(1, F)
    big = np.array([100], F)
    assert [larq.bconv2d_int8(*one_tap(n), big, zero, 1.0, 0).item() for n in (0, 8)] == [127, -128]
    # 8e9 does not fit in int32: x86's integer indefinite, −2^31
    assert larq.bconv2d_int8(*one_tap(0), np.array([1e9], F), zero, 1.0, 0).item() == -128


def test_bitpacked_output_is_a_strict_comparison_packed_along_filters():
    x = larq.quantize(np.array([-1, -1, 1], F).reshape(1, 1, 1, 3))
    w = larq.quantize(np.ones((40, 1, 1, 3), F))
    thresholds = np.full(40, 2, np.int32)  # pop is 2
    thresholds[[0, 33]] = 1
    words = larq.bconv2d_bitpacked(x, w, 3, thresholds)
    assert words.shape == (1, 1, 1, 2) and words.ravel().tolist() == [1, 2]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, w: larq.popcounts(x, w, 3, padding="SAME"), "channels must be even where 'SAME' pads"),
        (
            lambda x, w: larq.bconv2d(x, w, 3, ONES[:1], ZEROS[:1], "RELU", "opt", padding="SAME"),
            "activation must be 'NONE' where 'SAME' pads with 0, got 'RELU'",
        ),
        (
            lambda x, w: larq.bconv2d_bitpacked(x, w, 3, np.zeros(1, np.int32), padding="SAME"),
            "pad_values must be 1",
        ),
        (
            lambda x, w: larq.bconv2d(
                x, w, 3, ONES[:1], ZEROS[:1], kernels="opt", padding="SAME", dilation=(1, 2)
            ),
            r"filter_words must span at most the image \(2, 2\), got \(2, 3\)",
        ),
        (lambda x, w: larq.popcounts(x, w, 3, stride=0), "stride must be one or two positive integers"),
        (lambda x, w: larq.popcounts(x, w, 3, padding="same"), "padding must be one of"),
        (lambda x, w: larq.popcounts(x, w, 3, pads=1), "geometry must be of"),
        (lambda x, w: larq.bconv2d(x, w, 3, ONES, ZEROS), "multiplier must be float32 of shape"),
        (lambda x, w: larq.bconv2d(x, w, 3, ONES[:1], np.array([np.nan], F)), "bias must be finite"),
        (lambda x, w: larq.bconv2d_int8(x, w, 3, ONES[:1], ZEROS[:1], 0.0, 0), "scale must be positive"),
        (lambda x, w: larq.bconv2d_int8(x, w, 3, ONES[:1], ZEROS[:1], 1e-46, 0), "scale must be positive"),
        (lambda x, w: larq.popcounts(x.tolist(), w, 3), "x_words must be int32 with 4 axes, got int64"),
        (lambda x, w: larq.popcounts(x, w[0], 3), "filter_words must be int32 with 4 axes"),
        (lambda x, w: larq.popcounts(x, w, "3", padding="SAME"), "channels must be an integer"),
    ],
)
def test_what_larq_refuses_or_does_not_define_is_refused(call, message):
    x = larq.quantize(np.ones((1, 2, 2, 3), F))
    w = larq.quantize(np.ones((1, 2, 2, 3), F))
    with pytest.raises((ValueError, TypeError), match=message):
        call(x, w)


def test_no_filters_give_no_channels():
    x = larq.quantize(np.ones((1, 2, 2, 4), F))
    w = np.empty((0, 2, 2, 1), np.int32)
    for padding in ("VALID", "SAME"):
        side = {"VALID": 1, "SAME": 2}[padding]
        assert larq.popcounts(x, w, 4, padding=padding).shape == (1, side, side, 0)
