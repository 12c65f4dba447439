import copy

import numpy as np
import pytest

import qbref as qb
from qbref import autograd, nn, qnn
from qbref.quant import fake_quantize, params_from_range

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4, 5, 5))
UPSTREAM = RNG.standard_normal((6, 3, 3, 3))
W, B = RNG.standard_normal((3, 4, 3, 3)), RNG.standard_normal(3)
GAMMA, BETA = np.array([1.5, -0.7, 0.9]), np.array([0.3, -0.2, 1.0])
MEAN, VAR = np.array([0.1, -0.4, 0.0]), np.array([20.0, 60.0, 30.0])
EPS = 1e-5


def layer(correction=True, quantized=True, **norm_options):
    """A folded float64 convolution with the constants above."""
    conv, norm = nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3, **norm_options)
    conv.weight.data, conv.bias.data = W.astype(np.float32), B.astype(np.float32)
    norm.running_mean, norm.running_var = MEAN.astype(np.float32), VAR.astype(np.float32)
    if norm.affine:
        norm.weight.data, norm.bias.data = GAMMA.astype(np.float32), BETA.astype(np.float32)
    made = qnn.FoldedConv2d.from_float(conv, norm)
    made.weight_quantizer = qnn.UniformWeights(qnn.int_weights(3))
    made.weight_quantizer.enabled = quantized
    made.correction = correction
    made.to(np.float64)
    for parameter, exact in zip(made.parameters(), (W, B, GAMMA, BETA), strict=False):
        parameter.data[...] = exact
    made.norm.running_mean, made.norm.running_var = MEAN.copy(), VAR.copy()
    return made


def per_filter(values):
    return np.asarray(values).reshape(-1, 1, 1, 1)


def per_channel(values):
    return np.asarray(values).reshape(1, -1, 1, 1)


def conv(x, w):
    """Sum over windows, written out."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("ncijkl,ockl->noij", windows, w)


def quantized(w):
    p = params_from_range(w.min(axis=(1, 2, 3)), w.max(axis=(1, 2, 3)), 3, True, True, True, axis=0)
    return fake_quantize(w, p)


def rewritten(w, gamma, beta, correction, rounding_error=None):
    """The two papers' training graphs; with a constant rounding error, their straight-through surrogate."""
    y = conv(X, w)
    mu, sigma_batch = y.mean(axis=(0, 2, 3)), np.sqrt(y.var(axis=(0, 2, 3)) + EPS)
    sigma = np.sqrt(VAR + EPS) if correction else sigma_batch
    folded = w * per_filter(gamma / sigma)
    w_hat = quantized(folded) if rounding_error is None else folded + rounding_error
    y = conv(X, w_hat) * per_channel(sigma / sigma_batch)
    return y + per_channel(beta - gamma * mu / sigma_batch), w_hat - folded


def slope(fn, values, h=1e-5):
    """Central difference quotient of sum(UPSTREAM * fn), element by element."""
    result = np.empty_like(values)
    for i in np.ndindex(values.shape):
        step = np.zeros_like(values)
        step[i] = h
        result[i] = (UPSTREAM * (fn(values + step) - fn(values - step))).sum() / (2 * h)
    return result


@pytest.mark.parametrize("correction", [True, False])
def test_without_quantization_it_is_convolution_and_batch_norm_with_all_their_gradients(correction):
    made = layer(correction, quantized=False)
    x = qb.Tensor(X, requires_grad=True)
    y = made(x)
    y.backward(UPSTREAM)
    parts = [qb.Tensor(value, requires_grad=True) for value in (X, W, B, GAMMA, BETA)]
    mean, var = MEAN.copy(), VAR.copy()
    product = autograd.conv2d(*parts[:3])
    expected = autograd.batch_norm(product, mean, var, *parts[3:], training=True)
    expected.backward(UPSTREAM)
    bound = dict(rtol=1e-10, atol=1e-10)  # the same sums in another order, float64
    np.testing.assert_allclose(y.data, expected.data, **bound)
    actual = [x, made.weight, made.bias, made.norm.weight, made.norm.bias]
    for mine, theirs in zip(actual, parts, strict=True):
        np.testing.assert_allclose(mine.grad, theirs.grad, **bound)
    np.testing.assert_allclose(made.norm.running_mean, mean, **bound)
    np.testing.assert_allclose(made.norm.running_var, var, **bound)


@pytest.mark.parametrize("correction", [True, False])
def test_training_forward_is_the_papers_formula(correction):
    expected, _ = rewritten(W, GAMMA, BETA, correction)
    np.testing.assert_allclose(layer(correction)(X).data, expected, rtol=1e-10, atol=1e-10)  # as above


