"""Linear, convolution, normalization, pooling, dropout, embedding: against loops, and their gradients."""

import numpy as np
import pytest

from qbref import nn
from qbref.autograd import Tensor, grad_check

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape)


def check_layer_gradients(layer, x):
    """Gradients with respect to the input and to every parameter, in float64."""
    layer.to(np.float64)
    names = [name for name, _ in layer.named_parameters()]
    owners = {name: dict(layer.named_modules())[name.rpartition(".")[0]] for name in names}

    def run(x, *values):
        for name, value in zip(names, values, strict=True):
            # The checker's own leaf in the parameter's place.
            owners[name].__dict__[name.rpartition(".")[2]] = value
        return layer(x)

    assert grad_check(run, [x, *(p.data for p in layer.parameters())], rng=np.random.default_rng(1))


def float64(layer):
    """The layer in float64 with weights and biases that are not trivial."""
    for parameter in layer.to(np.float64).parameters():
        parameter.data[...] = draw(*parameter.shape)
    return layer


# Sums of a few dozen float64 products: 1e-12 is some hundred roundings of numbers around 1.
CLOSE = dict(rtol=0, atol=1e-12)


def test_linear_equals_the_sum_over_features():
    layer = float64(nn.Linear(3, 2))
    x = draw(4, 5, 3)
    W, b = layer.weight.data, layer.bias.data
    expected = np.empty((4, 5, 2))
    for n, t, o in np.ndindex(4, 5, 2):
        expected[n, t, o] = b[o] + sum(W[o, i] * x[n, t, i] for i in range(3))
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


CONVOLUTIONS = [
    dict(kernel_size=3),
    dict(kernel_size=(2, 3), stride=(2, 1), padding=(1, 0)),
    dict(kernel_size=2, dilation=(2, 3), padding=1, bias=False),
    dict(kernel_size=(1, 3), groups=2, stride=2),
    dict(kernel_size=3, groups=4, padding=1),
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_convolution_equals_the_loop_of_its_formula(options):
    layer = float64(nn.Conv2d(4, 8, **options))
    x = draw(2, 4, 6, 7)
    (SH, SW), (PH, PW), (DH, DW) = layer.stride, layer.padding, layer.dilation
    outputs, CG, KH, KW = layer.weight.shape
    OH = (6 + 2 * PH - DH * (KH - 1) - 1) // SH + 1
    OW = (7 + 2 * PW - DW * (KW - 1) - 1) // SW + 1
    expected = np.zeros((2, outputs, OH, OW))
    for n, o, i, j in np.ndindex(expected.shape):
        total = 0 if layer.bias is None else layer.bias.data[o]
        for c, u, v in np.ndindex(CG, KH, KW):
            h, w = i * SH + u * DH - PH, j * SW + v * DW - PW
            if 0 <= h < 6 and 0 <= w < 7:
                channel = o // (outputs // layer.groups) * CG + c
                total += layer.weight.data[o, c, u, v] * x[n, channel, h, w]
        expected[n, o, i, j] = total
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


@pytest.mark.parametrize(
    "layer, shape", [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 2)), (nn.BatchNorm2d, (4, 3, 2, 2))]
)
def test_batch_norm_uses_biased_variance_and_collects_the_unbiased_one(layer, shape):
    layer = float64(layer(3, eps=1e-3, momentum=0.25))
    x = draw(*shape) * 3 + 1
    y = layer(x).data
    for c in range(3):
        channel = x[:, c].ravel()
        mean = sum(channel) / len(channel)
        squares = sum((value - mean) ** 2 for value in channel)
        expected = (x[:, c] - mean) / np.sqrt(squares / len(channel) + 1e-3)
        expected = expected * layer.weight.data[c] + layer.bias.data[c]
        np.testing.assert_allclose(y[:, c], expected, **CLOSE)
        assert layer.running_mean[c] == pytest.approx(0.25 * mean, abs=1e-12)
        assert layer.running_var[c] == pytest.approx(0.75 + 0.25 * squares / (len(channel) - 1), abs=1e-12)


