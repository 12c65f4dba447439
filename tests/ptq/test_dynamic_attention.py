"""Dynamic quantization of transformers, on one that reads the bundled sonnets character by character."""

import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import data, nn, optim, ptq, qnn

LENGTH = 32


class Sonnets:
    """Windows of text: inputs and the characters that follow them, the last tenth of the text held out."""

    def __init__(self):
        text = data.sonnets()
        vocabulary = data.Vocabulary(text)
        self.characters, self.indices = len(vocabulary), vocabulary.encode(text)
        self.end = len(text) * 9 // 10

    def windows(self, starts):
        x = self.indices[np.asarray(starts)[:, None] + np.arange(LENGTH + 1)]
        return x[:, :-1], x[:, 1:]

    def held_out(self):
        return self.windows(np.arange(self.end, len(self.indices) - LENGTH - 1, LENGTH))

    def loss(self, model):
        """Cross-entropy in nats per held-out character."""
        x, y = self.held_out()
        with qb.no_grad():
            return F.cross_entropy(qb.Tensor(model(x).data.reshape(-1, self.characters)), y.ravel()).item()


def untrained(sonnets, width=32, rng=None):
    encoder = nn.TransformerEncoderLayer(
        width, 4, 4 * width, dropout=0.0, activation="gelu", norm_first=True, causal=True, rng=rng
    )
    return nn.Sequential(
        nn.Embedding(sonnets.characters, width, rng=rng),
        encoder,
        nn.LayerNorm(width),
        nn.Linear(width, sonnets.characters, rng=rng),
    )


def trained(sonnets, steps=200, lr=1e-2, seed=0):
    rng = np.random.default_rng(seed)
    model = untrained(sonnets, rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        optimizer.lr = lr * min(1, (step + 1) / 20) * (1 - step / steps)
        x, y = sonnets.windows(rng.integers(0, sonnets.end - LENGTH - 1, 32))
        loss = F.cross_entropy(model(x).reshape(-1, sonnets.characters), y.ravel())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def sonnets():
    return Sonnets()


@pytest.fixture(scope="module")
def model(sonnets):
    return trained(sonnets)


def with_bits(n_bits):
    return qnn.QuantConfig(weights=qnn.int_weights(n_bits))


def test_a_trained_transformer_loses_little(model, sonnets):
    """Held-out nats per character; guessing by frequency alone costs 3.14."""
    in_float = sonnets.loss(model)
    assert in_float < 2.6
    rise = {bits: sonnets.loss(ptq.quantize_dynamic(model, with_bits(bits))) - in_float for bits in (8, 4, 2)}
    # measured: 2.350 in float, +0.0002 with 8 bits, +0.011 with 4, +0.546 with 2
    assert abs(rise[8]) < 0.005 < rise[2]
    assert rise[4] < 0.05 < 0.2 < rise[2]


def test_everything_with_weights_is_quantized_and_the_rest_is_named_with_a_reason(model):
    report = {entry.path: entry.action for entry in ptq.quantize_dynamic(model, with_bits(4)).report}
    products = [f"1.self_attn.{name}_proj" for name in ("q", "k", "v", "out")] + [
        "1.linear1",
        "1.linear2",
        "3",
    ]
    assert {path for path, action in report.items() if "range per token" in action} == set(products)
    assert report["0"] == "int4 per channel weights, rows looked up, no product"
    assert {path: action for path, action in report.items() if path not in (*products, "0")} == {
        "1": "left in float: the sums around its two branches",
        "1.self_attn": "left in float: softmax(Q K^T) V, products of activations",
        "1.activation": "left in float: no weights",
        "1.norm1": "left in float: needs the mean and deviation of every token",
        "1.norm2": "left in float: needs the mean and deviation of every token",
        "1.dropout": "left in float: acts in training only",
        "2": "left in float: needs the mean and deviation of every token",
    }
    assert set(report) == {path for path, _ in model.named_modules() if path}


def test_every_quantized_layer_sees_few_bit_weights(model):
    q = ptq.quantize_dynamic(model, with_bits(4))
    layers = [m for m in q.modules() if isinstance(m, (qnn.DynamicLinear, qnn.QuantizedEmbedding))]
    assert len(layers) == 8
    assert all(np.abs(m.weight_quantizer.levels(m.weight.data).q).max() <= 7 for m in layers)
    assert not any(type(m) in (nn.Linear, nn.Embedding) for m in q.modules())


def test_a_sequence_depends_neither_on_its_batch_nor_on_what_follows(model, sonnets):
    q = ptq.quantize_dynamic(model)
    x, _ = sonnets.held_out()
    together = q(x[:6]).data
    assert (together == np.concatenate([q(x[i : i + 1]).data for i in range(6)])).all()
    changed = x[:6].copy()
    changed[:, 20:] = 0
    # the model is causal, and no scale of a token is shared with a later one
    assert (q(changed).data[:, :20] == together[:, :20]).all()


def test_overrides_reach_into_attention(model):
    config = qnn.QuantConfig(overrides={"1.self_attn.v_proj": {"weights": qnn.int_weights(3)}})
    q = ptq.quantize_dynamic(model, config)
    report = {entry.path: entry.action for entry in q.report}
    assert report["1.self_attn.v_proj"].startswith("int3") and report["1.self_attn.k_proj"].startswith("int8")
    layers = q[1].self_attn.v_proj, q[1].self_attn.k_proj
    levels = [layer.weight_quantizer.levels(layer.weight.data).q for layer in layers]
    assert [np.abs(q).max() for q in levels] == [3, 127]


def test_an_override_that_names_no_layer_is_refused(model):
    config = qnn.QuantConfig(overrides={"1.self_attn.value": {"weights": qnn.int_weights(3)}})
    with pytest.raises(ValueError, match="overrides must name layers of the model, got '1.self_attn.value'"):
        ptq.quantize_dynamic(model, config)


def test_the_model_is_not_changed(model):
    before = model.state_dict()
    ptq.quantize_dynamic(model)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)
    assert type(model[1].linear1) is nn.Linear


