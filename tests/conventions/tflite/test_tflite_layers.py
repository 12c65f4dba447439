import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.tflite import activation_range, conv_2d, depthwise_conv_2d, fully_connected

KERNELS = ("ref", "opt", "xnnpack")
QUARTERS = np.array([1, 2, 3, -1, -2, -3, 5, 6, 7, -5, -6, -7], np.int8)


def naive_convolution(x, x_zero_point, w, bias, stride, padding, dilation):
    """Python's integers over all indices; w (O, KH, KW, I), groups by the channels, padding real 0."""
    n, h, width, c = x.shape
    o, kh, kw, depth = w.shape
    (sh, sw), (dh, dw) = stride, dilation
    if padding == "SAME":
        oh, ow = math.ceil(h / sh), math.ceil(width / sw)
        top = max((oh - 1) * sh + (kh - 1) * dh + 1 - h, 0) // 2
        left = max((ow - 1) * sw + (kw - 1) * dw + 1 - width, 0) // 2
    else:
        oh, ow, top, left = (h - (kh - 1) * dh - 1) // sh + 1, (width - (kw - 1) * dw - 1) // sw + 1, 0, 0
    acc = np.zeros((n, oh, ow, o), object)
    for image, i, j, k in np.ndindex(acc.shape):
        group = k // (o // (c // depth))
        total = int(bias[k])
        for a, b, channel in np.ndindex(kh, kw, depth):
            row, column = i * sh - top + a * dh, j * sw - left + b * dw
            if 0 <= row < h and 0 <= column < width:
                value = int(x[image, row, column, group * depth + channel]) - x_zero_point
                total += value * int(w[k, a, b, channel])
        acc[image, i, j, k] = total
    return acc


def float32_rounded(acc, m):
    """XNNPACK's rule in exact arithmetic: one float32 product, half to even."""
    return round(Fraction(float(np.float32(acc) * np.float32(m))))


def test_a_quarter_is_rounded_as_each_runtime_does():
    """The same numbers in LiteRT 2.3.0: FULLY_CONNECTED and CONV_2D, three resolvers."""
    one = np.ones((1, 1), np.int8)
    outputs = {
        ("fc", "ref"): [0, 1, 1, 0, -1, -1, 1, 2, 2, -1, -2, -2],
        ("conv", "ref"): [1, 1, 1, 0, -1, -1, 2, 2, 2, -1, -2, -2],
        ("fc", "opt"): [1, 1, 1, 0, 0, 0, 2, 2, 2, -1, -1, -1],
        ("conv", "opt"): [1, 1, 1, 0, 0, 0, 2, 2, 2, -1, -1, -1],
        ("fc", "xnnpack"): [0, 0, 1, 0, 0, -1, 1, 2, 2, -1, -2, -2],
        ("conv", "xnnpack"): [0, 0, 1, 0, 0, -1, 1, 2, 2, -1, -2, -2],
    }
    for (layer, kernels), expected in outputs.items():
        if layer == "fc":
            y = fully_connected(QUARTERS[:, None], 0.25, 0, one, 1.0, 1.0, 0, kernels=kernels)
        else:
            images = QUARTERS.reshape(1, 3, 4, 1)
            y = conv_2d(images, 0.25, 0, one.reshape(1, 1, 1, 1), 1.0, 1.0, 0, kernels=kernels)
        assert y.ravel().tolist() == expected, (layer, kernels)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("channels", [3, 6])
def test_convolution_sums_what_a_plain_loop_sums(padding, channels):
    rng = np.random.default_rng(8)
    x = rng.integers(-128, 128, (2, 6, 7, channels)).astype(np.int8)
    w = rng.integers(-127, 128, (4, 3, 2, 3)).astype(np.int8)
    bias = rng.integers(-900, 900, 4).astype(np.int32)
    for stride, dilation in (((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 3))):
        acc = naive_convolution(x, 5, w, bias, stride, padding, dilation)
        y = conv_2d(x, 0.5, 5, w, 0.01, 7.0, -3, bias, stride, padding, dilation, kernels="xnnpack")
        m = np.float32(0.5) * np.float32(0.01) / np.float32(7.0)
        expected = [min(max(float32_rounded(v, m) - 3, -128), 127) for v in acc.ravel()]
        assert y.shape == acc.shape
        assert y.ravel().tolist() == expected