def test_batch_norm_in_evaluation_uses_and_keeps_the_running_statistics():
    layer = nn.BatchNorm1d(1, eps=1.0).eval()
    layer.running_mean[:], layer.running_var[:] = 2, 3
    layer.weight.data[:], layer.bias.data[:] = 10, 1
    assert layer(np.array([[4.0], [2.0]], np.float32)).data.tolist() == [[11], [1]]  # (4 - 2) / 2 * 10 + 1
    assert (layer.running_mean[0], layer.running_var[0]) == (2, 3)


def test_batch_norm_without_affine_has_no_parameters():
    layer = nn.BatchNorm1d(2, affine=False)
    assert list(layer.parameters()) == []
    # (+-1) / sqrt(1 + 1e-5), off by 5e-6
    np.testing.assert_allclose(
        layer(np.array([[1, 5], [3, 7]], np.float32)).data, [[-1, -1], [1, 1]], atol=1e-5
    )


@pytest.mark.parametrize("axes", [(4,), (3, 4)])
def test_layer_norm_normalizes_each_example(axes):
    layer = float64(nn.LayerNorm(axes, eps=1e-3))
    x = draw(2, 3, 4)
    flat = x.reshape(-1, int(np.prod(axes)))
    expected = np.empty_like(flat)
    for i, row in enumerate(flat):
        mean = sum(row) / len(row)
        expected[i] = (row - mean) / np.sqrt(sum((row - mean) ** 2) / len(row) + 1e-3)
    expected = expected.reshape(x.shape) * layer.weight.data + layer.bias.data
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


