"""Binary and ternary weights on packed signs, against sums of products written out."""

from dataclasses import replace

import numpy as np
import pytest

from qbref import kernels
from qbref.integer.binary import BinaryConv2d, BinaryLinear, Threshold
from qbref.integer.fuse import fused
from qbref.integer.geometry import Geometry
from qbref.integer.sign_products import TernaryXnorWeights, XnorWeights
from qbref.integer.weights import LutWeights
from qbref.kernels.backend import default
from qbref.qnn.arithmetic import INT32_MAX, Clip

BACKENDS = [kernels, default()]
KINDS = [
    (XnorWeights, [-1, 1]),
    (TernaryXnorWeights, [-1, 0, 1]),
    (TernaryXnorWeights, [0]),
    (TernaryXnorWeights, [1]),
]


def open_clip(outputs):
    return Clip(np.full(outputs, -INT32_MAX, np.int32), np.full(outputs, INT32_MAX, np.int32))


@pytest.mark.parametrize("kind, values", KINDS)
@pytest.mark.parametrize("k", [1, 63, 64, 65, 200])
def test_a_linear_layer_sums_signs_times_weights(kind, values, k):
    rng = np.random.default_rng(k)
    q = rng.choice(values, (7, k)).astype(np.int8)
    x = rng.choice([-1, 1], (9, k)).astype(np.int8)
    bias = rng.integers(-9, 10, 7, dtype=np.int32)
    layer = BinaryLinear("0", kind.from_levels(q, k), bias, open_clip(7))
    expected = x.astype(int) @ q.T.astype(int) + bias
    for backend in BACKENDS:
        for form in (x, kernels.pack_bits(x)):
            accumulator = layer.run(form, backend)
            assert accumulator.dtype == np.int32
            assert (accumulator == expected).all()


@pytest.mark.parametrize("kind, values", KINDS[:2])
@pytest.mark.parametrize("padding_value", [-1, 0, 1])
@pytest.mark.parametrize("channels", [5, 64, 70])
def test_a_convolution_sums_signs_times_weights_padding_included(kind, values, padding_value, channels):
    rng = np.random.default_rng(channels)
    q = rng.choice(values, (6, 3, 2, channels)).astype(np.int8)  # (O, KH, KW, C)
    x = rng.choice([-1, 1], (2, 5, 6, channels)).astype(np.int8)
    bias = rng.integers(-9, 10, 6, dtype=np.int32)
    geometry = Geometry((3, 2), (2, 1), (1, 2), (1, 1))
    weights = kind.from_levels(q.reshape(6, -1), channels)
    layer = BinaryConv2d("0", weights, bias, open_clip(6), geometry, padding_value)
    padded = np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)), constant_values=padding_value).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), axis=(1, 2))[:, ::2]
    expected = np.einsum("nhwcij,oijc->nhwo", windows, q.astype(int)) + bias
    for backend in BACKENDS:
        assert (layer.run(x, backend) == expected).all()


def test_ternary_weights_take_two_bits_each():
    weights = TernaryXnorWeights.from_levels(np.zeros((4, 128), np.int8), 128)
    assert weights.nonzero.nbytes + weights.negative.nbytes == 4 * 128 * 2 // 8
    assert (weights.k, weights.outputs, weights.n_bits) == (128, 4, 2)


def test_two_products_are_not_fused_with_a_threshold():
    rng = np.random.default_rng(0)
    sign = Threshold("1", np.zeros(4, np.int32), np.zeros(4, bool), packed=True)
    for kind, values, steps in ((XnorWeights, [-1, 1], 1), (TernaryXnorWeights, [-1, 0, 1], 2)):
        q = rng.choice(values, (4, 9)).astype(np.int8)
        layer = BinaryLinear("0", kind.from_levels(q, 9), np.zeros(4, np.int32), open_clip(4))
        assert len(fused((layer, sign))) == steps


def test_planes_that_are_no_ternary_weights_are_refused():
    weights = TernaryXnorWeights.from_levels(np.array([[1, 0, -1]], np.int8), 3)
    for change, message in (
        ({"negative": weights.negative | 2}, "negative zero"),
        ({"nonzero": weights.nonzero | 8}, "no bit set beyond k"),
        ({"negative": np.zeros((2, 1), np.uint64)}, "negative must be uint64"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"taps": 70}, "nonzero must be uint64"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(weights, **change)


def test_a_table_of_up_to_four_values_takes_two_bits_a_code():
    codes = np.random.default_rng(0).integers(0, 3, (5, 9)).astype(np.uint8)
    table = np.array([-51, 0, 127], np.int8)
    weights = LutWeights.from_levels(codes, table)
    assert (weights.n_bits, weights.codes.shape, weights.table.tolist()) == (2, (5, 3), [-51, 0, 127, 0])
    x = np.random.default_rng(1).integers(-128, 128, (3, 9)).astype(np.int8)
    for backend in BACKENDS:
        product = weights.product(x, 3, backend)
        assert (product == (x.astype(int) - 3) @ table[codes].T.astype(int)).all()
    with pytest.raises(ValueError, match=r"n_bits must be one of \[2, 4\], got 3"):
        replace(weights, n_bits=3)