@pytest.mark.parametrize("depth_multiplier", [1, 3])
def test_depthwise_convolution_is_a_convolution_of_as_many_groups_as_channels(depth_multiplier):
    rng = np.random.default_rng(9)
    x = rng.integers(-128, 128, (2, 6, 7, 5)).astype(np.int8)
    w = rng.integers(-127, 128, (1, 3, 2, 5 * depth_multiplier)).astype(np.int8)
    scales = rng.uniform(0.01, 0.02, w.shape[3]).astype(np.float32)
    bias = rng.integers(-900, 900, w.shape[3]).astype(np.int32)
    filters = np.ascontiguousarray(w.transpose(3, 1, 2, 0))
    for kernels in ("ref", "xnnpack"):
        for geometry in ((1, "SAME", 1), (2, "VALID", 1), (1, "SAME", (2, 1))):
            constants = (scales, 0.9, -3, bias, *geometry, "relu6", kernels)
            depthwise = depthwise_conv_2d(x, 0.5, 5, w, *constants)
            assert np.array_equal(depthwise, conv_2d(x, 0.5, 5, filters, *constants))


def test_the_optimized_depthwise_kernel_rounds_by_channel():
    """Channels in blocks of eight half up, the rest away from zero: LiteRT 2.3.0 on x86-64."""
    x, w = np.full((1, 1, 2, 11), -2, np.int8), np.ones((1, 1, 1, 11), np.int8)
    y = depthwise_conv_2d(x, 0.25, 0, w, 1.0, 1.0, 0, kernels="opt")
    assert y.tolist() == [[[[0] * 8 + [-1] * 3] * 2]]


def test_grouped_convolutions_have_no_optimized_kernel():
    x, w = np.full((1, 1, 1, 2), -2, np.int8), np.ones((2, 1, 1, 1), np.int8)
    assert conv_2d(x, 0.25, 0, w, 1.0, 1.0, 0, kernels="opt").ravel().tolist() == [-1, -1]
    dense = np.array([1, 0], np.int8).reshape(1, 1, 1, 2)
    assert conv_2d(x, 0.25, 0, dense, 1.0, 1.0, 0, kernels="opt").ravel().tolist() == [0]


def test_the_accumulator_wraps_around_in_int32():
    """A sum just beyond 2^31 becomes negative; the bias takes it there."""
    x, w = np.array([[127]], np.int8), np.array([[1]], np.int8)
    top = np.array([2**31 - 1], np.int32)
    for kernels in KERNELS:
        assert fully_connected(x, 1.0, 0, w, 1.0, 2.0**25, 0, top, kernels=kernels).item() == -64
        image, taps = x.reshape(1, 1, 1, 1), w.reshape(1, 1, 1, 1)
        assert conv_2d(image, 1.0, 0, taps, 1.0, 2.0**25, 0, top, kernels=kernels).item() == -64
        assert depthwise_conv_2d(image, 1.0, 0, taps, 1.0, 2.0**25, 0, top, kernels=kernels).item() == -64


def test_long_sums_wrap_around_too():
    """140,000 products of -128 · -127 are 2,275,840,000 = -2,019,127,296 modulo 2^32."""
    x, w = np.full((1, 140_000), -128, np.int8), np.full((1, 140_000), -127, np.int8)
    assert fully_connected(x, 1.0, 0, w, 1.0, 2.0**25, 0).item() == -60  # -60.17


def test_sums_of_int16_do_not_wrap():
    x, w = np.full((1, 9000), -32768, np.int16), np.full((1, 9000), -127, np.int8)  # 37,453,824,000
    assert fully_connected(x, 1.0, 0, w, 1.0, 2.0**22, 0).item() == 8930  # 8929.69
    image, taps = x.reshape(1, 1, 1, -1), w.reshape(1, 1, 1, -1)
    assert conv_2d(image, 1.0, 0, taps, 1.0, 2.0**22, 0).item() == 8930


def test_int16_ties_depend_on_the_type_of_the_bias():
    """-2 quarters: the optimized kernel hands an int64 bias to the reference kernel (LiteRT 2.3.0)."""
    x, w = np.array([[-2]], np.int16), np.ones((1, 1), np.int8)
    for bias, expected in ((None, 0), (np.zeros(1, np.int32), 0), (np.zeros(1, np.int64), -1)):
        assert fully_connected(x, 0.25, 0, w, 1.0, 1.0, 0, bias, kernels="opt").item() == expected
        assert fully_connected(x, 0.25, 0, w, 1.0, 1.0, 0, bias, kernels="ref").item() == -1


