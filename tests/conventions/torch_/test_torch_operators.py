"""Behaviour at overflow: observed in PyTorch 2.13.0, CPU; else worked out by hand."""

import numpy as np
import pytest

from qbref.conventions.torch import Quantized, quantized_conv2d, quantized_linear, requantize

ENGINES = ("fbgemm", "qnnpack", "onednn")
every_engine = pytest.mark.parametrize("engine", ENGINES)
F = np.float32


def scalar_requantize(acc, bias, sx, sw, sy, zy, engine, per_channel):
    """One sum; float64 holds every product of two float32 numbers, so each F() is one rounding."""
    sx, sw, sy, p = F(sx), F(sw), F(sy), F(acc)
    if engine == "onednn":
        k = F(F(1) / F(F(1) / sx)) * F(F(1) / F(F(1) / sw))
        level = F(p * F(k)) + (F(0) if bias is None else bias)
        y = round(float(F(F(level) * F(F(1) / sy)) + F(zy)))
    elif engine == "qnnpack":
        a = F(sx * sw)
        b = 0 if bias is None else round(float(F(bias * F(F(1) / a))))
        y = round(float(F(F(acc + b) * F(a * F(F(1) / sy))))) + zy
    else:
        a = F(sx * sw)
        if bias is not None and per_channel:
            p = F(p + F(bias / a))
        elif bias is not None:
            p = F(np.longdouble(bias) * np.longdouble(F(1.0 / np.float64(a))) + np.longdouble(p))
        y = round(float(F(p * F(a / sy)))) + zy
    return min(max(y, 0), 255)


@every_engine
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_requantization_follows_the_formula_around_ties(engine, per_channel, with_bias):
    rng = np.random.default_rng(0)
    for _ in range(40):
        powers = rng.integers(0, 2)
        sx, sy = (2.0 ** -rng.integers(1, 5, 2)) if powers else rng.uniform(0.01, 0.2, 2)
        sw = 2.0 ** -rng.integers(1, 6, 3) if powers else rng.uniform(0.01, 0.2, 3)
        sw = sw if per_channel else np.full(3, sw[0])
        zy = int(rng.integers(0, 256))
        bias = F(rng.integers(-40, 40, 3) / 8) if with_bias else None
        acc = rng.integers(-300, 300, (5, 3)).astype(np.int32)
        y = requantize(acc, bias, sx, sw if per_channel else sw[0], sy, zy, engine)
        for i, row in enumerate(acc):
            for j, a in enumerate(row):
                b = None if bias is None else bias[j]
                assert y[i, j] == scalar_requantize(int(a), b, sx, sw[j], sy, zy, engine, per_channel)


@pytest.mark.parametrize(
    "engine, acc, bias, sx, sw, sy, expected",
    [  # torch.ops.quantized.linear, PyTorch 2.13.0, CPU
        ("fbgemm", 2546, None, 0.1565, 0.146, 0.2687, 217),  # 216 if divided
        ("fbgemm", 2786, None, 0.1628, 0.0904, 0.2818, 146),
        ("fbgemm", 15153, -1.49, 0.006, 0.2451, 0.148, 140),  # 141 without the fused multiply-add
        ("fbgemm", 668, 1.18, 0.0625, 0.0198, 0.0599, 33),
        ("qnnpack", 33364, None, 0.0069, 0.1914, 0.235, 187),  # 188 if divided
        ("qnnpack", 34305, None, 0.0532, 0.0192, 0.253, 138),
        ("onednn", 6221, None, 0.0553, 0.1384, 0.2809, 170),  # 169 if the scales were not inverted twice
        ("onednn", 1542, None, 0.2337, 0.0955, 0.2302, 150),
    ],
)
def test_sums_where_a_single_rounding_decides(engine, acc, bias, sx, sw, sy, expected):
    bias = None if bias is None else F([bias])
    assert requantize(np.array([acc], np.int32), bias, sx, sw, sy, 0, engine).tolist() == [expected]


@pytest.mark.parametrize(
    "acc, bias, sx, sw, sy, expected",
    [(4296, -2.24, 0.1575, 0.005, 0.0322, 36), (48485, 0.47, 0.0067, 0.0103, 0.0167, 229)],
)
def test_fbgemm_divides_the_bias_by_the_scales_of_channels(acc, bias, sx, sw, sy, expected):
    # torch.ops.quantized.linear, PyTorch 2.13.0, CPU; one less if multiplied by the reciprocal
    y = requantize(np.array([[acc]], np.int32), F([bias]), sx, [sw], sy, 0, "fbgemm")
    assert y.item() == expected


