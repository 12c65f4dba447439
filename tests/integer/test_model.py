import numpy as np
import pytest

import qbref as qb
from qbref import integer, kernels, nn, ptq, qnn
from qbref.kernels.backend import default

X = np.random.default_rng(7).standard_normal((30, 1, 6, 6)).astype(np.float32)


def model(config=None):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)).eval()
    return integer.convert(ptq.quantize_static(network, [X], config))


def test_the_batch_size_does_not_change_the_result():
    m = model()
    assert (m.run(X, batch_size=7) == m.run(X)).all()


def test_the_default_backend_is_the_compiled_one_if_built():
    m = model()
    assert (m.run(X) == m.run(X, kernels=default())).all()
    assert (m.run(X) == m.run(X, kernels=kernels)).all()


@pytest.mark.parametrize(
    "config, weights",
    [
        (qnn.QuantConfig(qnn.int_weights(8)), 27 + 192),
        (qnn.QuantConfig(qnn.int_weights(4)), 3 * 5 + 96),  # 9 nibbles fill 5 bytes
        (qnn.QuantConfig(qnn.int_weights(2)), 3 * 3 + 48),
        (qnn.QuantConfig(qnn.Lut(4)), 3 * 5 + 16 + 96 + 16),
    ],
)
def test_weight_bytes_count_what_is_stored(config, weights):
    assert model(config).weight_bytes == weights


def test_nbytes_counts_bias_multiplier_and_shift_too():
    m = model()
    # convolution: weights, and bias, multiplier, shift of 3 channels; dense: weights, bias, two bounds of 4
    # features; borders: scale and zero point (float32, int32), four float64 scales
    assert m.nbytes == (27 + 3 * 12) + (192 + 3 * 16) + 8 + 32


def test_the_summary_names_every_layer_and_the_total():
    m = model()
    lines = m.summary().splitlines()
    assert len(lines) == 2 + len(m.layers)
    assert "3×1×3×3 weights of 8 bit" in lines[2] and "4×48 weights of 8 bit" in lines[4]
    assert f"{m.nbytes:,}" in lines[-1]
    assert max(map(len, lines)) < 100


@pytest.mark.parametrize(
    "x, error, message",
    [
        (X.astype(np.float64), TypeError, "x must be a float32 array, got float64"),
        (X.tolist(), TypeError, "x must be a float32 array, got list"),
        (X[:0], ValueError, "x must hold at least one sample"),
        (X[0, 0, 0], ValueError, "x must hold at least one sample"),
        (np.full_like(X, np.nan), ValueError, "x must be finite"),
        (np.full_like(X, -np.inf), ValueError, "x must be finite"),
    ],
)
def test_bad_input_is_refused(x, error, message):
    with pytest.raises(error, match=message):
        model().run(x)


@pytest.mark.parametrize("shape", [(2, 36), (2, 2, 6, 6), (2, 1, 6, 7), (2, 1, 2, 2), (2, 1, 1, 6, 6)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="must"):
        model().run(np.zeros(shape, np.float32))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True])
def test_batch_size_must_be_a_positive_integer(batch_size):
    with pytest.raises(ValueError, match="batch_size must be a positive integer"):
        model().run(X, batch_size=batch_size)


def test_values_beyond_the_calibrated_range_saturate():
    m = model()
    assert (m.run(np.full_like(X[:1], 1e30)) == m.run(np.full_like(X[:1], 1e20))).all()


def test_count_differences_sees_a_difference():
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    q = ptq.quantize_static(network, [X])
    other = ptq.quantize_static(network, [X * np.float32(1.01)])
    assert integer.count_differences(q, integer.convert(other), X) > 0
    with pytest.raises(ValueError, match="q must be in evaluation mode"):
        integer.count_differences(q.train(), integer.convert(other), X)


class _Gives:
    training = False

    def __init__(self, y):
        self.y = y

    def __call__(self, x):
        return qb.Tensor(self.y)

    def run(self, x, kernels):
        return self.y


def test_count_differences_looks_at_bits_and_shapes():
    zero, minus_zero = np.zeros((2, 3), np.float32), np.full((2, 3), -0.0, np.float32)
    assert integer.count_differences(_Gives(zero), _Gives(minus_zero), zero) == 6
    with pytest.raises(ValueError, match=r"model must give outputs of shape \(2, 3\), got \(2, 1\)"):
        integer.count_differences(_Gives(zero), _Gives(zero[:, :1]), zero)
