import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qnn
from qbref.binary import activation_scale, sign

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 6, 7)).astype(np.float32)


@pytest.mark.parametrize("stride, padding", [(1, 0), (1, 1), (2, 1)])
def test_signs_are_convolved_and_scaled_by_filter_and_by_pixel(stride, padding):
    layer = qnn.XNORConv2d(3, 4, (3, 2), stride=stride, padding=padding, rng=np.random.default_rng(1))
    w = layer.conv.weight.data
    padded = np.pad(sign(X), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), axis=(2, 3))[:, :, ::stride, ::stride]
    sums = np.einsum("nchwij,ocij->nohw", windows, sign(w))
    alpha = np.abs(w).mean(axis=(1, 2, 3)).reshape(1, 4, 1, 1)
    k = activation_scale(X, (3, 2), stride, padding)
    expected = sums * alpha * k + layer.conv.bias.data.reshape(1, 4, 1, 1)
    # a few float32 roundings of numbers below 10
    np.testing.assert_allclose(layer(X).data, expected, rtol=0, atol=1e-5)


def test_constant_magnitudes_are_restored_exactly():
    x = 0.5 * RNG.choice([-1, 1], (1, 4, 6, 6)).astype(np.float32)
    layer = qnn.XNORConv2d(4, 2, 3, bias=False)
    layer.conv.weight.data[:] = 0.25 * RNG.choice([-1, 1], (2, 4, 3, 3))
    real = nn.functional.conv2d(qb.Tensor(x), layer.conv.weight)
    assert (layer(x).data == real.data).all()  # powers of two


def test_the_gradient_goes_through_sign_and_through_the_scale():
    layer = qnn.XNORConv2d(2, 3, 1, bias=False, rng=np.random.default_rng(2)).to(np.float64)
    x, upstream = RNG.uniform(-1.5, 1.5, (2, 2, 3, 3)), RNG.normal(size=(2, 3, 3, 3))
    leaf = qb.Tensor(x, requires_grad=True)
    layer(leaf).backward(upstream)
    w_hat = layer.conv.quantized_weight().data[:, :, 0, 0]
    k = np.abs(x).mean(axis=1, keepdims=True)  # a 1×1 window
    through_sign = np.einsum("nohw,oc->nchw", upstream * k, w_hat) * (np.abs(x) <= 1)
    product = np.einsum("nchw,oc->nohw", np.sign(x), w_hat)
    through_k = (upstream * product).sum(axis=1, keepdims=True) * np.sign(x) / 2
    np.testing.assert_allclose(leaf.grad, through_sign + through_k, rtol=1e-12)  # sums in another order


def test_there_is_no_integer_form_and_both_doors_say_where():
    model = nn.Sequential(nn.MaxPool2d(2), qnn.XNORConv2d(3, 4, 1))
    with pytest.raises(ValueError, match="layer '1' must be one that quantization knows, got XNORConv2d"):
        ptq.quantize_static(model, [X])
    with pytest.raises(ValueError, match="layer '1' must have no scale for each pixel to run on integers"):
        integer.convert(model)


def test_groups_and_dilation_are_refused():
    for options in ({"groups": 2}, {"dilation": 2}):
        with pytest.raises(ValueError, match="groups and dilation must be 1"):
            qnn.XNORConv2d(2, 4, 3, **options)
