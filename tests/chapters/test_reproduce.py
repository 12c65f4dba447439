"""The script runs from a folder of IDX files, and its last output is what the repository holds."""

import re
from pathlib import Path

import numpy as np
import pytest

from chapters import reproduce
from qbref import data

KEPT = Path(reproduce.__file__).with_suffix(".md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small set in the layout of MNIST: a few of the bundled clothes."""
    folder, images = tmp_path_factory.mktemp("mnist"), data.fashion_mnist()
    for stem, x, y in (
        ("train", images.x_train[:1500], images.y_train[:1500]),
        ("t10k", images.x_test[:300], images.y_test[:300]),
    ):
        for kind, array in (("images", x), ("labels", y)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            path = folder / f"{stem}-{kind}-idx{array.ndim}-ubyte"
            path.write_bytes(header + array.astype(np.uint8).tobytes())
    return str(folder)


@pytest.mark.parametrize("name", ["MLP, 1 bit, ±1", "MLP, 2 bits", "XNOR", "TWN"])
def test_a_short_training_learns_and_its_integers_do_not_differ(name, folder, capsys):
    reproduce.main(["--data", folder, "--only", name, "--epochs", "1", "--seeds", "1"])
    row = next(line for line in capsys.readouterr().out.splitlines() if name in line)
    published, trained, integers, differences = (float(cell) for cell in row.split("|")[2:6])
    assert published > 97 and differences == 0
    assert trained > 40 and abs(trained - integers) < 6  # a tenth is chance; 300 images


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--data", "no such folder"], "argument --data: "),
        (["--only", "transformer"], "argument --only: must be part of a name, got 'transformer'"),
        (["--epochs", "0"], "argument --epochs: must be at least 1, got 0"),
        (["--seeds", "-1"], "argument --seeds: must be at least 1, got -1"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, message, folder, capsys):
    with pytest.raises(SystemExit):
        reproduce.main([*(() if "--data" in arguments else ("--data", folder)), *arguments])
    assert message in capsys.readouterr().err


def test_the_kept_output_is_of_these_experiments_and_of_the_default_length():
    for experiment in reproduce.EXPERIMENTS:
        row = re.search(rf"\| {re.escape(experiment.name)} \|(.*)\|", KEPT)
        published, _, _, differences, _, epochs, _ = row.group(1).split("|")
        assert (float(published), int(epochs)) == (experiment.published, experiment.epochs)
        assert int(differences) == 0
    assert f"over seeds 0 to {reproduce.SEEDS - 1}." in KEPT
