import types
from dataclasses import replace

import numpy as np
import pytest

import qbref.kernels
from qbref.integer.binary import BinaryConv2d, BinaryLinear, Threshold
from qbref.integer.fuse import SignedProduct, fused
from qbref.integer.geometry import Geometry
from qbref.integer.product import Linear
from qbref.integer.shape import Flatten
from qbref.integer.sign_products import XnorWeights
from qbref.integer.weights import IntWeights
from qbref.kernels.backend import default
from qbref.qnn.arithmetic import INT32_MAX, Clip

OPEN = Clip(np.full(9, -INT32_MAX, np.int32), np.full(9, INT32_MAX, np.int32))


def linear(rng, channels=100, taps=1, finish=OPEN):
    q = rng.choice([-1, 1], (9, taps * channels)).astype(np.int8)
    bias = rng.integers(-9, 10, 9, dtype=np.int32)
    return BinaryLinear("linear", XnorWeights.from_levels(q, channels), bias, finish)


def convolution(rng, padding_value):
    q = rng.choice([-1, 1], (9, 9 * 20)).astype(np.int8)
    bias = rng.integers(-9, 10, 9, dtype=np.int32)
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1))
    return BinaryConv2d("conv", XnorWeights.from_levels(q, 20), bias, OPEN, geometry, padding_value)


def threshold(rng, low=-20, high=20, packed=True):
    values = rng.integers(low, high, 9, dtype=np.int32, endpoint=True)
    return Threshold("sign", values, rng.random(9) < 0.5, packed)


def one_after_another(layers, x, kernels):
    for layer in layers:
        x = layer.run(x, kernels)
    return x


@pytest.mark.parametrize("channels, taps", [(64, 1), (100, 1), (20, 4), (1, 9)])
def test_a_linear_layer_and_its_threshold_make_the_same_signs_as_one_step(channels, taps):
    rng = np.random.default_rng(0)
    layers = linear(rng, channels, taps), threshold(rng)
    x = rng.choice([-1, 1], (50, taps * channels)).astype(np.int8)
    (step,) = fused(layers)
    assert isinstance(step, SignedProduct)
    assert step.path == "linear"
    for kernels in (qbref.kernels, default()):
        expected = one_after_another(layers, x, kernels)
        assert 0 < np.bitwise_count(expected).sum() < 50 * 9  # some signs of both kinds
        assert np.array_equal(step.run(x, kernels), expected)


@pytest.mark.parametrize("padding_value", [-1, 0, 1])
def test_a_convolution_and_its_threshold_make_the_same_signs_as_one_step(padding_value):
    rng = np.random.default_rng(1)
    layers = convolution(rng, padding_value), threshold(rng)
    x = rng.choice([-1, 1], (2, 6, 5, 20)).astype(np.int8)
    (step,) = fused(layers)
    for kernels in (qbref.kernels, default()):
        assert np.array_equal(step.run(x, kernels), one_after_another(layers, x, kernels))


def test_thresholds_at_the_ends_of_int32_stay_exact_when_the_bias_moves_into_them():
    rng = np.random.default_rng(2)
    layer = linear(rng)
    ends = [-(2**31), -(2**31) + 1, INT32_MAX, INT32_MAX - 1, 0, -(2**31), INT32_MAX, 0, 1]
    sign = Threshold("sign", np.array(ends, np.int32), np.arange(9) % 2 == 0, True)
    x = rng.choice([-1, 1], (20, 100)).astype(np.int8)
    (step,) = fused((layer, sign))
    assert np.array_equal(step.run(x, default()), one_after_another((layer, sign), x, default()))


def test_what_looks_at_the_sums_in_between_stays_apart():
    rng = np.random.default_rng(3)
    clipped = Clip(np.full(9, -5, np.int32), OPEN.high)
    ints = Linear("int", IntWeights.from_levels(np.ones((9, 4), np.int8), 8), np.zeros(9, np.int32), 0, OPEN)
    layers = (
        linear(rng, finish=clipped),
        threshold(rng),  # the activation clips
        linear(rng),
        Flatten("flat"),
        threshold(rng),  # something stands between
        linear(rng),
        threshold(rng, packed=False),  # int8 signs are asked for
        ints,
        threshold(rng),  # not a binary product
        threshold(rng),
    )
    assert fused(layers) == layers
    assert fused(()) == ()


def counting(kernels, calls):
    """A backend that notes what is packed."""
    backend = types.ModuleType("counting")
    vars(backend).update(
        {name: getattr(kernels, name) for name in qbref.kernels.__all__ if name != "default"}
    )
    for name in ("pack_rhs", "pack_filters"):
        pack = getattr(kernels, name)
        vars(backend)[name] = lambda *a, name=name, pack=pack: calls.append(name) or pack(*a)
    return backend


def test_weights_are_packed_at_the_first_run_with_each_backend():
    rng = np.random.default_rng(4)
    q = rng.integers(-127, 128, (9, 30)).astype(np.int8)
    layer = Linear("int", IntWeights.from_levels(q, 8), np.zeros(9, np.int32), 3, OPEN)
    x = rng.integers(-128, 128, (5, 30)).astype(np.int8)
    calls = []
    backend = counting(qbref.kernels, calls)
    first = layer.run(x, backend)
    assert np.array_equal(layer.run(x, backend), first)
    assert calls == ["pack_rhs"]
    assert np.array_equal(layer.run(x, qbref.kernels), first)  # a backend of another name packs its own
    assert calls == ["pack_rhs"]
    assert np.array_equal(replace(layer, zero_point=3).run(x, backend), first)
    assert calls == ["pack_rhs"]  # the weights keep what was packed
