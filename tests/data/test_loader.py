import numpy as np
import pytest

import qbref.random
from qbref.data import Loader

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def labels(loader):
    return [y.tolist() for _, y in loader]


def test_unshuffled_batches_keep_the_order_and_the_short_rest():
    loader = Loader(X, Y, batch_size=4, shuffle=False)
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3


def test_drop_last_leaves_out_only_a_short_batch():
    assert labels(Loader(X, Y, 4, shuffle=False, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(Loader(X, Y, 4, drop_last=True)) == 2
    assert len(Loader(X, Y, 5, drop_last=True)) == len(labels(Loader(X, Y, 5, drop_last=True))) == 2


def test_a_shuffled_epoch_holds_every_example_once_beside_its_own_target():
    batches = list(Loader(X, Y, 3, rng=np.random.default_rng(0)))
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert sorted(y.tolist()) == list(range(10))
    assert y.tolist() != list(range(10))
    assert np.array_equal(x, X[y])


def test_each_epoch_has_a_new_order_and_a_seed_repeats_them_all():
    first = Loader(X, Y, 10, rng=np.random.default_rng(1))
    second = Loader(X, Y, 10, rng=np.random.default_rng(1))
    orders = [labels(first), labels(first)]
    assert orders[0] != orders[1]
    assert orders == [labels(second), labels(second)]


def test_manual_seed_counts_even_after_the_loader_was_made():
    loader = Loader(X, Y, 10)
    qbref.random.manual_seed(5)
    order = labels(loader)
    qbref.random.manual_seed(5)
    assert labels(loader) == order


def test_augment_gets_the_batch_and_the_generator():
    rng = np.random.default_rng(0)
    seen = []

    def augment(x, given):
        seen.append((x.shape, given is rng))
        return x + 100

    batches = list(Loader(X, Y, 4, shuffle=False, augment=augment, rng=rng))
    assert seen == [((4, 2), True), ((4, 2), True), ((2, 2), True)]
    assert np.array_equal(batches[2][0], X[8:] + 100)


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_a_batch_never_changes_the_data(shuffle):
    x, y = X.copy(), Y.copy()
    for x_batch, y_batch in Loader(x, y, 4, shuffle=shuffle):
        x_batch[:] = -1
        y_batch[:] = -1
    assert np.array_equal(x, X) and np.array_equal(y, Y)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"x": [1, 2]}, TypeError, "x must be an ndarray with a batch axis, got list"),
        ({"y": np.array(3)}, TypeError, "y must be an ndarray with a batch axis"),
        ({"y": Y[:9]}, ValueError, "y must hold one target for each of the 10 examples, got 9"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "x must hold at least one example"),
        ({"batch_size": 0}, ValueError, "batch_size must be a positive integer, got 0"),
        ({"batch_size": 2.0}, ValueError, "batch_size must be a positive integer, got 2.0"),
        ({"batch_size": True}, ValueError, "batch_size must be a positive integer, got True"),
        ({"batch_size": 11, "drop_last": True}, ValueError, "batch_size must be at most 10"),
        ({"augment": "flip"}, TypeError, "augment must be callable or None, got str"),
        ({"rng": 3}, TypeError, "rng must be"),
    ],
)
def test_wrong_arguments_are_refused_when_the_loader_is_made(arguments, error, message):
    with pytest.raises(error, match=message):
        Loader(**({"x": X, "y": Y, "batch_size": 4} | arguments))
