import copy

import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq

RNG = np.random.default_rng(3)


def randomized(model):
    """`model` with weights of different sizes and batch norms that do something."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            n = module.num_features
            module.weight.data = RNG.uniform(0.5, 2, n).astype(np.float32)
            module.bias.data = RNG.standard_normal(n).astype(np.float32)
            module.running_mean = RNG.standard_normal(n).astype(np.float32)
            module.running_var = RNG.uniform(0.5, 2, n).astype(np.float32)
    return model.eval()


def network():
    return randomized(
        nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.Sigmoid(),  # a removed channel would still hand on 0.5
            nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(6, 4, 3, padding=1, bias=False)),
            nn.ReLU(),
            nn.Flatten(),
            nn.BatchNorm1d(16),
            nn.Linear(16, 10),
            nn.Tanh(),
            nn.Linear(10, 3),
        )
    )


def smallest(weight, count, order):
    """Indices of the `count` filters with the smallest norms, by plain loops."""
    norms = [sum(abs(float(v)) ** order for v in filters.ravel()) for filters in weight]
    return sorted(range(len(norms)), key=lambda i: norms[i])[:count]


@pytest.mark.parametrize("norm, order", [("l1", 1), ("l2", 2)])
def test_the_smaller_network_computes_what_the_large_one_does_when_nobody_reads_the_removed_channels(
    norm, order
):
    model = network()
    smaller = ptq.prune_channels(model, 0.5, norm)
    # silence in the original what must be gone, at the reader: an independent way to remove a channel
    silenced = copy.deepcopy(model)
    silenced[3][1].weight.data[:, smallest(model[0].weight.data, 3, order)] = 0
    for channel in smallest(silenced[3][1].weight.data[:, np.arange(6)], 2, order):
        silenced[7].weight.data[:, 4 * channel : 4 * channel + 4] = 0
    # the readers' norms are taken after their own inputs have shrunk
    for i in smallest(silenced[7].weight.data, 5, order):
        silenced[9].weight.data[:, i] = 0
    x = qb.Tensor(RNG.standard_normal((5, 2, 4, 4)).astype(np.float32))
    # float32 sums of up to 54 terms in another order
    np.testing.assert_allclose(smaller(x).data, silenced(x).data, rtol=1e-5, atol=1e-5)


def test_everything_really_shrinks():
    smaller = ptq.prune_channels(network(), 0.5)
    shapes = {name: value.shape for name, value in smaller.state_dict().items()}
    assert shapes == {
        "0.weight": (3, 2, 3, 3),
        "0.bias": (3,),
        **{f"1.{name}": (3,) for name in ("weight", "bias", "running_mean", "running_var")},
        "3.1.weight": (2, 3, 3, 3),
        **{f"6.{name}": (8,) for name in ("weight", "bias", "running_mean", "running_var")},
        "7.weight": (5, 8),
        "7.bias": (5,),
        "9.weight": (3, 5),
        "9.bias": (3,),
    }
    assert (smaller[0].out_channels, smaller[1].num_features, smaller[3][1].in_channels) == (3, 3, 3)
    assert (smaller[6].num_features, smaller[7].in_features, smaller[7].out_features) == (8, 8, 5)


def test_the_report_names_every_layer_and_why():
    report = {entry.path: entry.action for entry in ptq.prune_channels(network(), 0.5).report}
    assert report == {
        "0": "6 -> 3 channels, behind it BatchNorm2d 1, Conv2d 3.1 shrunk",
        "3.1": "4 -> 2 channels, behind it BatchNorm1d 6, Linear 7 shrunk",
        "7": "10 -> 5 channels, behind it Linear 9 shrunk",
        "9": "left alone: the last layer's outputs are the network's",
    }


def test_channels_tied_by_a_residual_sum_stay_and_those_inside_its_body_go():
    body = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1))
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Residual(body, nn.Conv2d(4, 4, 1)), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
    )
    smaller = ptq.prune_channels(model, 0.25)
    assert [tuple(entry) for entry in smaller.report] == [
        ("0", "Conv2d", "left alone: Residual 1 reads it"),
        ("1.body.0", "Conv2d", "8 -> 6 channels, behind it Conv2d 1.body.2 shrunk"),
        ("1.body.2", "Conv2d", "left alone: tied to the sum of Residual 1"),
        ("1.shortcut", "Conv2d", "left alone: tied to the sum of Residual 1"),
        ("4", "Linear", "left alone: the last layer's outputs are the network's"),
    ]
    assert smaller(np.ones((2, 1, 6, 6), np.float32)).shape == (2, 2)


def test_groups_attention_and_other_layers_are_left_alone_by_name():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 1),
        nn.Flatten(),
        nn.Linear(16, 8),
        nn.LayerNorm(8),
        nn.Linear(8, 2),
    )
    smaller = ptq.prune_channels(model, 0.5)
    assert {entry.path: entry.action for entry in smaller.report} == {
        "0": "left alone: Conv2d 1 with 4 groups reads it",
        "1": "left alone: a convolution with 4 groups",
        "2": "4 -> 2 channels, behind it Linear 4 shrunk",
        "4": "left alone: LayerNorm 5 reads it",
        "5": "left alone: not a Linear or Conv2d",
        "6": "left alone: the last layer's outputs are the network's",
    }


def test_one_channel_always_stays_and_small_fractions_remove_none():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    assert ptq.prune_channels(model, 0.99)[0].weight.shape == (1, 2)
    unpruned = ptq.prune_channels(model, 0.1)
    assert unpruned[0].weight.shape == (3, 2)
    assert unpruned.report[0].action == "left alone: 0.1 of 3 channels is less than one"


def test_of_equal_norms_the_first_channel_goes():
    model = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 1))
    model[0].weight.data[:, 0] = 1.0, -1.0, 1.0
    model[0].bias.data[:] = 10.0, 20.0, 30.0
    assert ptq.prune_channels(model, 1 / 3)[0].bias.data.tolist() == [20.0, 30.0]


def test_the_channels_that_stay_keep_their_order():
    model = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 1))
    model[0].weight.data[:, 0] = 3.0, 1.0, 2.0
    model[0].bias.data[:] = 10.0, 20.0, 30.0
    assert ptq.prune_channels(model, 1 / 3)[0].bias.data.tolist() == [10.0, 30.0]


def test_a_batch_norm_without_parameters_shrinks_too():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2))
    assert ptq.prune_channels(model, 0.5)[1].running_mean.shape == (2,)


def test_the_moments_of_a_folded_batch_norm_shrink_with_its_layer():
    folded = ptq.fold_batchnorm(
        randomized(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)))
    )
    beta, gamma = folded[0].moments
    gone = smallest(folded[0].weight.data, 2, 1)
    smaller = ptq.prune_channels(folded, 1 / 3)
    assert (smaller[0].moments[0] == np.delete(beta, gone)).all()
    assert (smaller[0].moments[1] == np.delete(gamma, gone)).all()
    ptq.correct_bias_analytically(ptq.quantize_static(smaller, [np.ones((1, 5), np.float32)]))


def test_the_model_is_not_changed():
    model = network()
    before = model.state_dict()
    ptq.prune_channels(model, 0.5)
    after = model.state_dict()
    assert all((after[name] == before[name]).all() for name in before)


def test_activations_and_other_layers_may_stand_twice():
    relu, norm = nn.ReLU(), nn.LayerNorm(4)
    model = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu, norm, nn.Linear(4, 4), norm)
    assert [entry.path for entry in ptq.prune_channels(model, 0.5).report] == ["0", "2", "4", "5", "6"]


def test_a_layer_that_stands_twice_is_refused():
    shared = nn.Linear(4, 4)
    with pytest.raises(ValueError, match="model must hold each layer once, got Linear 2 again"):
        ptq.prune_channels(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2)), 0.5)


@pytest.mark.parametrize(
    "model, fraction, norm, message",
    [
        (nn.Sequential(), 1.0, "l1", r"fraction must be in \[0, 1\), got 1.0"),
        (nn.Sequential(), -0.5, "l1", r"fraction must be in \[0, 1\), got -0.5"),
        (nn.Sequential(), 0.5, "l3", r"norm must be one of \['l1', 'l2'\], got 'l3'"),
        (nn.Linear(2, 2), 0.5, "l1", "model must be a Sequential, got Linear"),
    ],
)
def test_arguments_out_of_range_are_refused(model, fraction, norm, message):
    with pytest.raises(ValueError, match=message):
        ptq.prune_channels(model, fraction, norm)


def test_half_the_channels_of_a_trained_network_come_back_with_training(
    digits_network, digits, train, accuracy
):
    smaller = ptq.prune_channels(digits_network, 0.5, "l2")
    untrained = accuracy(smaller)
    train(smaller, epochs=3, lr=2e-3)
    q = ptq.quantize_static(smaller, [digits.x_train])
    sizes = [
        sum(m.weight.size for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d)))
        for model in (digits_network, smaller)
    ]
    assert sizes == [9736, 36 + 288 + 2048 + 160]
    # measured on 360 images: 97 % before, 42 % pruned, 94 % after 3 epochs, 94 % then in int8
    assert untrained < 0.7 < 0.9 < accuracy(q)
