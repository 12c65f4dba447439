"""Attention against loops over batch, head and query; masks; the transformer layer step by step."""

import math

import numpy as np
import pytest

import qbref.nn.functional as F
from qbref import nn
from qbref.autograd import grad_check

RNG = np.random.default_rng(0)
# Sums of a few dozen float64 products of numbers around 1.
CLOSE = dict(rtol=0, atol=1e-12)


def attend(q, k, v, allowed):
    """One query at a time: the mean of the allowed values, weighted by exp(q k / sqrt(E))."""
    y = np.zeros((len(q), v.shape[1]))
    for i, query in enumerate(q):
        keys = [j for j in range(len(k)) if allowed[i][j]]
        weights = [math.exp(sum(query * k[j]) / math.sqrt(len(query))) for j in keys]
        y[i] = sum(w * v[j] for w, j in zip(weights, keys, strict=True)) / sum(weights)
    return y


def random_parameters(module):
    for parameter in module.to(np.float64).parameters():
        parameter.data[...] = RNG.normal(size=parameter.shape)
    return module


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_the_loop_over_queries(is_causal, masked):
    q, k, v = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 6))
    mask = RNG.random((2, 3, 5)) < 0.5
    mask[..., 0] = True
    y = F.scaled_dot_product_attention(q, k, v, mask if masked else None, is_causal=is_causal).data
    for n in range(2):
        allowed = [
            [(not masked or mask[n, i, j]) and (not is_causal or j <= i) for j in range(5)] for i in range(3)
        ]
        np.testing.assert_allclose(y[n], attend(q[n], k[n], v[n], allowed), **CLOSE)


def test_attention_with_extreme_scores_picks_one_value():
    x = np.array([[1e4, 0], [0, 1e4]], np.float32)
    assert F.scaled_dot_product_attention(x, x, x).data.tolist() == x.tolist()


def test_attention_gradients_with_and_without_mask():
    q, k, v = RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 3, 2))
    assert grad_check(F.scaled_dot_product_attention, [q, k, v])
    assert grad_check(lambda *t: F.scaled_dot_product_attention(*t, is_causal=True), [q, k, v])


def test_attention_dropout_drops_weights_not_values():
    x = np.ones((1, 4, 1), np.float32)
    y = F.scaled_dot_product_attention(x, x, x, dropout_p=0.5, rng=np.random.default_rng(2)).data
    assert set(y.ravel()) <= {0, 0.5, 1, 1.5, 2} and len(set(y.ravel())) > 1  # multiples of (1/4) / (1 - 1/2)


REJECTED = [
    (
        dict(attn_mask=np.zeros((2, 2), bool)),
        ValueError,
        "attn_mask must allow at least one key for every query",
    ),
    (
        dict(attn_mask=np.ones((3, 2), bool)),
        ValueError,
        r"attn_mask must broadcast to \(2, 2\), got shape \(3, 2\)",
    ),
    (dict(attn_mask=np.ones((1, 2, 2), bool)), ValueError, "attn_mask must broadcast to"),
    (dict(attn_mask=np.zeros((2, 2))), TypeError, "attn_mask must be bool"),
]


@pytest.mark.parametrize("options, error, message", REJECTED)
def test_attention_rejects_masks_that_make_no_sense(options, error, message):
    x = np.ones((2, 2), np.float32)
    with pytest.raises(error, match=message):
        F.scaled_dot_product_attention(x, x, x, **options)


def test_attention_rejects_shapes_that_do_not_fit():
    x = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="query and key must be"):
        F.scaled_dot_product_attention(x, x[:, :1], x)
    with pytest.raises(ValueError, match="value must have one row for each of 2 keys"):
        F.scaled_dot_product_attention(x, x, x[:1])


