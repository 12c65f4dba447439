import math

import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import nn, ptq, qnn, quant


@pytest.fixture(scope="module")
def table(digits_network, digits):
    return ptq.sensitivity(digits_network, digits.x_train[:500], digits.y_train[:500], (2, 4, 8))


def test_one_layer_at_a_time_by_another_way(digits_network, digits):
    x, y = digits.x_test[:64], digits.y_test[:64]
    rows = ptq.sensitivity(digits_network, x, y, n_bits=(3,), batch_size=10)
    float_logits = digits_network(qb.Tensor(x)).data.astype(np.float64)
    for row in rows:
        model = ptq.fold_batchnorm(digits_network)
        layer = model[int(row.path)]
        for channel in layer.weight.data:
            p = quant.params_from_range(channel.min(), channel.max(), 3, symmetric=True, narrow_range=True)
            channel[...] = quant.fake_quantize(channel, p)
        logits = model(qb.Tensor(x)).data.astype(np.float64)
        losses = [
            np.log(np.exp(z - z[np.arange(64), y][:, None]).sum(1)).mean() for z in (float_logits, logits)
        ]
        sqnr = 10 * math.log10((float_logits**2).sum() / ((logits - float_logits) ** 2).sum())
        # float32 logits near 10, summed in batches of another size: 1e-6 of the loss
        assert row.loss == pytest.approx(losses[1] - losses[0], abs=2e-6)
        assert row.accuracy == np.mean(logits.argmax(1) == y)
        assert row.sqnr == pytest.approx(sqnr, abs=1e-3)


def test_every_layer_appears_with_every_width_and_its_bytes(table):
    assert [(row.path, row.n_bits) for row in table] == [
        (p, b) for p in ("0", "4", "8", "10") for b in (2, 4, 8)
    ]
    assert [row.nbytes for row in table if row.path == "0"] == [8 * 3, 8 * 5, 8 * 9]


def test_more_bits_mean_less_error_in_every_layer_of_a_trained_network(table):
    for path in ("0", "4", "8", "10"):
        two, four, eight = (row for row in table if row.path == path)
        assert two.sqnr + 10 < four.sqnr < eight.sqnr - 15  # a bit is worth about 6 dB
        assert two.loss > four.loss and two.loss > abs(eight.loss)


def test_the_ranking_says_which_layers_to_spare(table, digits_network, digits, accuracy):
    """2 bits everywhere is too few. Where do 8 bits help?"""
    two_bits = sorted((row for row in table if row.n_bits == 2), key=lambda row: row.loss)
    least, *most = (row.path for row in two_bits)
    assert least == "8"  # 84 % of the weights, and the least sensitive
    accuracies = {}
    for name, spared in (("none", []), ("least", [least]), ("most", most)):
        overrides = {path: {"weights": qnn.int_weights(8)} for path in spared}
        config = qnn.QuantConfig(weights=qnn.int_weights(2), overrides=overrides)
        accuracies[name] = accuracy(ptq.quantize_static(digits_network, [digits.x_train[:256]], config))
    # measured: 62 % (2,440 bytes), 77 % (8,584 bytes), 97 % (3,592 bytes), of 360 images
    assert accuracies["none"] < 0.75 and accuracies["least"] < 0.87 and accuracies["most"] > 0.93


def test_the_report_names_every_layer(digits_network, table):
    report = {entry.path: entry.action for entry in table.report}
    assert report["1"] == "folded into layer 0"
    assert report["0"] == report["10"] == "quantized alone, with 2, 4, 8 bits"
    assert report["3"] == "left alone: not a Linear, Conv2d or Embedding"
    assert set(report) == {str(i) for i in range(11)}


def test_the_model_is_not_changed(digits_network, digits):
    before = digits_network.state_dict()
    ptq.sensitivity(digits_network, digits.x_test[:8], digits.y_test[:8], n_bits=(2,))
    assert all((digits_network.state_dict()[name] == before[name]).all() for name in before)


