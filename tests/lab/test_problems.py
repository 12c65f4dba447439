import numpy as np

import qbref as qb
from qbref import integer, lab, nn, ptq, qnn
from qbref.cli.tour.stages import MODELS, Settings, Tour


def small(n):
    """The first n training images."""
    whole = lab.fashion()
    images = whole.images._replace(x_train=whole.images.x_train[:n], y_train=whole.y_train[:n])
    return lab.Problem("small", images, whole.prepare, whole.augment)


def weights_of(model, kinds):
    return sum(m.weight.size for m in model.modules() if isinstance(m, kinds))


def test_the_networks_have_the_weights_that_the_readme_names():
    products = nn.Conv2d, nn.Linear
    for network in (lab.float_network(), lab.binary_weight_network(), lab.binary_network()):
        assert weights_of(network, products) == 206_736


def test_binary_layers_store_their_weights_in_less_than_a_25th_of_float32():
    network = lab.binary_network().eval()
    real = 4 * weights_of(network, (qnn.BinaryConv2d, qnn.BinaryLinear))
    model = integer.convert(ptq.quantize_static(network, [lab.fashion().x_train[:8]]))
    stored = sum(layer.weight_bytes for layer in model.layers if type(layer).__name__.startswith("Binary"))
    # 144 weights of a filter fill 3 words, 1568 weights of a feature 25: 8 (32 * 3 + 128 * 25) bytes
    assert stored == 26_368 and real >= 25 * stored


def test_training_lowers_the_loss_and_repeats_exactly_under_the_same_seed():
    def losses():
        qb.manual_seed(5)
        seen = []
        network = lab.binary_network()
        means = small(320).train(network, 3, 1e-2, lambda done, note: seen.append(note))
        assert not network.training and seen == [f"loss {mean:.3f}" for mean in means]
        return seen

    first = losses()
    assert len(first) == 3 and float(first[-1].split()[-1]) < 0.8 * float(first[0].split()[-1])
    assert losses() == first


def test_every_model_of_the_tour_runs_as_integers_without_a_difference():
    qb.manual_seed(1)
    tour = Tour(small(512), Settings(1, 1, 1, 1))
    x = lab.fashion().x_test[:200]
    for name, build in MODELS.items():
        q = build(tour, lambda done, note="": None)
        if name != "float32":
            model = integer.convert(q)
            assert integer.count_differences(q, model, x) == 0
            assert len(np.unique(model.run(x).argmax(axis=1))) > 3


def test_a_quick_run_tests_with_the_first_thousand_images(monkeypatch):
    whole = lab.fashion()
    monkeypatch.setenv("QBREF_QUICK", "1")
    few = lab.fashion.__wrapped__()
    assert np.array_equal(few.images.x_test, whole.images.x_test[:1000])
    assert np.array_equal(few.y_test, whole.y_test[:1000])
    assert len(few.y_train) == len(whole.y_train)


def test_after_every_step_the_model_may_be_changed():
    steps = []

    def forget(model):
        steps.append(float(np.abs(model[1].weight.data).max()))
        model[1].weight.data[:] = 0

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    small(192).train(model, 2, 1e-2, after_step=forget)
    assert len(steps) == 2 * 3 and all(largest > 0 for largest in steps)
    assert not model[1].weight.data.any()
