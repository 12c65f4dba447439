import math
from dataclasses import replace

import numpy as np
import pytest

from qbref import integer, kernels, nn, ptq, qnn
from qbref.integer.attention import Embedding, LayerNorm, MultiheadAttention, TransformerEncoderLayer
from qbref.kernels.backend import default

BACKENDS = [kernels, default()]


def config(bits):
    return qnn.QuantConfig(weights=qnn.int_weights(bits))


def language_model(seed=0, **options):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Embedding(11, 12, rng=rng),
        nn.Dropout(0.5),
        nn.TransformerEncoderLayer(12, 3, 20, rng=rng, **options),
        nn.LayerNorm(12),
        nn.Linear(12, 7, rng=rng),
    )
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight.data = rng.uniform(0.5, 2, module.normalized_shape).astype(np.float32)
            module.bias.data = rng.standard_normal(module.normalized_shape).astype(np.float32)
    return model


def indices(samples=9, length=6):
    return np.random.default_rng(1).integers(0, 11, (samples, length))


def check_agreement(q, x, tmp_path):
    model = integer.convert(q)
    model.save(tmp_path / "model.npz")
    loaded = integer.load(tmp_path / "model.npz")
    for backend in BACKENDS:
        assert integer.count_differences(q, model, x, backend) == 0
        assert integer.count_differences(q, loaded, x, backend, batch_size=4) == 0
    assert len(np.unique(model.run(x))) > 10  # the comparison is not between constants
    return loaded


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_language_model_runs_on_integer_products_bit_for_bit(
    tmp_path, bits, causal, norm_first, activation
):
    model = language_model(causal=causal, norm_first=norm_first, activation=activation)
    loaded = check_agreement(ptq.quantize_dynamic(model, config(bits)), indices(), tmp_path)
    assert loaded.has_float_layers


def test_attention_alone_and_without_biases(tmp_path):
    rng = np.random.default_rng(2)
    model = nn.Sequential(
        nn.MultiheadAttention(8, 4, bias=False, rng=rng),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.Sigmoid(),
    )
    x = rng.standard_normal((5, 7, 8)).astype(np.float32)
    check_agreement(ptq.quantize_dynamic(model), x, tmp_path)


def test_a_linear_runs_on_every_token_of_inputs_with_more_axes(tmp_path):
    rng = np.random.default_rng(3)
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(5, 6, rng=rng), nn.ReLU(), nn.Linear(6, 4, rng=rng)))
    check_agreement(q, rng.standard_normal((4, 3, 2, 5)).astype(np.float32), tmp_path)


def test_one_scale_for_all_rows_of_an_embedding(tmp_path):
    scheme = qnn.Uniform(4, symmetric=True)
    q = ptq.quantize_dynamic(language_model(), qnn.QuantConfig(overrides={"0": {"weights": scheme}}))
    assert check_agreement(q, indices(), tmp_path).layers[0].scale.shape == ()


def test_stored_bytes_are_those_of_packed_weights():
    m = integer.convert(ptq.quantize_dynamic(language_model(), config(4)))
    table, attention, feed_forward, last = 11 * 6, 4 * 12 * 6, 20 * 6 + 12 * 10, 7 * 6
    assert m.weight_bytes == table + attention + feed_forward + last
    scales = 4 * (11 + 4 * 12 + 20 + 12 + 7)
    biases = 4 * (4 * 12 + 20 + 12 + 7)
    norms = 4 * 3 * 2 * 12
    assert m.nbytes == m.weight_bytes + scales + biases + norms


def test_the_report_names_every_layer_and_what_runs_in_float():
    m = integer.convert(ptq.quantize_dynamic(language_model(causal=True), config(4)))
    assert [tuple(entry) for entry in m.report] == [
        ("0", "QuantizedEmbedding", "11×12 table of 4 bit, float rows out"),
        ("1", "Dropout", "dropped: acts in training only"),
        (
            "2",
            "TransformerEncoderLayer",
            "3 causal heads, projections of 4 bit, attention in float; 20 ReLU between",
        ),
        ("3", "LayerNorm", "LayerNorm in float"),
        ("4", "DynamicLinear", "7×12 weights of 4 bit, float borders"),
    ]


def test_the_products_inside_are_integer_products():
    """A backend that counts: four projections, two feed-forward products, the last layer."""
    calls = []

    class Counting:
        __name__ = "counting"

        def __getattr__(self, name):
            calls.append(name)
            return getattr(kernels, name)

    m = integer.convert(ptq.quantize_dynamic(language_model()))
    m.run(indices(), Counting())
    assert calls.count("int8_matmul") == 4 + 2 + 1