def test_the_scheme_of_the_configuration_is_used():
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    model[0].weight.data[:] = [[3.0, 1.0, 0.0], [300.0, 0.0, 0.0]]
    x, y = np.eye(3, dtype=np.float32), np.array([0, 1, 0])
    per_tensor = qnn.QuantConfig(weights=qnn.Uniform(8, symmetric=True))
    (row,) = ptq.sensitivity(model, x, y, (4,), per_tensor)
    assert row.sqnr == pytest.approx(10 * math.log10((9 + 1 + 90000) / (9 + 1)), abs=1e-4)  # scale 300 / 7
    (row,) = ptq.sensitivity(model, x, y, (4,))  # per channel: scales 3/7 and 300/7
    assert row.sqnr == pytest.approx(10 * math.log10(90010 / (1 / 7) ** 2), abs=1e-2)


def test_targets_that_are_no_classes_have_no_accuracy():
    model = nn.Sequential(nn.Linear(2, 1))
    rows = ptq.sensitivity(model, np.ones((4, 2), np.float32), np.ones((4, 1), np.float32), loss=F.mse_loss)
    assert all(math.isnan(row.accuracy) for row in rows)


def test_an_exact_layer_has_infinite_sqnr_and_no_loss():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model[0].weight.data[:] = np.eye(2)
    (row,) = ptq.sensitivity(model, np.ones((1, 2), np.float32), np.array([0]), (2,))
    assert row.sqnr == math.inf and row.loss == 0


@pytest.mark.parametrize("bad", [(), (1,), (9,), (4, 4), (4.0,)])
def test_widths_must_be_storable_and_different(bad):
    with pytest.raises(ValueError, match="n_bits must hold different integers in 2..8, got"):
        ptq.sensitivity(nn.Sequential(nn.Linear(2, 2)), np.ones((1, 2), np.float32), np.array([0]), bad)


@pytest.mark.parametrize(
    "samples, batch_size, message",
    [(0, 4, "x must hold at least one sample"), (3, 0, "batch_size must be at least 1, got 0")],
)
def test_samples_and_batches_must_not_be_empty(samples, batch_size, message):
    x, y = np.ones((samples, 2), np.float32), np.zeros(samples, int)
    with pytest.raises(ValueError, match=message):
        ptq.sensitivity(nn.Sequential(nn.Linear(2, 2)), x, y, batch_size=batch_size)


def test_a_scheme_without_a_number_of_bits_is_refused():
    class Signs(qnn.WeightScheme):
        def __repr__(self):
            return "Signs()"

    config = qnn.QuantConfig(weights=Signs())
    with pytest.raises(ValueError, match=r"weights must use a scheme with n_bits, got Signs\(\)"):
        ptq.sensitivity(
            nn.Sequential(nn.Linear(2, 2)), np.ones((1, 2), np.float32), np.array([0]), (4,), config
        )


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="model must hold a Linear, Conv2d or Embedding, got Sequential"):
        ptq.sensitivity(nn.Sequential(nn.ReLU()), np.ones((1, 2), np.float32), np.array([0]))


def test_layers_with_a_quantizer_of_their_own_are_named():
    model = nn.Sequential(qnn.BinaryLinear(3, 3), nn.Linear(3, 2))
    table = ptq.sensitivity(model, np.ones((2, 3), np.float32), np.array([0, 1]), (4,))
    assert [tuple(entry) for entry in table.report] == [
        ("0", "BinaryLinear", "left alone: its weights are binary already"),
        ("1", "Linear", "quantized alone, with 4 bits"),
    ]


def test_attention_and_embeddings_are_measured_layer_by_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, causal=True)
    model = nn.Sequential(nn.Embedding(5, 8), layer, nn.Linear(8, 5))
    x = np.arange(12).reshape(2, 6) % 5
    rows = ptq.sensitivity(
        model, x, (x + 1) % 5, (4,), loss=lambda z, y: F.cross_entropy(z.reshape(12, 5), y.ravel())
    )
    assert [row.path for row in rows][:5] == ["0", *(f"1.self_attn.{p}_proj" for p in ("q", "k", "v", "out"))]
    assert all(0 <= row.accuracy <= 1 for row in rows)