def test_one_scale_and_one_per_channel_take_different_products():
    """Per tensor the optimized kernel rounds x_scale · w_scale to float32 first, per channel it does not.

    The product of 0.1 and 0.3 in float32 is off by 2^-26 of itself or so, which moves one of many near-ties.
    """
    x, w = np.arange(-32768, 32768).astype(np.int16)[:, None], np.array([[127], [127]], np.int8)
    differences = []
    for scale in (0.3, 0.7, 1.1, 1.3):
        scales = np.array([scale, scale], np.float32)
        tensor = fully_connected(x, 0.1, 0, w, scales[0], 12.9, 0, kernels="opt")
        channel = fully_connected(x, 0.1, 0, w, scales, 12.9, 0, kernels="opt")
        differences.append(np.abs(tensor.astype(int) - channel).max())
        alone = fully_connected(x, 0.1, 0, w, scales[:1], 12.9, 0, kernels="opt")
        assert np.array_equal(alone, tensor)  # LiteRT takes a list of one scale for per tensor
    assert max(differences) == 1


def test_the_product_of_the_scales_comes_before_the_quotient():
    """XNNPACK: m = (x_scale · w_scale) / y_scale in float32, not another order."""
    x, w = np.array([[127]], np.int8), np.array([[127]], np.int8)
    rng, seen = np.random.default_rng(0), 0
    for x_scale, w_scale in rng.uniform(0.1, 0.9, (400, 2)).astype(np.float32):
        y_scale = np.float32(float(x_scale) * float(w_scale) * 16129 / 100.5)
        ordered = np.float32(16129) * (x_scale * w_scale / y_scale)
        swapped = np.float32(16129) * (x_scale * (w_scale / y_scale))
        if np.rint(ordered) != np.rint(swapped):
            y = fully_connected(x, x_scale, 0, w, w_scale, y_scale, 0, kernels="xnnpack")
            assert y.item() == np.rint(ordered)
            seen += 1
    assert seen > 0


def test_activation_limits_round_away_and_xnnpack_adds_the_zero_point_first():
    """1 / 2 = 0.5 and 6 / 4 = 1.5 steps. XNNPACK in LiteRT 2.3.0 at scale 2, zero point 126 gives 126."""
    assert activation_range("relu_n1_to_1", 2.0, 126, np.int8) == (125, 127)
    assert activation_range("relu_n1_to_1", 2.0, 126, np.int8, "opt") == (125, 127)
    assert activation_range("relu_n1_to_1", 2.0, 126, np.int8, "xnnpack") == (126, 126)
    assert activation_range("relu6", 4.0, -65, np.int8) == (-65, -63)
    assert activation_range("relu6", 4.0, -65, np.int8, "xnnpack") == (-65, -64)
    assert activation_range("relu6", 12.0, 0, np.int16, "xnnpack") == (0, 1)


def test_activation_limits_stay_within_the_dtype():
    assert activation_range("none", 0.1, 0, np.int16) == (-32768, 32767)
    assert activation_range("relu", 0.1, 5, np.uint8) == (5, 255)
    assert activation_range("relu6", 0.001, 0, np.int8) == (0, 127)
    with pytest.raises(ValueError, match="activation must be one of none, relu"):
        activation_range("gelu", 0.1, 0, np.int8)


@pytest.mark.parametrize("kernels", KERNELS)
def test_the_activation_clips_the_output(kernels):
    x, w = np.arange(-128, 128).astype(np.int8)[:, None], np.ones((1, 1), np.int8)
    y = fully_connected(x, 1.0, 0, w, 1.0, 0.5, -10, activation="relu6", kernels=kernels)
    assert (y.min(), y.max()) == (-10, 2)


@pytest.mark.parametrize("kernels", KERNELS)
def test_no_rows_give_no_rows(kernels):
    w = np.ones((3, 4), np.int8)
    assert fully_connected(np.zeros((0, 4), np.int8), 1.0, 0, w, 1.0, 1.0, 0, kernels=kernels).shape == (0, 3)
    x = np.zeros((0, 5, 5, 4), np.int8)
    assert conv_2d(x, 1.0, 0, w.reshape(3, 1, 1, 4), 1.0, 1.0, 0, kernels=kernels).shape == (0, 5, 5, 3)


