import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import integer, nn, optim, ptq, qnn


def weights_of(model):
    return {p: m.weight.data for p, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))}


def small():
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, rng=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10, rng=rng)
    )


@pytest.mark.parametrize("sparsity", [0, 0.1, 0.5, 0.77, 1])
def test_each_layer_loses_its_share_and_keeps_the_largest(sparsity):
    model = small()
    before, after = weights_of(model), weights_of(ptq.prune(model, sparsity))
    for path, w in before.items():
        left = after[path] != 0
        assert (~left).sum() == round(sparsity * w.size)
        assert (after[path][left] == w[left]).all()
        assert not left.any() or left.all() or np.abs(w[~left]).max() <= np.abs(w[left]).min()


def test_one_threshold_for_the_whole_network():
    model = small()
    model[0].weight.data *= 10  # the convolution's weights become the larger ones
    before, after = weights_of(model), weights_of(ptq.prune(model, 0.5, scope="global"))
    removed = np.concatenate([np.abs(before[p][after[p] == 0]) for p in before])
    left = np.concatenate([np.abs(before[p][after[p] != 0]) for p in before])
    assert len(removed) == round(0.5 * (72 + 640)) and removed.max() <= left.min()
    assert (after["0"] == 0).mean() < 0.1 < 0.5 < (after["4"] == 0).mean()


def test_ties_go_in_order_of_position():
    model = nn.Sequential(nn.Linear(4, 1))
    model[0].weight.data[:] = [[1.0, -1.0, 1.0, -1.0]]
    assert ptq.prune(model, 0.5)[0].weight.data.tolist() == [[0, 0, 1, -1]]


def test_layers_to_keep_stay_dense_and_lose_nothing_to_the_global_threshold():
    model = small()
    pruned = ptq.prune(model, 0.5, scope="global", keep=["4"])
    assert (pruned[4].weight.data == model[4].weight.data).all()
    assert (pruned[0].weight.data == 0).sum() == 36 and list(pruned.masks) == ["0"]
    assert [entry.action for entry in pruned.report if entry.path == "4"] == ["dense"]


def test_the_model_itself_and_its_biases_are_not_changed():
    model = small()
    before = model.state_dict()
    pruned = ptq.prune(model, 0.9)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)
    assert (pruned[4].bias.data == model[4].bias.data).all()


def test_layers_to_keep_may_come_from_a_generator():
    pruned = ptq.prune(small(), 0.5, keep=(path for path in ["0"]))
    assert list(pruned.masks) == ["4"] and pruned[0].weight.data.all()


def test_training_moves_what_is_left_and_masks_keep_the_rest_at_zero():
    pruned = ptq.prune(small(), 0.75)
    optimizer = optim.SGD(pruned.parameters(), lr=0.1, momentum=0.9)
    x = np.random.default_rng(1).standard_normal((8, 2, 6, 6)).astype(np.float32)
    before = pruned[4].weight.data.copy()
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(pruned.train()(qb.Tensor(x)), np.arange(8)).backward()
        optimizer.step()
        assert (pruned[4].weight.data[~pruned.masks["4"]] != 0).any()  # the step does move them
        ptq.apply_masks(pruned)
    for path, mask in pruned.masks.items():
        assert not pruned[int(path)].weight.data[~mask].any()
    assert (pruned[4].weight.data != before)[pruned.masks["4"]].all()


def test_the_report_gives_bytes_and_names_what_was_left_alone():
    report = {entry.path: entry for entry in ptq.prune(small(), 0.9).report}
    sparse = ptq.sparse_bytes(ptq.prune(small(), 0.9)[4].weight.data, 8)
    assert report["4"].action == f"576 of 640 weights zero; as 8-bit values {sparse} bytes sparse, 640 dense"
    assert report["1"].action == "left alone: not a Linear, Conv2d or Embedding"
    assert list(report) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((1.1,), r"sparsity must be in \[0, 1\], got 1.1"),
        ((-0.1,), r"sparsity must be in \[0, 1\], got -0.1"),
        ((float("nan"),), r"sparsity must be in \[0, 1\], got nan"),
        ((0.5, "row"), r"scope must be one of \('layer', 'global'\), got 'row'"),
        ((0.5, "layer", ["1"]), "keep must name layers with weights, got '1'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ptq.prune(small(), *arguments)


def test_folding_and_quantizing_keep_the_zeros():
    pruned = ptq.prune(small(), 0.8)
    x = np.random.default_rng(2).standard_normal((8, 2, 6, 6)).astype(np.float32)
    q = ptq.quantize_static(pruned, [x])
    products = [layer for layer in q.modules() if isinstance(layer, (qnn.Conv2d, qnn.Linear))]
    for layer, mask in zip(products, pruned.masks.values(), strict=True):
        assert not layer.weight_quantizer.levels(layer.weight.data).q[~mask].any()


def test_pruning_against_four_bits_at_equal_bytes(digits_network, digits, train, accuracy):
    """At 5.0 kB, 65 % of the weights zero and the rest int8, training has to repair what int4 never broke."""
    paths = 0, 4, 8, 10
    int4 = ptq.quantize_static(digits_network, [digits.x_train], qnn.QuantConfig(weights=qnn.int_weights(4)))
    pruned = ptq.prune(digits_network, 0.65)
    untrained = accuracy(ptq.quantize_static(pruned, [digits.x_train]))
    train(pruned, epochs=3, lr=2e-3, after_step=ptq.apply_masks)
    q = ptq.quantize_static(pruned, [digits.x_train])
    folded = ptq.fold_batchnorm(pruned)
    sparse = sum(ptq.sparse_bytes(folded[i].weight.data, 8) for i in paths)
    assert 0.95 < sparse / integer.convert(int4).weight_bytes < 1.05
    # measured on 360 images: int4 97 %; pruned 58 %, trained on for 3 epochs 97 %
    assert untrained < 0.8 < 0.93 < accuracy(q)
    assert accuracy(int4) > 0.94
