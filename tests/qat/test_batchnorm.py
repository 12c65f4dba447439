import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, ptq, qat, qnn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 4)).astype(np.float32)


def model():
    qb.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.parametrize("batchnorm", ["fold_training", "keep"])
def test_frozen_statistics_stay_and_are_used_in_training(batchnorm):
    q = qat.prepare(model(), batchnorm=batchnorm)
    for _ in range(3):
        q(X)
    qat.freeze_batchnorm(qat.freeze(q))
    before = q[1].norm.running_mean.copy()
    trained = q(10 * X).data
    assert (q[1].norm.running_mean == before).all()
    # the same network but for float sums beside integer ones: less than two steps of the hidden grid
    np.testing.assert_allclose(trained, q.eval()(10 * X).data, atol=2 * q[1].output_quantizer.params.scale)


@pytest.mark.parametrize("batchnorm", ["fold_training", "keep"])
def test_reestimated_statistics_are_the_means_of_the_batches(batchnorm):
    q = qat.prepare(model(), batchnorm=batchnorm)
    layer = q[1]
    weight = layer.weight if batchnorm == "fold_training" else layer.weight_quantizer(layer.weight)
    batches = X[:32], X[32:]
    sums = [batch @ weight.data.T + layer.bias.data for batch in batches]
    assert qat.reestimate_batchnorm(q, batches) is q
    # float32 products of four terms, their means and variances
    np.testing.assert_allclose(layer.norm.running_mean, np.mean(sums, axis=(0, 1)), rtol=1e-4, atol=1e-6)
    variance = np.mean([y.var(axis=0, ddof=1) for y in sums], axis=0)
    np.testing.assert_allclose(layer.norm.running_var, variance, rtol=1e-4)
    assert layer.norm.momentum == pytest.approx(0.1) and q.training


def test_reestimation_looks_at_unrounded_activations_and_leaves_their_ranges_alone():
    q = qat.prepare(model(), batchnorm="keep").eval()
    qat.reestimate_batchnorm(q, [(X, None)])
    assert not q.training
    with pytest.raises(ValueError, match="must observe data"):
        q(X)


@pytest.mark.parametrize("batchnorm", ["fold_training", "keep"])
def test_frozen_statistics_can_be_reestimated_and_stay_frozen(batchnorm):
    q, frozen = (qat.prepare(model(), batchnorm=batchnorm) for _ in range(2))
    qat.freeze_batchnorm(frozen)
    before = frozen[1].norm.running_mean.copy()
    qat.reestimate_batchnorm(q, [X])
    qat.reestimate_batchnorm(frozen, [X])
    assert (frozen[1].norm.running_mean == q[1].norm.running_mean).all()
    assert (frozen[1].norm.running_mean != before).any()
    after = frozen[1].norm.running_mean.copy()
    frozen(10 * X)
    assert (frozen[1].norm.running_mean == after).all()


def test_reestimation_drops_nothing_out():
    """Of one input and dropout, the norm's mean would be 0 or twice too large."""
    qb.manual_seed(0)
    dropped = nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(1, 2), nn.BatchNorm1d(2))
    plain = nn.Sequential(*dropped[:1], *dropped[2:])
    x = X[:, :1] ** 2
    means = []
    for network in (dropped, plain):
        q = qat.prepare(network, batchnorm="keep")
        qat.reestimate_batchnorm(q, [x])
        means += [layer.norm.running_mean for layer in q if hasattr(layer, "norm")]
    assert (means[0] == means[1]).all()


@pytest.mark.parametrize(
    "batches, message", [([], "at least one batch"), ([X, X * np.nan], "must be finite")]
)
def test_batches_that_say_nothing_are_refused_and_settings_stay(batches, message):
    q = qat.freeze_batchnorm(qat.prepare(model(), batchnorm="keep"))
    with pytest.raises(ValueError, match=message):
        qat.reestimate_batchnorm(q, batches)
    assert q[1].norm.momentum == pytest.approx(0.1) and q[1].norm_frozen and q.training


def test_statistics_of_the_float_weights_misjudge_normalized_ones_until_reestimated(
    digits, digits_network, accuracy
):
    """APoT weights have deviation 1, those that the norms know 0.2 and 0.1."""
    eight = {"weights": qnn.int_weights(8)}
    settings = qnn.QuantConfig(weights=qat.APoT(4), overrides={"8": eight, "10": eight})
    batches = [digits.x_train[:256], digits.x_train[256:512]]
    stale = ptq.calibrate(qat.prepare(digits_network, settings, batchnorm="keep"), batches)
    q = qat.prepare(digits_network, settings, batches, batchnorm="keep").eval()
    for i in (1, 3):
        norm = q[i].norm
        float_range = (norm.bias.data + 4 * np.abs(norm.weight.data)).max()
        seen, misjudged = (255 * float(model[i].output_quantizer.params.scale) for model in (q, stale))
        assert 0.5 * float_range < seen < 2 * float_range < misjudged
    assert accuracy(q) > accuracy(digits_network) - 0.02
    assert integer.count_differences(q, integer.convert(q), digits.x_test[:100]) == 0
