import numpy as np
import pytest

import qbref as qb
from qbref import autograd, nn, qnn
from qbref.calibration import MinMax
from qbref.qnn.weights import BinaryWeights, LutWeights, UniformWeights

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4, 5, 5)).astype(np.float32)
GAMMA = np.array([1.5, -0.7, 0.9], np.float32)
W = RNG.standard_normal((3, 4, 3, 3)).astype(np.float32)
UNIFORM, LUT = qnn.int_weights(3), qnn.Lut(3)
QUANTIZERS = [UniformWeights(UNIFORM), LutWeights(W, LUT), BinaryWeights()]


def layer(quantizer):
    conv, norm = nn.Conv2d(4, 3, 3, rng=np.random.default_rng(1)), nn.BatchNorm2d(3)
    conv.weight.data[...] = W
    norm.weight.data[...] = GAMMA
    norm.bias.data[...] = 0.3, -0.2, 1.0
    norm.running_mean[...], norm.running_var[...] = (0.1, -0.4, 0.0), (20.0, 60.0, 30.0)
    made = qnn.NormalizedConv2d.from_float(conv, norm)
    made.weight_quantizer = quantizer
    return made


def between_grids(made):
    """The layer as the builder leaves it, between two calibrated quantizers of 8 bits."""
    grids = [qnn.FakeQuantize(qnn.Uniform(8), MinMax()) for _ in range(2)]
    made.set_quantizers(made.weight_quantizer, *grids)
    made.eval()
    for grid, values in zip(grids, (X, made.norm(reference(made, X)).data), strict=True):
        grid.observer.observe(values)
        grid.calibrate()
    return made


def reference(made, x):
    """The product with the levels of the latent weights as they are."""
    levels = made.weight_quantizer.levels(made.weight.data)
    scale = np.broadcast_to(levels.scale, (3,)).reshape(3, 1, 1, 1)
    return autograd.conv2d(x, qb.Tensor(levels.q * scale), made.bias)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_training_normalizes_the_product_of_the_quantized_weights_by_its_own_statistics(quantizer):
    made = layer(quantizer)
    y = reference(made, X).data.astype(np.float64)
    mean, var = (f(axis=(0, 2, 3), keepdims=True) for f in (y.mean, y.var))
    expected = (y - mean) / np.sqrt(var + 1e-5) * GAMMA.reshape(1, 3, 1, 1)
    expected += made.norm.bias.data.reshape(1, 3, 1, 1)
    before = made.norm.running_var.copy()
    np.testing.assert_allclose(made(X).data, expected, rtol=1e-4, atol=1e-5)  # float32 sums of 36 terms
    assert (made.norm.running_var != before).all()


def test_gradients_reach_the_latent_weights_and_the_norm():
    made = layer(QUANTIZERS[0])
    upstream = RNG.standard_normal((6, 3, 3, 3)).astype(np.float32)
    made(X).backward(upstream)
    w_hat = qb.Tensor(made.weight_quantizer(made.weight).data, requires_grad=True)
    y = autograd.conv2d(qb.Tensor(X), w_hat, made.bias)
    norm = nn.BatchNorm2d(3)
    norm.weight.data[...] = GAMMA
    norm(y).backward(upstream)
    bound = dict(rtol=1e-4, atol=1e-4)  # float32 sums of 54 terms
    np.testing.assert_allclose(made.weight.grad, w_hat.grad, **bound)  # nothing is clipped: straight through
    np.testing.assert_allclose(made.norm.weight.grad, norm.weight.grad, **bound)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_evaluation_puts_the_norm_into_scale_sign_and_bias_of_the_same_levels(quantizer):
    made = between_grids(layer(quantizer))
    integers = made.arithmetic()
    latent = quantizer.levels(W)
    turned = np.sign(GAMMA).reshape(3, 1, 1, 1)
    assert (integers.weights.q == latent.q * turned).all()
    gain = np.abs(GAMMA) / np.sqrt(np.array([20.0, 60.0, 30.0]) + 1e-5)
    # float32: root, quotient, two products
    np.testing.assert_allclose(integers.weights.scale, latent.scale * gain, rtol=2**-21)
    if integers.weights.table is not None:
        assert (integers.weights.table[integers.weights.codes] == integers.weights.q).all()


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_evaluation_differs_from_product_and_norm_by_rounding_only(quantizer):
    made = between_grids(layer(quantizer))
    grid, x = made.output_quantizer.params, made.input_quantizer(X)
    expected = made.norm(reference(made, x.data)).data
    # half a step of the output grid, half a unit of the accumulator for the bias, and float32 sums
    bound = 0.5 * grid.scale + 0.5 * made.arithmetic().scale.max() + 1e-5
    assert np.abs(made(x).data - expected).max() < bound


def test_frozen_it_trains_on_what_evaluation_computes():
    made = layer(QUANTIZERS[1])
    expected = made.norm.eval()(reference(made, X)).data
    made.freeze_norm()
    made.train()
    np.testing.assert_allclose(made(X).data, expected, rtol=1e-4, atol=1e-5)  # float32 sums in another order
    assert made.norm.running_mean.tolist() == pytest.approx([0.1, -0.4, 0.0])
    np.testing.assert_allclose(made.eval()(X).data, expected, rtol=1e-4, atol=1e-5)


def test_a_linear_layer_normalizes_as_well():
    linear, norm = nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3)
    made = qnn.NormalizedLinear.from_float(linear, norm)
    made.weight_quantizer.enabled = False
    x = qb.Tensor(X[:, :, 0, 0])
    assert (made(x).data == norm(linear(x)).data).all()
