import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn


def randomize(norm, rng):
    norm.weight.data = rng.standard_normal(norm.num_features).astype(np.float32)  # both signs
    norm.bias.data = rng.standard_normal(norm.num_features).astype(np.float32)
    norm.running_mean = rng.standard_normal(norm.num_features).astype(np.float32)
    norm.running_var = rng.uniform(0.1, 3, norm.num_features).astype(np.float32)


def conv_model(bias):
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, bias=bias),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(80, 4),
        nn.BatchNorm1d(4),
    )


@pytest.mark.parametrize("bias", [True, False])
def test_folding_leaves_the_function_unchanged(bias):
    rng = np.random.default_rng(1)
    model = conv_model(bias).eval()
    randomize(model[1], rng)
    randomize(model[5], rng)
    x = qb.Tensor(rng.standard_normal((7, 2, 6, 6)).astype(np.float32))
    folded = ptq.fold_batchnorm(model)
    assert isinstance(folded[1], nn.Identity) and isinstance(folded[5], nn.Identity)
    # float32 sums of 80 terms in another order: a few units in the last place of values near 10
    np.testing.assert_allclose(folded(x).data, model(x).data, rtol=1e-5, atol=1e-5)


def test_gamma_zero_leaves_the_bias_beta_and_zero_weights():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    model[1].weight.data[:] = 0
    model[1].bias.data[:] = [1.5, -2.0]
    folded = ptq.fold_batchnorm(model)
    assert not folded[0].weight.data.any() and folded[0].bias.data.tolist() == [1.5, -2.0]


def test_by_hand():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1, eps=0.0625)).eval()
    model[0].weight.data[:], model[0].bias.data[:] = 3.0, 5.0
    norm = model[1]
    norm.weight.data[:], norm.bias.data[:] = -2.0, 7.0
    norm.running_mean[:], norm.running_var[:] = 1.0, 0.1875  # standard deviation 0.5
    folded = ptq.fold_batchnorm(model)
    assert folded[0].weight.data.tolist() == [[-12.0]] and folded[0].bias.data.tolist() == [-9.0]


def test_the_model_itself_is_not_changed():
    model = conv_model(False)
    before = model.state_dict()
    ptq.fold_batchnorm(model)
    after = model.state_dict()
    assert list(after) == list(before) and all((after[name] == before[name]).all() for name in before)


def test_the_report_names_what_was_folded_and_what_was_kept_and_why():
    model = nn.Sequential(
        nn.BatchNorm1d(4),
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)),
        nn.Linear(4, 4),
        nn.BatchNorm1d(4),
        qnn.Sign(),
    )
    report = {entry.path: entry.action for entry in ptq.fold_batchnorm(model).report}
    assert report == {
        "0": "kept: no Linear or Conv2d stands before it",
        "3": "kept: the Sign behind it makes it a threshold",
        "1.1": "folded into layer 1.0",
    }


def random_norm(rng):
    norm = nn.BatchNorm1d(4)
    norm.weight.data, norm.bias.data, norm.running_mean = rng.standard_normal((3, 4)).astype(np.float32)
    norm.running_var = rng.uniform(0.5, 2, 4).astype(np.float32)
    return norm


def test_a_batch_norm_behind_a_layer_that_stands_in_two_places_is_kept():
    rng = np.random.default_rng(3)
    layer, norm, x = nn.Linear(4, 4, rng=rng), random_norm(rng), rng.random((9, 4), dtype=np.float32)
    for second in (norm, random_norm(rng)):
        model = nn.Sequential(layer, norm, nn.Sequential(nn.ReLU(), layer, second)).eval()
        folded = ptq.fold_batchnorm(model)
        assert (folded(x).data == model(x).data).all()
        assert {e.action for e in folded.report} == {
            "kept: layer 0 stands in several places",
            "kept: layer 2.1 stands in several places",
        }


def test_a_batch_norm_of_other_features_than_the_layers_outputs_is_kept():
    model = nn.Sequential(nn.Linear(3, 6), random_norm(np.random.default_rng(3))).eval()  # of 4 positions
    folded = ptq.fold_batchnorm(model)
    assert folded.report[0].action == "kept: its features are not the outputs of layer 0"
    x = np.ones((2, 4, 3), np.float32)
    assert (folded(x).data == model(x).data).all()


def test_a_block_that_stands_in_two_places_folds_once():
    rng = np.random.default_rng(4)
    block = nn.Sequential(nn.Linear(4, 4, rng=rng), random_norm(rng), nn.ReLU())
    model, x = nn.Sequential(block, block).eval(), rng.random((9, 4), dtype=np.float32)
    # float32 products of four terms
    np.testing.assert_allclose(ptq.fold_batchnorm(model)(x).data, model(x).data, rtol=1e-5, atol=1e-6)


def test_folding_into_shared_weights_does_not_reach_the_other_layer():
    rng = np.random.default_rng(5)
    first, second = nn.Linear(4, 4, rng=rng), nn.Linear(4, 4, rng=rng)
    second.weight = first.weight
    model = nn.Sequential(first, random_norm(rng), nn.ReLU(), second).eval()
    folded = ptq.fold_batchnorm(model)
    assert (folded[3].weight.data == second.weight.data).all()
    x = rng.random((9, 4), dtype=np.float32)
    # float32 products of four terms
    np.testing.assert_allclose(folded(x).data, model(x).data, rtol=1e-5, atol=1e-6)


def test_binary_weights_fold_into_scale_and_sign():
    rng = np.random.default_rng(2)
    model = nn.Sequential(qnn.BinaryLinear(6, 4, bias=False), nn.BatchNorm1d(4)).eval()
    randomize(model[1], rng)
    x = qb.Tensor(rng.standard_normal((5, 6)).astype(np.float32))
    folded = ptq.fold_batchnorm(model)
    np.testing.assert_allclose(folded(x).data, model(x).data, rtol=1e-5, atol=1e-5)  # as above
    assert (folded[0].weight.data == model[0].weight.data).all()  # latent weights stay


def test_moments_are_those_of_the_folded_norms_outputs_and_survive_quantization():
    rng = np.random.default_rng(3)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=1.0))
    model[1].weight.data = np.array([1.0, -2.0, 0.5, 3.0], np.float32)
    model[1].bias.data = np.array([0.0, 1.0, -1.0, 2.0], np.float32)
    x = rng.standard_normal((4000, 6)).astype(np.float32)
    y = model(qb.Tensor(x)).data  # one training pass: the running statistics are those of x
    folded = ptq.fold_batchnorm(model.eval())
    mean, std = folded[0].moments
    np.testing.assert_allclose(mean, y.mean(axis=0), atol=1e-4)  # eps, and n against n - 1
    np.testing.assert_allclose(std, y.std(axis=0), rtol=1e-3)
    q = ptq.quantize_static(model, [x])
    assert q[1].moments is not None and (q[1].moments[0] == mean).all()


def test_plain_quantized_layers_fold_into_their_latent_weights():
    model = nn.Sequential(qnn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    model[1].weight.data[:] = [2.0, -3.0]
    folded = ptq.fold_batchnorm(model)
    assert isinstance(folded[0].weight_quantizer, qnn.UniformWeights)
    factor = folded[0].weight.data / model[0].weight.data
    np.testing.assert_allclose(factor, [[2.0] * 3, [-3.0] * 3], rtol=1e-5)  # eps of the norm


def test_the_report_goes_on_from_that_of_an_earlier_transform():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).eval()
    actions = [entry.action for entry in ptq.fold_batchnorm(ptq.equalize(model)).report]
    assert actions[0] == "folded into layer 0" and any("equalized with" in action for action in actions)