def test_bits_go_where_the_transformer_needs_them(model, sonnets):
    """Mixed precision over dynamic layers: measured one by one, chosen under a budget."""
    x, y = sonnets.windows(np.arange(0, 64 * LENGTH, LENGTH))

    def loss(logits, y):
        return F.cross_entropy(logits.reshape(-1, sonnets.characters), y.ravel())

    table = ptq.sensitivity(model, x, y, (2, 4), loss=loss)
    four = sum(row.nbytes for row in table if row.n_bits == 4)
    best = ptq.allocate(table, four * 3 // 4)
    mixed = sonnets.loss(ptq.quantize_dynamic(model, best.config()))
    two = sonnets.loss(ptq.quantize_dynamic(model, with_bits(2)))
    assert best.nbytes <= four * 3 // 4
    # measured: +0.102 nats at 6,080 bytes; 2 bits everywhere +0.546 at 4,064, 4 bits +0.011 at 8,128
    assert mixed - sonnets.loss(model) < 0.5 * (two - sonnets.loss(model))


class Gated(nn.Module):
    """A module with a forward and weights of its own."""

    def __init__(self):
        super().__init__()
        self.inner, self.gate = nn.Linear(3, 3), nn.Parameter(np.ones(3, np.float32))

    def forward(self, x):
        return self.inner(x) * self.gate


def test_a_module_of_ones_own_is_named_with_its_weights():
    q = ptq.quantize_dynamic(nn.Sequential(Gated(), nn.ReLU()))
    assert [tuple(entry) for entry in q.report] == [
        ("0", "Gated", "left in float: what its forward does between the layers below; 3 weights of its own"),
        ("0.inner", "Linear", "int8 per channel weights, range per token"),
        ("1", "ReLU", "left in float: no weights"),
    ]


def test_a_subclass_of_linear_stays_and_says_so():
    class Scaled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    q = ptq.quantize_dynamic(nn.Sequential(Scaled(2, 3)))
    assert q.report[0].action == "left in float: no quantized form for its 9 weights"


def test_layers_with_a_quantizer_of_their_own_are_left_as_they_are():
    model = nn.Sequential(qnn.BinaryLinear(4, 4), nn.Linear(4, 2))
    once = ptq.quantize_dynamic(model)
    assert [tuple(entry) for entry in once.report] == [
        ("0", "BinaryLinear", "binary weights already, left as it is"),
        ("1", "Linear", "int8 per channel weights, range per token"),
    ]
    twice = ptq.quantize_dynamic(once, with_bits(2))
    x = np.ones((1, 4), np.float32)
    assert (twice(x).data == once(x).data).all() and "int8" in twice.report[1].action


def test_a_shared_layer_stays_shared():
    shared = nn.Linear(3, 3)
    q = ptq.quantize_dynamic(nn.Sequential(shared, nn.ReLU(), shared))
    assert q[0] is q[2] and isinstance(q[0], qnn.DynamicLinear)
    assert q.report[2].action == "the same as layer 0"
