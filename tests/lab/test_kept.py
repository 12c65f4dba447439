from functools import cache, partial

import numpy as np
import pytest

import qbref as qb
from qbref import lab, nn, qat, qnn

X, Y = lab.digits().x_train[:64], lab.digits().y_train[:64]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QBREF_CACHE", str(tmp_path / "kept"))
    monkeypatch.delenv("QBREF_QUICK", raising=False)
    return tmp_path / "kept"


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def move(model):
    """Stands for a training: changes the weights, draws random numbers, returns a curve."""
    model[1].weight.data += qb.random.default_rng().standard_normal(model[1].weight.shape).astype(np.float32)
    return [3.0, 2.0]


def weights(trained):
    return trained.model[1].weight.data


def test_a_training_takes_place_once(folder):
    first, second = lab.trained(build, move), lab.trained(build, move)
    assert (first.was_kept, second.was_kept) == (False, True)
    assert np.array_equal(weights(first), weights(second)) and second.seconds == first.seconds
    assert list(second.result) == [3.0, 2.0] and not second.model.training
    assert len(list(folder.iterdir())) == 1


def test_random_numbers_afterwards_do_not_depend_on_what_was_kept(folder):
    drawn = []
    for _ in range(2):
        qb.manual_seed(3)
        lab.trained(build, move)
        drawn.append(qb.random.default_rng().random())
    qb.manual_seed(3)
    assert drawn == [qb.random.default_rng().random()] * 2


def test_another_seed_value_function_or_model_is_another_training(folder, monkeypatch):
    def by(step):
        def shift(model):
            model[1].weight.data += np.float32(step)

        return shift

    def wider():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 11))

    asked = [(build, move, 0), (build, move, 1), (build, by(1), 0), (build, by(2), 0), (wider, move, 0)]
    found = [lab.trained(*one) for one in asked]
    assert not any(one.was_kept for one in found) and all(lab.trained(*one).was_kept for one in asked)
    assert float((weights(found[3]) - weights(found[2])).max()) == pytest.approx(1)
    monkeypatch.setenv("QBREF_QUICK", "1")
    assert not lab.trained(build, move).was_kept


def test_captured_arrays_models_and_functions_count(folder):
    def training_on(x, teacher, helper):
        def train(model):
            model[1].weight.data += helper(x.mean()) + teacher[1].weight.data.mean()

        return train

    def once(v):
        return v

    def twice(v):
        return 2 * v

    teacher, other = build(), build()
    cases = [(X, teacher, once), (X + 1, teacher, once), (X, other, once), (X, teacher, twice)]
    assert not any(lab.trained(build, training_on(*case)).was_kept for case in cases)
    assert all(lab.trained(build, training_on(*case)).was_kept for case in cases)


def test_functions_in_containers_and_in_inner_functions_count(folder):
    def nearest(v):
        return np.round(v)

    def upward(v):
        return np.ceil(v)

    def by(rules, scales):
        def train(model):
            model[1].weight.data += [rule(scales["mean"] + 0.25) for rule in rules][0]

        return train

    cases = [((nearest, 1), {"mean": 1.0}), ((upward, 1), {"mean": 1.0}), ((nearest, 1), {"mean": 2.0})]
    cases = [([rules[0]], scales) for rules, scales in cases]
    assert not any(lab.trained(build, by(*case)).was_kept for case in cases)
    assert all(lab.trained(build, by(*case)).was_kept for case in cases)


class Mover:
    def __init__(self, step):
        self.step = step

    def move(self, model):
        model[1].weight.data += self.step


def move_by(model, step):
    model[1].weight.data += step


def training_by(step):
    return lambda model: step(model)


@pytest.mark.parametrize("made", [lambda step: Mover(step).move, lambda step: partial(move_by, step=step)])
def test_the_same_text_with_another_method_or_partial_is_another_training(folder, made):
    trainings = [training_by(made(step)) for step in (1.0, 2.0)]
    assert not any(lab.trained(build, train).was_kept for train in trainings)
    assert lab.trained(build, training_by(made(2.0))).was_kept


def test_the_function_behind_a_cache_counts(folder):
    def by(step):
        @cache
        def shift():
            return step

        def train(model):
            model[1].weight.data += shift()

        return train

    assert not any(lab.trained(build, by(step)).was_kept for step in (1.0, 2.0))
    assert lab.trained(build, by(2.0)).was_kept


def test_who_is_told_of_the_progress_does_not_count(folder):
    def told(report):
        return lambda model: report(1.0) or move(model)

    progress = lab.Progress(2)
    for was_kept in (False, True):
        with progress.stage("train") as report:
            assert lab.trained(build, told(report)).was_kept is was_kept


HELPERS = {"step": lambda model: 1.0}


def test_globals_of_an_inner_function_count(folder, monkeypatch):
    def train(model):
        def inner():
            model[1].weight.data += HELPERS["step"](model)

        inner()

    assert not lab.trained(build, train).was_kept
    assert lab.trained(build, train).was_kept
    monkeypatch.setitem(HELPERS, "step", lambda model: 2.0)
    assert not lab.trained(build, train).was_kept


def test_the_text_of_a_class_of_a_script_counts(folder):
    def layer(factor):
        class Scaled(nn.Linear):
            def forward(self, x):
                return factor * super().forward(x)

        return lambda: nn.Sequential(nn.Flatten(), Scaled(64, 10))

    assert not any(lab.trained(layer(factor), move).was_kept for factor in (1.0, 2.0))
    assert lab.trained(layer(2.0), move).was_kept


def test_what_does_not_say_what_it_holds_is_refused(folder):
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="must say what it holds, got Generator"):
        lab.trained(build, lambda model: rng.random())


def test_a_network_prepared_for_quantization_comes_back_bit_for_bit(folder):
    config = qnn.QuantConfig(weights=qat.LSQ(2), activations=qnn.Uniform(4))

    def prepared():
        return qat.prepare(lab.digits_network(4), config, [X])

    def train(model):
        return lab.digits().train(model, 1, 1e-2)

    first, second = lab.trained(prepared, train), lab.trained(prepared, train)
    assert second.was_kept
    assert np.array_equal(lab.scores(first.model, X), lab.scores(second.model, X))


def test_a_damaged_file_is_trained_again(folder):
    first = lab.trained(build, move)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    again = lab.trained(build, move)
    assert not again.was_kept and np.array_equal(weights(first), weights(again))
    assert lab.trained(build, move).was_kept


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QBREF_CACHE", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="the training could not be kept"):
        assert not lab.trained(build, move).was_kept
