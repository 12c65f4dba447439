"""The applications run from the bundled data, and their last output is what the repository holds."""

import re
from pathlib import Path

import numpy as np
import pytest

import qbref as qb
from chapters import reproduce_applications as applications
from qbref import kernels

KEPT = Path(applications.__file__).with_name("applications.md")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QBREF_CACHE", str(tmp_path))


def rows_of(output):
    """{model: cells} of the printed tables."""
    lines = (line.split("|")[1:-1] for line in output.splitlines() if line.startswith("| "))
    return {name: cells for name, *cells in ([cell.strip() for cell in line] for line in lines)}


def figure(cells):
    return float(cells[0].split()[0])


def test_a_short_training_of_the_transformer_learns_and_its_integers_do_not_differ(capsys, monkeypatch):
    _, _, end = applications.sonnets()
    few = applications.windows(end + applications.CONTEXT * np.arange(16))
    monkeypatch.setattr(applications, "held_out", lambda: few)
    applications.main(["--only", "language", "--language", "12", "--seeds", "1"])
    rows = rows_of(capsys.readouterr().out)
    real, int8, int2 = (figure(rows[f"Transformer, {name}"]) for name in ("float32", "int8", "int2"))
    assert real < np.log2(62) - 0.5 and abs(int8 - real) < 0.01 < int2 - real
    assert all(rows[f"Transformer, int{n}"][4] == "0" for n in (8, 4, 3, 2))


def test_a_short_training_of_the_recommender_beats_popularity(capsys):
    applications.main(["--only", "recommendation", "--recommendation", "6", "--seeds", "2"])
    rows = rows_of(capsys.readouterr().out)
    popular, real, int8 = (
        figure(rows[name]) for name in ("Popularity", "Recommender, float32", "Recommender, int8")
    )
    assert popular == pytest.approx(21, abs=0.1) and real > popular + 5 and abs(int8 - real) < 1
    assert rows["Recommender, int8"][4] == "0"
    assert " ± " in rows["Recommender, int8"][1]  # two seeds


def test_places_are_numbers_beyond_the_characters_and_targets_follow():
    ids, characters, _ = applications.sonnets()
    x, y = applications.windows([0, 100])
    assert x.shape == (2, applications.CONTEXT, 2) and (x[..., 0].max() < characters)
    assert x[1, :, 1].tolist() == list(range(characters, characters + applications.CONTEXT))
    assert np.array_equal(y[1], ids[101 : 101 + applications.CONTEXT])


def test_the_held_out_text_is_read_once_and_lies_behind_the_training_text():
    ids, _, end = applications.sonnets()
    x, y = applications.held_out()
    assert np.array_equal(y.ravel(), ids[end + 1 : end + 1 + y.size]) and y.size > 9_000


def test_bits_of_a_model_that_knows_nothing_are_log2_of_the_characters():
    _, characters, _ = applications.sonnets()
    x, y = applications.held_out()

    class Indifferent:
        def run(self, part):
            return np.zeros((*part.shape[:2], characters), np.float32)

    assert applications.bits(Indifferent(), x, y) == pytest.approx(np.log2(characters))


def test_a_hit_is_an_item_with_fewer_than_ten_unseen_ones_above_it():
    seen, target = applications.dependencies()
    scores = np.where(seen, 100.0, 0.0)  # what is used already must not count
    own = np.arange(len(seen)), target
    scores[own] = 1
    assert applications.hits(scores).all()
    unseen = np.flatnonzero(~seen[0] & (np.arange(seen.shape[1]) != target[0]))
    scores[0, unseen[:9]] = 2
    assert applications.hits(scores)[0]
    scores[0, unseen[9]] = 2
    assert not applications.hits(scores)[0]
    assert not applications.hits(np.zeros(seen.shape)).any()  # ties: the middle of all


def test_signs_and_row_scales_are_the_product_of_the_rounded_tables():
    rng = np.random.default_rng(0)
    users, items = (rng.standard_normal((n, 32)).astype(np.float32) for n in (7, 5))
    bias = rng.standard_normal(5).astype(np.float32)

    def rounded(table):
        return np.where(table < 0, -1, 1) * np.abs(table).mean(axis=1, keepdims=True)

    found = applications.signs_and_row_scales(users, items, bias)
    np.testing.assert_allclose(found, rounded(users) @ rounded(items).T + bias, rtol=1e-5)
    assert kernels.pack_bits(users).shape == (7, 1)


def test_weights_only_leaves_few_levels_and_the_model_as_it_was():
    qb.manual_seed(0)
    model = applications.transformer()
    before = model[-1].weight.data.copy()
    rounded = applications.with_weights_of(model, 2)
    assert max(len(np.unique(row)) for row in rounded[-1].weight.data) <= 3
    assert np.array_equal(model[-1].weight.data, before)


@pytest.mark.parametrize("option", ["language", "recommendation", "seeds"])
def test_bad_arguments_are_refused_before_any_work(option, capsys):
    with pytest.raises(SystemExit):
        applications.main([f"--{option}", "0"])
    assert f"argument --{option}: must be at least 1, got 0" in capsys.readouterr().err


def test_the_kept_output_is_of_the_default_length_and_complete():
    kept = KEPT.read_text(encoding="utf-8")
    rows = rows_of(kept)
    assert set(applications.PYTORCH) <= set(rows)
    for name, published in applications.PYTORCH.items():
        assert rows[name][3] == published
        assert rows[name][4] in ("", "0")
    assert f"{applications.STEPS:,} steps" in kept and f"{applications.EPOCHS} epochs" in kept.replace(
        "\n", " "
    )
    assert re.search(r"^Recorded on 20\d\d-\d\d-\d\d", kept, re.MULTILINE)