def test_what_does_not_fit_is_refused():
    x, w = np.zeros((2, 4), np.int8), np.zeros((3, 4), np.int8)
    with pytest.raises(ValueError, match=r"w must have shape \(N, K\)"):
        fully_connected(x, 1.0, 0, w.T, 1.0, 1.0, 0)
    with pytest.raises(TypeError, match="w must be int8, got int16"):
        fully_connected(x, 1.0, 0, w.astype(np.int16), 1.0, 1.0, 0)
    with pytest.raises(TypeError, match="bias must be int32, got int64"):
        fully_connected(x, 1.0, 0, w, 1.0, 1.0, 0, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="x_zero_point must be 0 for int16, got 3"):
        fully_connected(x.astype(np.int16), 1.0, 3, w, 1.0, 1.0, 0)
    image = np.zeros((1, 4, 4, 2), np.int8)
    with pytest.raises(ValueError, match="padding must be 'SAME' or 'VALID', got 'FULL'"):
        conv_2d(image, 1.0, 0, np.zeros((1, 1, 1, 2), np.int8), 1.0, 1.0, 0, padding="FULL")
    with pytest.raises(ValueError, match="stride must be a positive integer or a pair"):
        conv_2d(image, 1.0, 0, np.zeros((1, 1, 1, 2), np.int8), 1.0, 1.0, 0, stride=0)
    with pytest.raises(ValueError, match="the window must fit into the image"):
        conv_2d(image, 1.0, 0, np.zeros((1, 5, 1, 2), np.int8), 1.0, 1.0, 0)
    with pytest.raises(ValueError, match=r"w must have shape \(1, KH, KW, C·M\)"):
        depthwise_conv_2d(image, 1.0, 0, np.zeros((1, 1, 1, 3), np.int8), 1.0, 1.0, 0)


def test_a_list_of_one_scale_is_one_scale():
    """LiteRT 2.3.0 with w_scale a list of one; the product in float64 gives -84."""
    x, w, bias = np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8), np.array([-443024], np.int32)
    for w_scale in (0.054687556, [0.054687556]):
        y = fully_connected(x, 0.12775537, 0, w, w_scale, 36.63006, 0, bias, kernels="opt")
        assert y.tolist() == [[-85]]


def test_what_does_not_fit_in_32_bits_is_the_least_of_them_in_the_reference_kernel():
    """LiteRT 2.3.0: 1 / 1e-10 is converted to -2^31."""
    x, w = np.array([[1], [-1], [0]], np.int8), np.ones((1, 1), np.int8)
    assert fully_connected(x, 1.0, 0, w, 1.0, 1e-10, 0).ravel().tolist() == [-128, -128, 0]


def test_xnnpack_refuses_a_multiplier_of_256():
    x, w = np.ones((1, 1, 1, 1), np.int8), np.ones((1, 1, 1, 1), np.int8)
    for layer, *arrays in (
        (conv_2d, x, w),
        (depthwise_conv_2d, x, w),
        (fully_connected, x[0, 0], w[0, 0]),
    ):
        image, filters = arrays
        assert layer(image, 250.0, 0, filters, 1.0, 1.0, 0, kernels="xnnpack").item() == 127
        for x_scale in (256.0, 1e38):
            with pytest.raises(ValueError, match="x_scale · w_scale / y_scale must be below 256"):
                layer(image, x_scale, 0, filters, 10.0, 10.0, 0, kernels="xnnpack")


IMAGE, FILTERS = np.ones((1, 2, 2, 4), np.int8), np.ones((4, 1, 1, 4), np.int8)
LAYERS = (
    (fully_connected, IMAGE, FILTERS[:, 0, 0]),
    (conv_2d, IMAGE, FILTERS),
    (depthwise_conv_2d, IMAGE, FILTERS[:1]),
)