def test_onednn_adds_the_zero_point_before_rounding():
    acc = np.array([-5, -3, -1, 1, 3, 5], np.int32)  # halves: −2.5, −1.5, …
    y = {engine: requantize(acc, None, 0.5, 1.0, 1.0, 3, engine).tolist() for engine in ENGINES}
    assert y["fbgemm"] == y["qnnpack"] == [1, 1, 3, 3, 5, 5]
    assert y["onednn"] == [0, 2, 2, 4, 4, 6]


def test_a_bias_is_rounded_to_an_integer_by_qnnpack_alone():
    # bias 0.3 of a sum's unit: 1 + 0.3 = 1.3 units of 0.4 = 0.52 -> 1; qnnpack rounds 0.3 to 0 and 0.4 to 0
    acc, bias = np.array([1], np.int32), F([0.3])
    y = {engine: requantize(acc, bias, 1.0, 1.0, 2.5, 0, engine).item() for engine in ENGINES}
    assert y == {"fbgemm": 1, "qnnpack": 0, "onednn": 1}


def test_relu_clips_at_the_zero_point():
    acc = np.array([-9, 9, 900], np.int32)
    for engine in ENGINES:
        assert requantize(acc, None, 1.0, 1.0, 1.0, 7, engine, relu=True).tolist() == [7, 16, 255]
        assert requantize(acc, None, 1.0, 1.0, 1.0, 7, engine).tolist() == [0, 16, 255]


def test_levels_beyond_int32_become_zero_except_in_onednn():
    acc = np.array([32_258_000, -32_258_000], np.int32)
    for scale in (1e-3, 1e-5, 1e-30):
        assert requantize(acc, None, 1.0, 1.0, scale, 200, "fbgemm").tolist() == [0, 0]
        assert requantize(acc, None, 1.0, 1.0, scale, 200, "qnnpack").tolist() == [0, 0]
        assert requantize(acc, None, 1.0, 1.0, scale, 200, "onednn").tolist() == [255, 0]


def test_a_huge_bias_saturates_in_qnnpack_and_the_sum_wraps():
    # 2^31 − 1 + 0 stays large, 2^31 − 1 + 1 becomes −2^31
    y = requantize(np.array([0, 1], np.int32)[:, None], F([1e12]), 1.0, 1.0, 1e5, 0, "qnnpack")
    assert y.tolist() == [[255], [0]]


@every_engine
def test_a_linear_layer_sums_differences_from_the_zero_points(engine):
    rng = np.random.default_rng(1)
    x, w = rng.integers(0, 256, (2, 4, 9)).astype(np.uint8), rng.integers(-128, 128, (5, 9)).astype(np.int8)
    zw = np.zeros(5, int) if engine == "onednn" else np.array([0, 3, -7, 127, -128])
    sw = np.arange(1, 6) / 64
    y = quantized_linear(Quantized(x, 0.1, 77), Quantized(w, sw, zw), None, 2.0, 100, engine)
    acc = (x.astype(int) - 77) @ (w.astype(int) - zw[:, None]).T
    assert np.array_equal(y, requantize(acc.astype(np.int32), None, 0.1, sw, 2.0, 100, engine))
    assert y.shape == (2, 4, 5) and y.dtype == np.uint8