@pytest.mark.parametrize(
    "options", [dict(kernel_size=2), dict(kernel_size=(3, 2), stride=(1, 2), padding=(1, 0))]
)
def test_pooling_equals_the_loop_over_windows(options):
    x = draw(2, 3, 5, 6)
    largest, mean = nn.MaxPool2d(**options), nn.AvgPool2d(**options)
    (KH, KW), (SH, SW), (PH, PW) = largest.kernel_size, largest.stride, largest.padding
    y, z = largest(x).data, mean(x).data
    assert y.shape == z.shape == (2, 3, (5 + 2 * PH - KH) // SH + 1, (6 + 2 * PW - KW) // SW + 1)
    for n, c, i, j in np.ndindex(y.shape):
        taps = [(i * SH + u - PH, j * SW + v - PW) for u in range(KH) for v in range(KW)]
        values = [x[n, c, h, w] for h, w in taps if 0 <= h < 5 and 0 <= w < 6]
        assert y[n, c, i, j] == max(values)
        assert z[n, c, i, j] == pytest.approx(sum(values) / (KH * KW), abs=1e-12)


def test_the_first_maximum_of_a_window_gets_the_gradient():
    x = Tensor(np.zeros((1, 1, 2, 2), np.float32), requires_grad=True)
    nn.MaxPool2d(2)(x).backward(np.ones((1, 1, 1, 1), np.float32))
    assert x.grad.ravel().tolist() == [1, 0, 0, 0]


def test_flatten_keeps_the_leading_axes():
    assert nn.Flatten()(np.zeros((2, 3, 4), np.float32)).shape == (2, 12)
    assert nn.Flatten()(np.zeros((2, 3), np.float32)).shape == (2, 3)
    assert nn.Flatten(2)(np.zeros((2, 3, 4, 5), np.float32)).shape == (2, 3, 20)
    assert nn.Flatten()(np.zeros((0, 3, 4), np.float32)).shape == (0, 12)


def test_dropout_in_evaluation_is_the_identity():
    x = draw(10, 10).astype(np.float32)
    assert np.array_equal(nn.Dropout(0.9).eval()(x).data, x)
    assert np.array_equal(nn.Dropout(0.0)(x).data, x)


def test_dropout_drops_the_share_p_and_scales_the_rest():
    y = nn.Dropout(0.2, rng=np.random.default_rng(3))(np.ones((200, 200), np.float32)).data
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    # The share of 40,000 draws has standard deviation sqrt(.2 * .8 / 40000) = 0.002; five of those.
    assert abs((y == 0).mean() - 0.2) < 0.01


def test_dropout_passes_the_gradient_where_it_passes_the_value():
    x = Tensor(np.ones(50, np.float32), requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.backward(np.ones(50, np.float32))
    assert np.array_equal(x.grad, y.data)


def test_embedding_looks_up_rows_and_spares_the_padding_row():
    layer = nn.Embedding(4, 2, padding_idx=1)
    assert layer.weight.data[1].tolist() == [0, 0]
    indices = np.array([[0, 3], [1, 3]], np.uint8)
    y = layer(indices)
    assert all(np.array_equal(y.data[i, j], layer.weight.data[indices[i, j]]) for i, j in np.ndindex(2, 2))
    y.backward(np.ones(y.shape, np.float32))
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0], [2, 2]]


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.Linear(3, 2), (4, 3)),
        (nn.Linear(3, 2, bias=False), (2, 4, 3)),
        (nn.Conv2d(2, 4, (2, 3), stride=(1, 2), padding=1, groups=2), (2, 2, 4, 4)),
        (nn.Conv2d(2, 2, 2, dilation=2, bias=False), (1, 2, 4, 4)),
        (nn.LayerNorm((2, 3)), (4, 2, 3)),
        (nn.MaxPool2d(2, stride=1, padding=1), (1, 2, 3, 3)),
        (nn.AvgPool2d((2, 3), stride=1, padding=1), (1, 2, 3, 3)),
        (nn.Flatten(), (2, 2, 2)),
        (nn.BatchNorm2d(2).eval(), (2, 2, 2, 2)),
        (nn.Residual(nn.Linear(3, 3), nn.Linear(3, 3)), (2, 3)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_gradients_of_layers_match_difference_quotients(layer, shape):
    check_layer_gradients(layer, draw(*shape))


@pytest.mark.parametrize("layer, shape", [(nn.BatchNorm1d(2), (5, 2)), (nn.BatchNorm2d(2), (2, 2, 2, 2))])
def test_gradients_of_batch_norm_in_training_go_through_the_statistics(layer, shape):
    check_layer_gradients(layer, draw(*shape))


@pytest.mark.parametrize(
    "layer, bound",
    [(nn.Linear(100, 400), 0.1), (nn.Conv2d(8, 400, (5, 5), groups=2), 0.1), (nn.Conv2d(4, 999, 1), 0.5)],
)
def test_default_weights_fill_the_interval_of_one_over_root_fan_in(layer, bound):
    for parameter in (layer.weight, layer.bias):
        values = np.abs(parameter.data)
        # Hundreds of draws from U(0, bound): some lie in the outermost twentieth.
        assert 0.95 * bound < values.max() <= bound * (1 + 1e-6)  # float32 rounding of the bound
        assert abs(parameter.data.mean()) < 0.2 * bound


def test_the_same_seed_gives_the_same_weights():
    def build(rng):
        return nn.Sequential(
            nn.Linear(3, 4, rng=rng), nn.Conv2d(1, 2, 3, rng=rng), nn.Embedding(5, 2, rng=rng)
        )

    def same(a, b):
        return [
            np.array_equal(x, y)
            for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        ]

    assert all(same(build(np.random.default_rng(5)), build(np.random.default_rng(5))))
    assert not any(same(build(np.random.default_rng(5)), build(np.random.default_rng(6))))


def test_manual_seed_governs_layers_made_without_a_generator():
    from qbref.random import manual_seed

    weights = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        weights.append(nn.Linear(3, 3).weight.data)
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])


