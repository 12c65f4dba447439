import numpy as np
import pytest

from qbref.autograd import Tensor, batch_norm, grad_check, layer_norm

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=3), RNG.normal(size=3)
SHAPES = [(5, 3), (4, 3, 2), (2, 3, 2, 4), (1, 3, 2, 2)]


def per_channel(vector, x):
    return vector.reshape(1, 3, *[1] * (x.ndim - 2))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_training_matches_its_formula_and_gradient(shape):
    x = RNG.normal(size=shape)
    axes = (0, *range(2, x.ndim))
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    expected = per_channel(WEIGHT, x) * (x - mean) / np.sqrt(var + 0.1) + per_channel(BIAS, x)
    y = batch_norm(x, np.zeros(3), np.ones(3), WEIGHT, BIAS, training=True, eps=0.1)
    np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-14)  # rtol, atol: float64 rounding
    assert grad_check(lambda x, w, b: batch_norm(x, np.zeros(3), np.ones(3), w, b, True), [x, WEIGHT, BIAS])


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_evaluation_uses_the_running_statistics_and_leaves_them_alone(shape):
    x = RNG.normal(size=shape)
    mean, var = np.array([1.0, 0.0, -1.0]), np.array([0.5, 1.0, 2.0])
    expected = per_channel(WEIGHT, x) * (x - per_channel(mean, x)) / np.sqrt(per_channel(var, x) + 1e-5)
    y = batch_norm(x, mean, var, WEIGHT, BIAS, training=False)
    np.testing.assert_allclose(y.data, expected + per_channel(BIAS, x), rtol=1e-13, atol=1e-14)
    assert grad_check(lambda x, w, b: batch_norm(x, mean, var, w, b, False), [x, WEIGHT, BIAS])
    assert (mean.tolist(), var.tolist()) == ([1.0, 0.0, -1.0], [0.5, 1.0, 2.0])


def test_batch_norm_normalizes_with_the_biased_and_stores_the_unbiased_variance():
    x = np.array([[1.0], [2.0], [6.0]])  # mean 3, squared deviations 4 + 1 + 9
    mean, var = np.array([10.0]), np.array([2.0])
    y = batch_norm(x, mean, var, np.ones(1), np.zeros(1), training=True, momentum=0.5, eps=0.0)
    np.testing.assert_allclose(y.data, (x - 3) / np.sqrt(14 / 3), rtol=1e-15)  # rtol: two roundings
    assert mean.tolist() == [6.5]  # 10 + 0.5 · (3 − 10)
    assert var.tolist() == [4.5]  # 2 + 0.5 · (14/2 − 2)


def test_batch_norm_without_an_input_gradient_still_trains_weight_and_bias():
    weight, bias = Tensor(WEIGHT, requires_grad=True), Tensor(BIAS, requires_grad=True)
    x = Tensor(RNG.normal(size=(4, 3)))
    batch_norm(x, np.zeros(3), np.ones(3), weight, bias, training=True).sum().backward()
    assert bias.grad.tolist() == [4, 4, 4]
    assert np.abs(weight.grad).max() < 1e-14  # Σ (x − mean) = 0 up to rounding
    assert x.grad is None


def test_batch_norm_of_a_constant_channel_is_its_bias():
    y = batch_norm(np.full((4, 3), 7.0), np.zeros(3), np.ones(3), WEIGHT, BIAS, training=True)
    assert np.array_equal(y.data, np.tile(BIAS, (4, 1)))


def test_batch_norm_is_accurate_in_float32_far_from_zero():
    x = (RNG.normal(size=(64, 3, 16, 16)) + 1000).astype(np.float32)
    y = batch_norm(
        x, np.zeros(3, np.float32), np.ones(3, np.float32), *np.float32([[1] * 3, [0] * 3]), True
    ).data
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(axis=(0, 2, 3), keepdims=True)) / exact.std(axis=(0, 2, 3), keepdims=True)
    assert y.dtype == np.float32
    assert np.abs(y - exact).max() < 2e-4  # a float32 mean near 1000 is 6e-5 apart from its neighbour


@pytest.mark.parametrize("training", [True, False])
def test_float32_stays_float32_whatever_the_running_statistics_are(training):
    x, weight, bias = (Tensor(np.ones(shape, np.float32), requires_grad=True) for shape in ((2, 3), 3, 3))
    for dtype in (np.float32, np.float64):
        mean, var = np.zeros(3, dtype), np.ones(3, dtype)
        y = batch_norm(x, mean, var, weight, bias, training)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == weight.grad.dtype == bias.grad.dtype == np.float32
        assert mean.dtype == var.dtype == dtype


def test_batch_norm_shapes_are_checked():
    x, ones = np.ones((2, 3)), np.ones(3)
    with pytest.raises(ValueError, match=r"running_var must have shape \(3,\), one per channel, got \(4,\)"):
        batch_norm(x, ones, np.ones(4), ones, ones, False)
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\), one per channel, got \(1, 3\)"):
        batch_norm(x, ones, ones, ones[None], ones, False)
    with pytest.raises(ValueError, match="x must have more than one value per channel in training"):
        batch_norm(x[:1], ones, ones, ones, ones, True)
    with pytest.raises(ValueError, match=r"x must have shape \(N, C, ...\)"):
        batch_norm(ones, ones, ones, ones, ones, True)


@pytest.mark.parametrize("normalized_shape", [4, (4,), (3, 4)])
def test_layer_norm_matches_its_formula_and_gradient(normalized_shape):
    x = RNG.normal(size=(2, 3, 4))
    shape = (4,) if normalized_shape == 4 else normalized_shape
    axes = tuple(range(-len(shape), 0))
    weight, bias = RNG.normal(size=(2, *shape))
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    expected = (x - mean) / np.sqrt(var + 0.1)
    # rtol, atol: float64 rounding
    np.testing.assert_allclose(
        layer_norm(x, normalized_shape, eps=0.1).data, expected, rtol=1e-13, atol=1e-14
    )
    y = layer_norm(x, normalized_shape, Tensor(weight), Tensor(bias), eps=0.1)
    np.testing.assert_allclose(y.data, weight * expected + bias, rtol=1e-13, atol=1e-14)
    assert grad_check(lambda x, w, b: layer_norm(x, normalized_shape, w, b), [x, weight, bias])
    assert grad_check(lambda x: layer_norm(x, normalized_shape), [x])


def test_layer_norm_keeps_float32():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    y = layer_norm(x, 3)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_layer_norm_shapes_are_checked():
    x = np.ones((2, 3, 4))
    for wrong in (3, (2, 4), (), (5, 2, 3, 4)):
        with pytest.raises(ValueError, match=r"normalized_shape must be the last axes of \(2, 3, 4\), got"):
            layer_norm(x, wrong)
    with pytest.raises(ValueError, match=r"bias must have shape \(4,\), got \(3,\)"):
        layer_norm(x, 4, bias=np.ones(3))