def test_only_the_layers_that_quantization_knows_are_converted():
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.Residual(nn.Linear(4, 4))))
    with pytest.raises(ValueError, match="layer '1' must be one with an integer form, got Residual"):
        integer.convert(q)
    q = nn.Sequential(
        *ptq.quantize_dynamic(nn.Sequential(nn.Linear(4, 4))), nn.TransformerEncoderLayer(4, 2, 4)
    )
    with pytest.raises(
        ValueError, match="layer '1.self_attn.q_proj' must be one with an integer form, got Linear"
    ):
        integer.convert(q)


def test_indices_and_reals_are_told_apart():
    m = integer.convert(ptq.quantize_dynamic(language_model()))
    with pytest.raises(TypeError, match="x must be an integer array, got float32"):
        m.run(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"at layer '0' indices must be in \[0, 11\), got 0 to 11"):
        m.run(np.array([[0, 11]]))
    m = integer.convert(ptq.quantize_dynamic(nn.Sequential(nn.Linear(4, 4))))
    with pytest.raises(TypeError, match="x must be a float32 array, got int64"):
        m.run(np.zeros((2, 4), int))


def test_a_wrong_width_is_refused_with_the_layers_path():
    m = integer.convert(ptq.quantize_dynamic(nn.Sequential(nn.MultiheadAttention(8, 2))))
    for shape in ((2, 3, 6), (2, 8), (2, 2, 3, 8)):
        with pytest.raises(ValueError, match="x must suit the model, but at layer '0'"):
            m.run(np.ones(shape, np.float32))


def parts():
    layer = integer.convert(ptq.quantize_dynamic(language_model())).layers[1]
    return layer, layer.attention


def test_layers_that_do_not_fit_together_are_refused_when_they_are_made():
    encoder, attention = parts()
    with pytest.raises(ValueError, match="heads must divide the width 12, got 5"):
        replace(attention, heads=5)
    with pytest.raises(ValueError, match="heads must divide the width 12, got 0"):
        replace(attention, heads=0)
    with pytest.raises(ValueError, match="projections must be square and of one width"):
        replace(attention, v=encoder.linear1)
    with pytest.raises(ValueError, match="activation must be 'ReLU' or 'GELU', got 'Flatten'"):
        replace(encoder, activation="Flatten")
    with pytest.raises(ValueError, match="branches must take and give width 12"):
        replace(encoder, linear2=encoder.linear1)
    with pytest.raises(ValueError, match="branches must take and give width 12"):
        replace(encoder, norm2=LayerNorm("", None, None, (13,), 1e-5))
    with pytest.raises(ValueError, match="weight must be float32 of shape"):
        replace(encoder.norm1, weight=np.ones(13, np.float32))
    with pytest.raises(ValueError, match="eps must be finite and positive, got 0.0"):
        replace(encoder.norm1, eps=0.0)
    with pytest.raises(ValueError, match="scale must be float32 of shape"):
        Embedding("", attention.q.weights, np.ones(5, np.float32))


def test_attention_by_another_way():
    """Plain loops over heads and positions, around the same projections."""
    rng = np.random.default_rng(4)
    q = ptq.quantize_dynamic(nn.Sequential(nn.MultiheadAttention(6, 2, causal=True, rng=rng)))
    (layer,) = integer.convert(q).layers
    assert isinstance(layer, MultiheadAttention) and not isinstance(layer, TransformerEncoderLayer)
    x = rng.standard_normal((1, 4, 6)).astype(np.float32)
    Q, K, V = (part.run(x, kernels)[0].astype(np.float64) for part in (layer.q, layer.k, layer.v))
    y = np.zeros((4, 6))
    for head in (slice(0, 3), slice(3, 6)):
        for i in range(4):
            scores = np.array([Q[i, head] @ K[j, head] / math.sqrt(3) for j in range(i + 1)])
            weights = np.exp(scores) / np.exp(scores).sum()
            y[i, head] = sum(w * V[j, head] for j, w in enumerate(weights))
    expected = layer.out.run(y[None].astype(np.float32), kernels)
    # float32 attention may move an input of out_proj across a rounding border: one step of 1/127
    step = np.abs(layer.out.weights.dense).max() * layer.out.scale.max() * np.abs(y).max() / 127
    np.testing.assert_allclose(layer.run(x, kernels), expected, atol=step)


def test_the_simulation_itself_is_close_to_the_float_network():
    model = language_model().eval()
    y = model(indices()).data
    error = np.abs(integer.convert(ptq.quantize_dynamic(model)).run(indices()) - y)
    assert 0 < error.mean() < 0.02 * np.abs(y).mean()