@pytest.mark.parametrize("causal", [False, True])
def test_multihead_attention_equals_the_loop_over_heads(causal):
    layer = random_parameters(nn.MultiheadAttention(6, 3, causal=causal))
    x = RNG.normal(size=(2, 4, 6))
    q, k, v = (x @ p.weight.data.T + p.bias.data for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    allowed = [[j <= i or not causal for j in range(4)] for i in range(4)]
    joined = np.empty((2, 4, 6))
    for n in range(2):
        for h in range(3):
            s = slice(2 * h, 2 * h + 2)
            joined[n, :, s] = attend(q[n, :, s], k[n, :, s], v[n, :, s], allowed)
    expected = joined @ layer.out_proj.weight.data.T + layer.out_proj.bias.data
    np.testing.assert_allclose(
        layer(x).data, expected, rtol=0, atol=1e-11
    )  # three products of numbers around 3


def test_cross_attention_takes_keys_of_another_length_and_a_mask_per_head():
    layer = random_parameters(nn.MultiheadAttention(4, 2))
    query, key = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4))
    assert layer(query, key).shape == (2, 3, 4)
    first_only = np.zeros((1, 1, 1, 5), bool)
    first_only[..., 0] = True
    expected = layer.out_proj(layer.v_proj(key[:, :1])).data
    masked = layer(query, key, mask=np.broadcast_to(first_only, (2, 2, 3, 5))).data
    np.testing.assert_allclose(masked, np.broadcast_to(expected, (2, 3, 4)), **CLOSE)
    other_values = layer(query, key, key + 1.0, mask=first_only).data
    np.testing.assert_allclose(
        other_values[:, 0], layer.out_proj(layer.v_proj(key[:, :1] + 1)).data[:, 0], **CLOSE
    )


@pytest.mark.parametrize("norm_first", [False, True])
def test_causal_output_does_not_depend_on_later_positions(norm_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, norm_first=norm_first, causal=True).eval()
    x = RNG.normal(size=(1, 6, 8)).astype(np.float32)
    changed = x.copy()
    changed[:, 4:] *= -2
    # Each row is computed from equal numbers; matrix products may still sum them in another order.
    np.testing.assert_allclose(layer(x).data[:, :4], layer(changed).data[:, :4], rtol=0, atol=1e-5)
    assert np.abs(layer(x).data[:, 4:] - layer(changed).data[:, 4:]).max() > 0.1
    free = nn.TransformerEncoderLayer(8, 2, 16, norm_first=norm_first).eval()
    assert np.abs(free(x).data[:, :4] - free(changed).data[:, :4]).max() > 1e-3


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_layer_equals_its_two_formulas(norm_first, activation):
    layer = random_parameters(
        nn.TransformerEncoderLayer(4, 2, 6, 0.1, activation, norm_first=norm_first)
    ).eval()
    x = RNG.normal(size=(2, 3, 4))

    def norm(module, z):
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
        return z * module.weight.data + module.bias.data

    def attention(z):
        return layer.self_attn(z).data

    def feed_forward(z):
        z = z @ layer.linear1.weight.data.T + layer.linear1.bias.data
        if activation == "relu":
            z = np.maximum(z, 0)
        else:
            z = z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2
        return z @ layer.linear2.weight.data.T + layer.linear2.bias.data

    if norm_first:
        h = x + attention(norm(layer.norm1, x))
        expected = h + feed_forward(norm(layer.norm2, h))
    else:
        h = norm(layer.norm1, x + attention(x))
        expected = norm(layer.norm2, h + feed_forward(h))
    np.testing.assert_allclose(layer(x).data, expected, rtol=0, atol=1e-11)  # numbers up to about 30


def test_transformer_gradients_reach_every_parameter():
    layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, activation="gelu", causal=True).to(np.float64)
    x = RNG.normal(size=(2, 3, 4))
    assert grad_check(layer, [x], atol=1e-6)  # a chain of some ten operations
    layer.zero_grad()
    layer(x).backward(RNG.normal(size=x.shape))
    without = [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias adds the same number to all scores of a query, which the softmax ignores up to rounding.
    assert without in ([], ["self_attn.k_proj.bias"])


def test_transformer_layers_stand_in_a_sequential_and_use_dropout_while_training():
    model = nn.Sequential(*(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, causal=True) for _ in range(2)))
    x = np.ones((2, 3, 4), np.float32)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    assert np.array_equal(model(x).data, model(x).data)


def test_projections_start_in_the_interval_of_the_stacked_matrix_with_biases_zero():
    layer = nn.MultiheadAttention(64, 4)
    bound = math.sqrt(6 / (64 + 3 * 64))
    for projection in (layer.q_proj, layer.k_proj, layer.v_proj):
        assert 0.95 * bound < np.abs(projection.weight.data).max() <= bound * (1 + 1e-6)
    assert not any(b.data.any() for name, b in layer.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: nn.MultiheadAttention(6, 4), r"num_heads must divide embed_dim \(6\), got 4"),
        (
            lambda: nn.MultiheadAttention(4, 2)(np.ones((3, 4), np.float32)),
            r"query must have shape \(N, L, 4\)",
        ),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), "activation must be one of relu, gelu"),
        (lambda: nn.TransformerEncoderLayer(4, 2, dropout=1), r"dropout must be in \[0, 1\), got 1"),
    ],
)
def test_attention_layers_reject_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