@pytest.mark.parametrize("correction", [True, False])
def test_training_gradients_are_those_of_the_straight_through_surrogate(correction):
    made = layer(correction)
    made(X).backward(UPSTREAM)
    _, error = rewritten(W, GAMMA, BETA, correction)
    bound = dict(rtol=1e-6, atol=1e-6)  # of the difference quotient
    weight = slope(lambda w: rewritten(w, GAMMA, BETA, correction, error)[0], W)
    np.testing.assert_allclose(made.weight.grad, weight, **bound)
    gamma = slope(lambda gamma: rewritten(W, gamma, BETA, correction, error)[0], GAMMA)
    np.testing.assert_allclose(made.norm.weight.grad, gamma, **bound)
    np.testing.assert_allclose(made.norm.bias.grad, UPSTREAM.sum(axis=(0, 2, 3)), rtol=1e-12)
    true = slope(lambda w: rewritten(w, GAMMA, BETA, correction)[0], W, h=1e-9)
    assert np.abs(true - weight).max() > 0.1  # the staircase itself has another slope


def test_the_bias_before_a_batch_norm_cancels_in_training_and_is_part_of_the_running_mean():
    made = layer(momentum=0.0)
    before = made(X).data
    made.bias.data += 5
    np.testing.assert_allclose(made(X).data, before, rtol=1e-10, atol=1e-10)  # float64
    made.norm.momentum = 1.0
    made(X)
    np.testing.assert_allclose(made.norm.running_mean, conv(X, W).mean(axis=(0, 2, 3)) + B + 5, rtol=1e-12)


def weights_in_use(made, x):
    seen = []
    product = made.product
    made.product = lambda x, weight, bias: seen.append(weight.data) or product(x, weight, bias)
    made(x)
    return seen[-1]


def test_with_correction_every_batch_meets_the_same_levels_and_without_it_its_own():
    for correction, same in ((True, True), (False, False)):
        made = layer(correction, momentum=0.0)
        a, b = (weights_in_use(made, x) for x in (X[:3], 2 * X[3:]))
        assert (a == b).all() == same


def test_running_statistics_are_used_before_this_batch_enters_them():
    made = layer()
    used = weights_in_use(made, X)
    assert (used == quantized(W * per_filter(GAMMA / np.sqrt(VAR + EPS)))).all()
    assert (made.norm.running_var != VAR).all()


def test_frozen_it_trains_on_what_evaluation_computes():
    made = layer()
    made.freeze_norm()
    sigma = np.sqrt(VAR + EPS)

    def inference(w, gamma, error=None):
        folded = w * per_filter(gamma / sigma)
        w_hat = quantized(folded) if error is None else folded + error
        return conv(X, w_hat) + per_channel(BETA + (B - MEAN) * gamma / sigma), w_hat - folded

    expected, error = inference(W, GAMMA)
    y = made(X)
    bound = dict(rtol=1e-10, atol=1e-10)  # the same sums in another order, float64
    np.testing.assert_allclose(y.data, expected, **bound)
    np.testing.assert_allclose(made.eval()(X).data, expected, **bound)
    assert (made.norm.running_mean == MEAN).all() and (made.norm.running_var == VAR).all()
    y.backward(UPSTREAM)
    bound = dict(rtol=1e-6, atol=1e-6)  # of the difference quotient
    np.testing.assert_allclose(made.weight.grad, slope(lambda w: inference(w, GAMMA, error)[0], W), **bound)
    gamma = slope(lambda gamma: inference(W, gamma, error)[0], GAMMA)
    np.testing.assert_allclose(made.norm.weight.grad, gamma, **bound)
    np.testing.assert_allclose(
        made.bias.grad, UPSTREAM.sum(axis=(0, 2, 3)) * GAMMA / sigma, rtol=1e-10
    )  # float64


def test_a_norm_without_gamma_and_beta_is_folded_too():
    made = layer(affine=False)
    expected, _ = rewritten(W, np.ones(3), np.zeros(3), True)
    np.testing.assert_allclose(made(X).data, expected, rtol=1e-10, atol=1e-10)  # as above
    weight, bias = made.eval().latent()
    sigma = np.sqrt(made.norm.running_var + EPS)
    np.testing.assert_allclose(weight.data, W / per_filter(sigma), rtol=1e-6)  # eps is kept in float32
    np.testing.assert_allclose(bias.data, (B - made.norm.running_mean) / sigma, rtol=1e-6)


def test_a_linear_layer_without_bias_folds_as_well():
    linear, norm = nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3)
    norm.weight.data[...] = GAMMA
    made = qnn.FoldedLinear.from_float(linear, norm)
    made.weight_quantizer.enabled = False
    x = qb.Tensor(X[:, :, 0, 0].astype(np.float32))
    # float32: sums of four terms, divided by a deviation that two orders of summation give
    np.testing.assert_allclose(made(x).data, norm(linear(x)).data, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.norm.running_var, norm.running_var, rtol=1e-5)


def test_the_norm_is_a_copy_and_travels_in_the_state():
    conv, norm = nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3)
    made, other = (qnn.FoldedConv2d.from_float(conv, norm) for _ in range(2))
    x = X.astype(np.float32)
    made(x)
    assert (norm.running_mean == 0).all()
    other.load_state_dict(made.state_dict())
    assert (other.eval()(x).data == made.eval()(x).data).all()
    assert (copy.deepcopy(made)(x).data == made(x).data).all()


def test_one_value_per_channel_has_no_deviation_to_train_on():
    made = qnn.FoldedLinear.from_float(nn.Linear(4, 3), nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match="input must give more than one value per channel in training"):
        made(np.ones((1, 4), np.float32))
