import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, optim, qat, qnn
from qbref.calibration import MovingAverageMinMax
from qbref.nn import functional as F

RNG = np.random.default_rng(5)
X = RNG.standard_normal((256, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def mlp():
    qb.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))


def train_mlp(q, steps):
    optimizer = optim.Adam(q.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(q(qb.Tensor(X)), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_with_three_bit_weights_learns():
    q = qat.prepare(mlp(), qnn.QuantConfig(qnn.int_weights(3), qnn.Uniform(4)))
    losses = train_mlp(q, 120)
    assert losses[-1] < 0.6 * losses[0]
    accuracy = (q.eval()(qb.Tensor(X)).data.argmax(axis=1) == Y).mean()
    assert accuracy > 0.8


def test_the_latent_weights_move_and_the_weights_in_use_have_few_levels():
    q = qat.prepare(mlp(), qnn.QuantConfig(qnn.int_weights(2)))
    layer = q[1]
    before = layer.weight.data.copy()
    train_mlp(q, 3)
    assert (layer.weight.data != before).mean() > 0.5  # units that no sample activates stay
    in_use = layer.weight_quantizer(layer.weight).data
    assert all(len(np.unique(row)) <= 3 for row in in_use)


def test_ranges_follow_the_data_unless_calibrated_before():
    q = qat.prepare(mlp())
    train_mlp(q, 2)
    moved = q[0].output_quantizer.params
    q(qb.Tensor(X * 10))
    assert q[0].output_quantizer.params != moved

    fixed = qat.prepare(mlp(), calibration_batches=[X])
    before = fixed[0].output_quantizer.params
    fixed(qb.Tensor(X * 10))
    assert fixed[0].output_quantizer.params == before


def test_evaluation_before_any_data_is_refused():
    q = qat.prepare(mlp()).eval()
    with pytest.raises(ValueError, match="quantizer must observe data before it quantizes"):
        q(qb.Tensor(X))


def test_the_model_is_not_changed():
    model = mlp()
    before = model.state_dict()
    train_mlp(qat.prepare(model), 2)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)


def test_the_same_seed_gives_the_same_network():
    a, b = (qat.prepare(mlp()) for _ in range(2))
    train_mlp(a, 3), train_mlp(b, 3)
    assert (a(qb.Tensor(X)).data == b(qb.Tensor(X)).data).all()


def with_norms(seed=0):
    """The digits architecture, not trained yet; one channel's gamma is negative, another's 0."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=rng),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 32, rng=rng),
        nn.ReLU(),
        nn.Linear(32, 10, rng=rng),
    )
    model[1].weight.data[:2] = -1.0, 0.0
    return model


def few_bits(n_bits):
    ends = {path: {"weights": qnn.int_weights(8)} for path in ("0", "10")}
    return qnn.QuantConfig(
        weights=qnn.int_weights(n_bits),
        activations=qnn.Uniform(n_bits),
        observer=MovingAverageMinMax,
        overrides={"input": {"activations": qnn.Uniform(8)}, **ends},
    )


def test_before_training_folding_then_and_folding_now_are_the_same_network(digits, digits_network):
    batches = [digits.x_train[:256]]
    now, then = (
        qat.prepare(digits_network, calibration_batches=batches, batchnorm=batchnorm).eval()
        for batchnorm in ("fold", "fold_training")
    )
    assert (now(digits.x_test).data == then(digits.x_test).data).all()


@pytest.mark.parametrize("batchnorm", ["fold", "fold_training", "keep"])
def test_what_was_trained_becomes_integers_without_a_difference(digits, train, accuracy, batchnorm):
    q = train(qat.prepare(with_norms(), few_bits(4), batchnorm=batchnorm), epochs=3, lr=5e-3)
    assert accuracy(q) > 0.7  # it learns; how well is the next test
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0


def test_from_scratch_at_two_bits_training_needs_the_batch_norm(train, accuracy):
    results = {
        batchnorm: np.mean(
            [
                accuracy(train(qat.prepare(with_norms(seed), few_bits(2), batchnorm=batchnorm), 2, 5e-3))
                for seed in range(2)
            ]
        )
        for batchnorm in ("fold", "fold_training", "keep")
    }
    assert results["fold_training"] > results["fold"] + 0.05
    assert results["keep"] > results["fold"] + 0.05


def test_the_model_keeps_its_batch_norms_and_their_statistics():
    model = mlp()
    before = model.state_dict()
    train_mlp(qat.prepare(model, batchnorm="fold_training"), 2)
    assert isinstance(model[1], nn.BatchNorm1d)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)


def test_branches_are_searched_and_what_cannot_be_joined_is_folded_or_stays():
    block = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8))
    model = nn.Sequential(
        nn.Linear(4, 8),
        nn.ReLU(),
        nn.Residual(block),
        qnn.BinaryLinear(8, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 6),
        nn.BatchNorm1d(6),
        qnn.Sign(),
        qnn.BinaryLinear(6, 2),
    )
    q = qat.prepare(model, batchnorm="fold_training")
    norms = [(entry.path, entry.action) for entry in q.report if entry.layer == "BatchNorm1d"]
    assert norms[:3] == [
        ("2.body.1", "trains within layer 2.body.0"),
        ("4", "folded into layer 3"),
        ("7", "kept: the Sign behind it makes it a threshold"),
    ]
    q(qb.Tensor(X))
    assert integer.count_differences(q.eval(), integer.convert(q), X) == 0


def test_what_earlier_transforms_reported_comes_first():
    model = mlp()
    model.report = qnn.Report()
    model.report.add("0", model[0], "touched before")
    q = qat.prepare(model, batchnorm="keep")
    assert [entry.action for entry in q.report[:2]] == ["touched before", "trains within layer 0"]
    assert len(model.report) == 1


def test_calibration_fixes_observed_ranges_and_only_starts_learned_ones():
    observed = qat.prepare(mlp(), calibration_batches=[X])
    assert observed[0].output_quantizer.frozen
    signed = {"input": {"activations": qnn.Uniform(8)}}
    config = qnn.QuantConfig(activations=qat.APoT(4), overrides=signed)
    learned = qat.prepare(mlp(), config, [X])
    start = learned[1].output_quantizer.alpha.item()
    assert start != 8 and not learned[1].output_quantizer.frozen
    train_mlp(learned, 2)
    assert learned[1].output_quantizer.alpha.item() != start


@pytest.mark.parametrize("batchnorm", ["fold", "fold_training", "keep"])
def test_a_batch_norm_of_other_features_than_the_layers_outputs_is_refused(batchnorm):
    model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(4))
    with pytest.raises(ValueError, match="layer '1' must follow a Linear or Conv2d"):
        qat.prepare(model, batchnorm=batchnorm)


def test_a_choice_of_integers_for_fixed_weights_is_refused():
    with pytest.raises(ValueError, match="weight_rounding must be 'nearest' .*, got 'gptq'"):
        qat.prepare(mlp(), qnn.QuantConfig(weight_rounding="gptq"))


@pytest.mark.parametrize("scheme", [qat.APoT(4), qat.APoT(4, "clipped", True), qat.DoReFa(4), qat.DoReFa(1)])
def test_weights_that_became_nan_are_not_rounded_to_a_level(scheme):
    q = qat.prepare(mlp(), qnn.QuantConfig(weights=scheme), [X])
    q[1].weight.data[0, 0] = np.nan
    for mode in (True, False):
        with pytest.raises(ValueError, match="x must .*(got NaN|got nan)"):
            q.train(mode)(X)


def test_an_unknown_treatment_of_batch_norms_is_refused():
    with pytest.raises(ValueError, match="batchnorm must be one of .*, got 'freeze'"):
        qat.prepare(mlp(), batchnorm="freeze")