@pytest.mark.parametrize("layer, x, w", LAYERS)
@pytest.mark.parametrize(
    "error, match, changed",
    [
        (TypeError, "zero_point must be an integer", dict(y_zero_point=2.7)),
        (TypeError, "zero_point must be an integer", dict(y_zero_point=True)),
        (ValueError, r"zero_point must lie within \[-128, 127\], got 1000", dict(y_zero_point=1000)),
        (ValueError, r"x_zero_point must lie within \[-128, 127\], got 128", dict(x_zero_point=128)),
        (TypeError, "x_zero_point must be an integer", dict(x_zero_point=[0, 1])),
        (ValueError, r"x_scale must be one number, got shape \(4,\)", dict(x_scale=[1.0] * 4)),
        (ValueError, r"y_scale must be one number, got shape \(4,\)", dict(y_scale=[1.0] * 4)),
        (ValueError, r"w_scale must be one number or 4, got shape \(3,\)", dict(w_scale=[1.0] * 3)),
        (ValueError, r"bias must have shape \(4,\), got \(\)", dict(bias=np.int32(1))),
        (ValueError, r"bias must have shape \(4,\), got \(1,\)", dict(bias=np.int32([1]))),
        (ValueError, "activation must be one of", dict(activation="gelu")),
    ],
)
def test_layers_check_their_arguments(layer, x, w, error, match, changed):
    arguments = dict(x_scale=1.0, x_zero_point=0, w_scale=1.0, y_scale=1.0, y_zero_point=0)
    with pytest.raises(error, match=match):
        layer(x=x, w=w, **(arguments | changed))


@pytest.mark.parametrize("layer", [conv_2d, depthwise_conv_2d])
def test_filters_and_channels_are_not_empty(layer):
    def run(image, filters):
        return layer(np.zeros(image, np.int8), 1.0, 0, np.zeros(filters, np.int8), 1.0, 1.0, 0)

    for channels, filters in ((1, (1, 0, 1, 1)), (1, (1, 1, 1, 0)), (0, (1, 1, 1, 1))):
        with pytest.raises(ValueError, match="w must have shape"):
            run((1, 2, 2, channels), filters)
    with pytest.raises(ValueError, match="the window must fit into the image"):
        run((1, 0, 2, 1), (1, 1, 1, 1))
    assert run((0, 2, 2, 1), (1, 1, 1, 1)).shape == (0, 2, 2, 1)


def test_an_activation_range_checks_its_arguments():
    for error, match, changed in (
        (ValueError, "kernels must be 'ref', 'opt' or 'xnnpack', got 'foo'", dict(kernels="foo")),
        (ValueError, "scale must be finite and positive", dict(scale=-1)),
        (ValueError, "zero_point must lie within", dict(zero_point=300)),
        (TypeError, "dtype must be int8, uint8 or int16", dict(dtype=np.int32)),
    ):
        with pytest.raises(error, match=match):
            activation_range(**(dict(activation="relu6", scale=1.0, zero_point=0, dtype=np.int8) | changed))


def test_extreme_scales_give_neither_warnings_nor_errors():
    assert activation_range("relu6", 1e-39, 0, np.int8) == (0, 127)
    x, w = np.array([[1], [-1]], np.int8), np.ones((1, 1), np.int8)
    for kernels in ("ref", "opt"):
        assert fully_connected(x, 1e-38, 0, w, 1e-38, 3e38, 0, kernels=kernels).ravel().tolist() == [0, 0]
    image, filters = x[None, None], w[None, None]
    assert conv_2d(image, 1e-38, 0, filters, 1e-38, 3e38, 0).ravel().tolist() == [0, 0]


@pytest.mark.parametrize("kernels", KERNELS)
def test_layers_are_the_same_in_parts_as_in_one(monkeypatch, kernels):
    rng = np.random.default_rng(6)
    x = rng.integers(-128, 128, (3, 7, 6, 4)).astype(np.int8)
    w, depthwise = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((6, 3, 2, 4), (1, 3, 2, 12)))
    calls = (
        lambda: conv_2d(x, 0.1, 3, w, 0.02, 5.0, 1, padding="SAME", stride=(2, 1), kernels=kernels),
        lambda: conv_2d(x, 0.1, 3, w[..., :2], 0.02, 5.0, 1, dilation=2, kernels=kernels),
        lambda: depthwise_conv_2d(x, 0.1, 3, depthwise, 0.02, 0.5, 1, padding="SAME", kernels=kernels),
    )
    whole = [call() for call in calls]
    for largest in (1, 1000, 10_000):  # an output, rows, an image and more
        monkeypatch.setattr("qbref.conventions.parts.LARGEST", largest)
        for call, expected in zip(calls, whole, strict=True):
            assert np.array_equal(call(), expected)
