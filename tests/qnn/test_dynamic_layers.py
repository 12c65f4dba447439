import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn
from qbref.qnn.dynamic import dynamic_quantize

RNG = np.random.default_rng(5)


def linear(inputs=6, outputs=4, bits=8):
    layer = nn.Linear(inputs, outputs, rng=RNG)
    return qnn.DynamicLinear.from_float(layer, qnn.int_weights(bits), "half_even")


def tokens(*shape):
    """Values whose size differs by orders of magnitude from token to token."""
    sizes = 10.0 ** RNG.integers(-3, 4, (*shape[:-1], 1))
    return (RNG.standard_normal(shape) * sizes).astype(np.float32)


def test_every_token_has_its_own_scale():
    x = np.array([[[1.27, -0.64], [127.0, 1.0]], [[0.0, 0.0], [-2.54, 0.021]]], np.float32)
    q, scale = dynamic_quantize(x)
    assert q.tolist() == [[[127, -64], [127, 1]], [[0, 0], [-127, 1]]]
    np.testing.assert_array_equal(scale[..., 0], np.array([[1.27 / 127, 1], [1, 2.54 / 127]], np.float32))


def test_an_image_has_one_scale():
    x = RNG.standard_normal((3, 2, 4, 5)).astype(np.float32)
    q, scale = dynamic_quantize(x, axes=(1, 2, 3))
    assert scale.shape == (3, 1, 1, 1)
    assert (scale.ravel() == np.abs(x).reshape(3, -1).max(axis=1) / np.float32(127)).all()
    assert (np.abs(q.reshape(3, -1)).max(axis=1) == 127).all()


@pytest.mark.parametrize("shape", [(7, 6), (3, 5, 6), (2, 3, 4, 6), (0, 6), (2, 0, 6)])
def test_a_token_depends_on_nothing_around_it(shape):
    layer, x = linear(), tokens(*shape)
    together = layer(qb.Tensor(x)).data
    assert together.shape == (*shape[:-1], 4)
    alone = [layer(qb.Tensor(token[None])).data[0] for token in x.reshape(-1, 6)]
    assert (together.reshape(-1, 4) == np.reshape(alone, (-1, 4))).all()


def test_a_token_far_larger_than_the_others_costs_them_nothing():
    """With one scale for the sequence, everything but the outlier would round to zero."""
    layer, x = linear(), np.ones((1, 3, 6), np.float32)
    quiet = layer(qb.Tensor(x)).data
    x[0, 1] = 1e6
    assert (layer(qb.Tensor(x)).data[0, [0, 2]] == quiet[0, [0, 2]]).all()


def test_the_product_by_another_way():
    layer, x = linear(), tokens(2, 3, 6)
    y = layer(qb.Tensor(x)).data
    w, bias = layer.weight.data.astype(np.float64), layer.bias.data
    for n, t, o in np.ndindex(2, 3, 4):
        s_x, s_w = np.abs(x[n, t]).max() / np.float32(127), np.float32(np.abs(w[o]).max() / 127)
        products = sum(
            round(float(a / s_x)) * round(b / float(s_w)) for a, b in zip(x[n, t], w[o], strict=True)
        )
        exact = products * (float(s_x) * float(s_w)) + float(bias[o])
        # one rounding to float32 before the bias and one after
        assert y[n, t, o] == pytest.approx(exact, rel=3e-7, abs=abs(float(bias[o])) * 3e-7)


def test_an_image_depends_on_no_other_image():
    layer = nn.Conv2d(2, 3, 3, padding=1, groups=1, rng=RNG)
    dynamic = qnn.DynamicConv2d.from_float(layer, qnn.int_weights(4), "half_even")
    x = tokens(5, 2, 6, 6) * 10.0 ** np.arange(-2, 3, dtype=np.float32).reshape(5, 1, 1, 1)
    together = dynamic(qb.Tensor(x)).data
    alone = np.concatenate([dynamic(qb.Tensor(x[i : i + 1])).data for i in range(5)])
    assert (together == alone).all()
    assert np.abs(together - layer(qb.Tensor(x)).data).max() > 0


def test_weights_clipped_for_the_least_squared_error_are_the_schemes():
    layer = nn.Linear(64, 2, rng=RNG)
    layer.weight.data[0, 0] = 0.3  # among weights up to 1/8: worth giving up on with 2 bits
    scheme = qnn.int_weights(2, clip="mse")
    dynamic = qnn.DynamicLinear.from_float(layer, scheme, "half_even")
    expected = scheme.weight_quantizer(layer.weight.data, "half_even").levels(layer.weight.data)
    assert (dynamic.weight_quantizer.levels(dynamic.weight.data).scale == expected.scale).all()
    assert expected.scale[0] < 0.3


def test_weights_in_use_are_listed_for_dynamic_layers_and_embeddings_too():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), qnn.BitLinear(3, 2), nn.Conv2d(2, 2, 1))
    q = ptq.quantize_dynamic(model, qnn.QuantConfig(weights=qnn.int_weights(2)))
    in_use = qnn.quantized_weights(q)
    assert list(in_use) == ["0.weight", "1.weight", "2.weight", "3.weight"]
    for path, weight in in_use.items():  # two bits of narrow range, or ternary: -s, 0, s in every row
        assert all(len(np.unique(np.abs(row[row != 0]))) <= 1 for row in weight), path
        assert weight.shape == q.state_dict()[path].shape and (weight != q.state_dict()[path]).any()
