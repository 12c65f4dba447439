import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq
from qbref.ptq.absorb_bias import absorb_high_bias
from qbref.ptq.equalize import equalize


@pytest.fixture(scope="module")
def biased_network(train):
    """Every other channel was moved by 10 before training, which left it there: far above its ReLU's kink."""
    rng = np.random.default_rng(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, rng=rng),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(144, 10, rng=rng),
    )
    network[1].bias.data[::2] = network[4].bias.data[::2] = 10
    return train(network, epochs=4, lr=1e-2)


def outputs(model, x):
    with qb.no_grad():
        return model(qb.Tensor(x)).data


def by_hand_model(**options):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 2, groups=2, **options))
    model[0].weight.data[:], model[0].bias.data[:], model[2].bias.data[:] = 1, [10, 1], [0, 5]
    model[2].weight.data[:] = np.arange(8).reshape(2, 1, 2, 2)
    model[0].moments = np.array([10, 1], np.float32), np.array([2, 1], np.float32)
    return model


def test_by_hand():
    absorbed = absorb_high_bias(by_hand_model())  # c = [10 - 6, 0]; the taps of output 0 sum to 6
    assert absorbed[0].bias.data.tolist() == [6, 1]
    assert absorbed[2].bias.data.tolist() == [24, 5]
    assert absorbed[0].moments[0].tolist() == [6, 1] and absorbed[0].moments[1].tolist() == [2, 1]
    assert [(entry.path, entry.action) for entry in absorbed.report] == [
        ("0", "nothing absorbed: no layer stands before it"),
        ("2", "absorbed 1 of 2 channels of Conv2d 0, up to 4"),
    ]


def test_eight_bits_lose_a_third_of_the_error_or_less(biased_network, digits):
    y, batches = outputs(biased_network, digits.x_test), [digits.x_train[:256]]

    def error(model):
        return np.square(outputs(ptq.quantize_static(model, batches), digits.x_test) - y).mean()

    assert error(absorb_high_bias(biased_network)) < error(biased_network) / 3


def test_the_function_is_unchanged_for_images_whose_channels_all_exceed_c(biased_network, digits):
    absorbed = absorb_high_bias(biased_network)
    folded = ptq.fold_batchnorm(biased_network)
    below = np.zeros(len(digits.x_test), bool)
    for i in (0, 3):
        c = np.maximum(0, folded[i].moments[0] - 3 * folded[i].moments[1])
        values = outputs(folded[: i + 1], digits.x_test)
        below |= (values < c[:, None, None])[:, c > 0].any(axis=(1, 2, 3))
    assert 20 < below.sum() < 340
    y = outputs(biased_network, digits.x_test)
    change = np.abs(outputs(absorbed, digits.x_test) - y).max(axis=1) / np.abs(y).max()
    # float32 sums around 10 in another order; below c, the tails of distributions beyond 3 deviations
    assert change[~below].max() < 1e-5 < change[below].max() < 0.02


def test_absorption_comes_with_equalization(biased_network, digits):
    y = outputs(biased_network, digits.x_test)
    both = absorb_high_bias(equalize(biased_network))
    alone = absorb_high_bias(biased_network)
    # the moments were divided by s, so c is c / s and the same values lie below it
    np.testing.assert_allclose(
        outputs(both, digits.x_test), outputs(alone, digits.x_test), rtol=0, atol=1e-5 * np.abs(y).max()
    )
    assert (np.abs(both[3].bias.data - equalize(biased_network)[3].bias.data) > 0.1).any()


def test_calibration_batches_give_the_moments_of_layers_without_batch_norm():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    model[0].bias.data[:] = [20, 0, 30]
    batches = [rng.standard_normal((n, 2)).astype(np.float32) for n in (50, 70)]
    values = outputs(model[:1], np.concatenate(batches)).astype(np.float64)
    c = np.maximum(0, values.mean(axis=0) - 3 * values.std(axis=0))
    assert (c > 0).tolist() == [True, False, True]
    absorbed = absorb_high_bias(model, batches)
    np.testing.assert_allclose(absorbed[0].bias.data, model[0].bias.data - c, rtol=1e-5)  # float32
    np.testing.assert_allclose(absorbed[2].bias.data, model[2].weight.data @ c, rtol=1e-5)
    assert absorb_high_bias(model).report[1].action == (
        "nothing absorbed: no batch norm was folded into Linear 0, and no calibration data are given"
    )


def test_zero_padding_is_in_the_way_since_c_is_not_there_to_be_padded():
    model = by_hand_model(padding=1)
    absorbed = absorb_high_bias(model)
    assert absorbed.report[1].action == "nothing absorbed: Conv2d 2 pads with zeros"
    assert (absorbed[2].bias.data == model[2].bias.data).all()
    x = np.ones((1, 1, 3, 3), np.float32)
    shifted = by_hand_model(padding=1)  # what absorbing all the same would give: right inside, wrong outside
    shifted[0].bias.data[0] -= 4
    shifted[2].bias.data[0] += 24
    change = outputs(shifted, x) - outputs(model, x)
    assert np.abs(change[:, :, 1:-1, 1:-1]).max() < 1e-4 and np.abs(change).max() > 1


def test_padding_of_average_pooling_is_in_the_way_and_of_max_pooling_is_not():
    for pool, done in ((nn.AvgPool2d(2, padding=1), False), (nn.MaxPool2d(2, padding=1), True)):
        model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), pool, nn.Conv2d(2, 2, 1))
        model[0].weight.data[:], model[0].bias.data[:] = 1, 8
        model[0].moments = np.array([8, 8], np.float32), np.array([1, 1], np.float32)
        x = np.random.default_rng(0).uniform(-3, 3, (2, 1, 4, 4)).astype(np.float32)
        absorbed = absorb_high_bias(model)
        assert (absorbed.report[1].action == "nothing absorbed: AvgPool2d 2 pads with zeros") != done
        np.testing.assert_allclose(outputs(absorbed, x), outputs(model, x), rtol=1e-5, atol=1e-5)  # float32


def test_a_channel_that_does_not_stay_above_zero_keeps_its_bias():
    model = by_hand_model()
    model[0].moments = np.array([6, 1], np.float32), np.array([2, 1], np.float32)  # c = 0 exactly
    report = absorb_high_bias(model).report
    assert report[1].action == "nothing absorbed: no channel of Conv2d 0 stays 3 deviations above 0"


def test_nothing_is_absorbed_behind_a_norm_or_through_attention():
    model = nn.TransformerEncoderLayer(4, 2, dim_feedforward=4, norm_first=True)
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    report = {entry.path: entry.action for entry in absorb_high_bias(model, [x]).report}
    assert report["linear1"] == "nothing absorbed: LayerNorm norm2 is no Linear or Conv2d"
    attention = "MultiheadAttention self_attn stands between"
    assert report["self_attn.out_proj"] == f"nothing absorbed: {attention}"


def test_the_model_itself_is_not_changed(biased_network, digits):
    before = biased_network.state_dict()
    absorb_high_bias(biased_network, [digits.x_train[:64]])
    assert all((biased_network.state_dict()[name] == before[name]).all() for name in before)