@every_engine
@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 0, 1, 1), ((2, 1), 1, (1, 2), 2)])
def test_a_convolution_is_a_linear_layer_on_each_window(engine, stride, padding, dilation, groups):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (2, 4, 6, 7)).astype(np.uint8)
    w = rng.integers(-128, 128, (6, 4 // groups, 3, 2)).astype(np.int8)
    bias, sw = rng.normal(size=6).astype(F), np.arange(1, 7) / 50
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, engine=engine)
    y = quantized_conv2d(Quantized(x, 0.1, 9), Quantized(w, sw), bias, 3.0, 101, **options)
    (sh, sw_), p, (dh, dw) = np.broadcast_to(stride, 2), padding, np.broadcast_to(dilation, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=9)
    share, per_group = 4 // groups, 6 // groups
    for (n, o, i, j), value in np.ndenumerate(y):
        channels = slice(o // per_group * share, (o // per_group + 1) * share)
        window = padded[n, channels, i * sh : i * sh + 2 * dh + 1 : dh, j * sw_ : j * sw_ + dw + 1 : dw]
        row = Quantized(window.reshape(1, -1), 0.1, 9)
        expected = quantized_linear(
            row, Quantized(w[o].reshape(1, -1), sw[o : o + 1]), bias[o : o + 1], 3.0, 101, engine
        )
        assert value == expected.item()
    assert y.shape[1] == 6


def test_sums_wrap_around_in_int32():
    x = Quantized(np.full((1, 70_000), 255, np.uint8), 1.0)
    w = Quantized(np.full((1, 70_000), 127, np.int8), 1.0)
    # 70000 · 255 · 127 = 2266950000, which wraps to −2028017296
    assert quantized_linear(x, w, None, 1e9, 100, "fbgemm").tolist() == [[98]]


@every_engine
def test_empty_batches_keep_their_shape(engine):
    w = Quantized(np.ones((5, 3), np.int8), 1.0)
    x = Quantized(np.empty((0, 4, 3), np.uint8), 1.0)
    assert quantized_linear(x, w, None, 1.0, 0, engine).shape == (0, 4, 5)


def test_invalid_arguments_are_named():
    x, w = Quantized(np.ones((1, 3), np.uint8), 1.0), Quantized(np.ones((2, 3), np.int8), 1.0)
    with pytest.raises(ValueError, match="engine must be one of fbgemm, qnnpack, onednn, got 'x86'"):
        quantized_linear(x, w, None, 1.0, 0, "x86")
    with pytest.raises(TypeError, match="x must be uint8, got int8"):
        quantized_linear(w, w, None, 1.0, 0)
    with pytest.raises(ValueError, match=r"bias must have shape \(2,\), got \(3,\)"):
        quantized_linear(x, w, np.zeros(3, F), 1.0, 0)
    with pytest.raises(ValueError, match="y_scale must be positive and finite"):
        quantized_linear(x, w, None, 0.0, 0)
    with pytest.raises(ValueError, match="weight.zero_point must be 0 with onednn, got 1"):
        quantized_linear(x, w._replace(zero_point=1), None, 1.0, 0, "onednn")
    with pytest.raises(ValueError, match=r"weight.scale must be one number or 2, got shape \(3,\)"):
        quantized_linear(x, w._replace(scale=np.ones(3)), None, 1.0, 0)
    with pytest.raises(ValueError, match="weight must have"):
        quantized_linear(x, Quantized(np.ones((2, 4), np.int8), 1.0), None, 1.0, 0)
    image, filters = np.ones((1, 4, 5, 5), np.uint8), np.ones((2, 4, 3, 3), np.int8)
    with pytest.raises(ValueError, match="groups must divide 4 channels and 2 filters, got 3"):
        quantized_conv2d(Quantized(image, 1.0), Quantized(filters, 1.0), None, 1.0, 0, groups=3)
    with pytest.raises(ValueError, match="padding must be one or two integers of at least 0, got -1"):
        quantized_conv2d(Quantized(image, 1.0), Quantized(filters, 1.0), None, 1.0, 0, padding=-1)
    with pytest.raises(ValueError, match="weight must fit into the padded image"):
        quantized_conv2d(Quantized(image, 1.0), Quantized(filters, 1.0), None, 1.0, 0, dilation=3)


@pytest.mark.parametrize(
    "error, match, changed",
    [
        (TypeError, "accumulator must be int32, got float64", dict(accumulator=np.zeros((1, 2)))),
        (ValueError, r"zero_point must lie within \[0, 255\], got 300", dict(y_zero_point=300)),
        (TypeError, "zero_point must be an integer, got", dict(y_zero_point=1.5)),
        (ValueError, r"bias must have shape \(2,\), got \(3,\)", dict(bias=np.zeros(3, F))),
        (ValueError, r"weight_scale must have shape \(2,\), got \(3,\)", dict(weight_scale=np.ones(3, F))),
    ],
)
def test_requantize_checks_its_arguments(error, match, changed):
    arguments = dict(accumulator=np.zeros((1, 2), np.int32), bias=None, weight_scale=1.0, y_zero_point=0)
    with pytest.raises(error, match=match):
        requantize(**(arguments | changed), x_scale=1.0, y_scale=1.0, engine="fbgemm")
