import math

import numpy as np
import pytest

import qbref as qb
from qbref import integer, kernels, nn, ptq, qnn
from qbref.kernels.backend import default

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3, 8)).astype(np.float32)


def by_definition(x, w):
    """The released code, in Python floats: RMSNorm, activation_quant, weight_quant, product."""
    gamma = max(math.fsum(abs(v) for row in w for v in row) / (len(w) * len(w[0])), 1e-5)
    ternary = [[max(-1, min(1, round(v / gamma))) for v in row] for row in w]
    out = []
    for token in x:
        rms = math.sqrt(math.fsum(v * v for v in token) / len(token) + 1e-5)
        norm = [v / rms for v in token]
        step = max(max(map(abs, norm)), 1e-5) / 127
        q = [max(-128, min(127, round(v / step))) for v in norm]
        out.append([sum(a * b for a, b in zip(q, row, strict=True)) * step * gamma for row in ternary])
    return out


@pytest.mark.parametrize("training", [True, False])
def test_the_layer_is_the_released_code(training):
    layer = qnn.BitLinear(8, 4, rng=np.random.default_rng(1)).train(training)
    expected = by_definition(X.reshape(-1, 8).tolist(), layer.weight.data.tolist())
    y = layer(X).data
    assert y.shape == (5, 3, 4)
    # float32 roundings of sums below 10; no value lies within one of them of a rounding tie
    np.testing.assert_allclose(y.reshape(-1, 4), expected, rtol=0, atol=1e-5)


def test_gradients_pass_straight_through_both_roundings_and_the_normalization():
    layer = qnn.BitLinear(8, 4, bias=True, rng=np.random.default_rng(2)).to(np.float64)
    x, upstream = RNG.normal(size=(6, 8)), RNG.normal(size=(6, 4))
    leaf = qb.Tensor(x, requires_grad=True)
    layer(leaf).backward(upstream)
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
    normed = x / rms
    step = np.abs(normed).max(axis=1, keepdims=True) / 127
    rounded = np.rint(normed / step) * step
    np.testing.assert_allclose(layer.weight.grad, upstream.T @ rounded, rtol=1e-10)
    np.testing.assert_allclose(layer.bias.grad, upstream.sum(axis=0), rtol=1e-10)
    dn = upstream @ layer.quantized_weight().data
    dx = (dn - normed * (dn * normed).mean(axis=1, keepdims=True)) / rms  # of x / rms
    np.testing.assert_allclose(leaf.grad, dx, rtol=1e-9, atol=1e-12)  # sums in another order


def test_a_token_does_not_see_the_others():
    layer = qnn.BitLinear(8, 4).eval()
    assert (layer(X[2:3, 1:2]).data == layer(X).data[2:3, 1:2]).all()
    assert not layer(np.zeros((1, 8), np.float32)).data.any()


def test_the_integer_layer_agrees_in_every_bit_through_a_file(tmp_path):
    model = nn.Sequential(qnn.BitLinear(8, 70, bias=True), nn.GELU(), nn.Dropout(0.5), qnn.BitLinear(70, 5))
    m = integer.convert(model.eval())
    m.save(tmp_path / "bitnet.npz")
    loaded = integer.load(tmp_path / "bitnet.npz")
    for x in (X, X[:, 0]):
        for backend in (kernels, default()):
            assert integer.count_differences(model, m, x, backend) == 0
            assert integer.count_differences(model, loaded, x, backend) == 0
    assert m.has_float_layers and m.weight_bytes == 70 * 2 + 5 * 18  # two bits each, rows of whole bytes
    assert "70×8 weights of 2 bit, float borders" in m.summary()


def test_a_float_layer_becomes_a_bitnet_layer():
    layer = nn.Linear(8, 4)
    made = qnn.BitLinear.from_float(layer)
    assert (made.weight.data == layer.weight.data).all() and (made.bias.data == layer.bias.data).all()
    assert made.weight.data is not layer.weight.data


def test_a_bitnet_layer_is_not_quantized_statically():
    with pytest.raises(ValueError, match="layer '0' must be one that quantization knows, got BitLinear"):
        ptq.quantize_static(nn.Sequential(qnn.BitLinear(8, 4)), [X[:, 0]])