F32 = np.float32
BAD_INPUTS = [
    (
        nn.Linear(784, 2),
        np.ones((8, 100), F32),
        r"input must have 784 features on its last axis, got shape \(8, 100\)",
    ),
    (nn.Linear(1, 2), np.ones((), F32), r"input must have 1 features"),
    (nn.Conv2d(3, 2, 3), np.ones((3, 8, 8), F32), r"input must have shape \(N, 3, H, W\), got \(3, 8, 8\)"),
    (nn.Conv2d(3, 2, 3), np.ones((1, 4, 8, 8), F32), r"input must have shape \(N, 3, H, W\)"),
    (nn.BatchNorm1d(3), np.ones((2, 3, 4, 4), F32), r"input must have shape \(N, 3\) or \(N, 3, L\), got"),
    (nn.BatchNorm2d(3), np.ones((2, 3), F32), r"input must have shape \(N, 3, H, W\), got \(2, 3\)"),
    (nn.LayerNorm(3), np.ones((3, 4), F32), r"input must end with axes \(3,\), got shape \(3, 4\)"),
    (nn.MaxPool2d(2), np.ones((4, 4), F32), r"input must have shape \(N, C, H, W\), got \(4, 4\)"),
    (nn.Flatten(), np.ones(4, F32), r"input must have more than 1 dimensions, got shape \(4,\)"),
    (nn.Embedding(3, 2), np.array([0, 3]), r"indices must be in \[0, 3\), got 0 to 3"),
    (nn.Embedding(3, 2), np.array([-1]), r"indices must be in \[0, 3\), got -1 to -1"),
]


@pytest.mark.parametrize("layer, x, message", BAD_INPUTS)
def test_layers_say_which_shape_they_need(layer, x, message):
    with pytest.raises(ValueError, match=message):
        layer(x)


def test_layers_say_which_dtype_they_need():
    with pytest.raises(TypeError, match="input must have the layer's dtype float32, got float64"):
        nn.Linear(2, 2)(np.ones((1, 2)))
    with pytest.raises(TypeError, match="input must be a Tensor or a float array, got an array of uint8"):
        nn.Linear(2, 2)(np.ones((1, 2), np.uint8))
    with pytest.raises(TypeError, match="indices must be integers, got float64"):
        nn.Embedding(2, 2)(np.ones(2).tolist())


BAD_ARGUMENTS = [
    (lambda: nn.Linear(0, 2), ValueError, "in_features must be an integer of at least 1, got 0"),
    (lambda: nn.Linear(2, 2.5), TypeError, "out_features must be an integer"),
    (lambda: nn.Linear(True, 2), TypeError, "in_features must be an integer"),
    (
        lambda: nn.Conv2d(4, 6, 3, groups=4),
        ValueError,
        r"groups must divide in_channels and out_channels \(4, 6\), got 4",
    ),
    (lambda: nn.Conv2d(4, 4, (3, 3, 3)), ValueError, "kernel_size must be one integer or two"),
    (lambda: nn.Conv2d(4, 4, 3, padding=-1), ValueError, "padding must be an integer of at least 0, got -1"),
    (lambda: nn.Conv2d(4, 4, 3, stride=0), ValueError, "stride must be an integer of at least 1, got 0"),
    (lambda: nn.BatchNorm1d(3, eps=0), ValueError, "eps must be positive"),
    (lambda: nn.BatchNorm1d(3, momentum=1.5), ValueError, r"momentum must be in \[0, 1\], got 1.5"),
    (lambda: nn.LayerNorm(()), ValueError, "normalized_shape must name at least one axis"),
    (lambda: nn.MaxPool2d(2, padding=2), ValueError, "padding must be at most half of kernel_size"),
    (lambda: nn.Dropout(1.0), ValueError, r"p must be in \[0, 1\), got 1.0"),
    (lambda: nn.Dropout(float("nan")), ValueError, r"p must be in \[0, 1\)"),
    (lambda: nn.Dropout(0.5, rng=3), TypeError, "rng must be a numpy.random.Generator"),
    (
        lambda: nn.Embedding(3, 2, padding_idx=3),
        ValueError,
        r"padding_idx must be below num_embeddings \(3\), got 3",
    ),
    (lambda: nn.Hardtanh(1, 1), ValueError, "min_val must be below max_val"),
    (lambda: nn.GELU("fast"), ValueError, "approximate must be one of none, tanh, got 'fast'"),
]


@pytest.mark.parametrize("make, error, message", BAD_ARGUMENTS)
def test_constructors_reject_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
