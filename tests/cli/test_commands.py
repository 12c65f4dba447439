import json
import subprocess
import sys

import numpy as np
import pytest

import qbref
from qbref import cli, integer, nn, ptq
from qbref.cli.tour.results import Row, over_seeds, table
from qbref.lab.measure import Measurement, half_width, measure
from qbref.lab.problems import prepare_fashion
from qbref.lab.progress import Progress


@pytest.fixture
def model_file(tmp_path):
    x = prepare_fashion(np.random.default_rng(0).integers(0, 256, (8, 28, 28), np.uint8))
    network = nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(49, 10))
    integer.convert(ptq.quantize_static(network, [x])).save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_python_m_qbref_is_the_command():
    done = subprocess.run([sys.executable, "-m", "qbref", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"qbref {qbref.__version__}\n")


def test_inspect_prints_the_summary(model_file, capsys):
    assert cli.main(["inspect", str(model_file)]) == 0
    assert capsys.readouterr().out.rstrip() == integer.load(model_file).summary()


def test_evaluate_prints_figures_for_people_and_for_programs(model_file, capsys):
    assert cli.main(["evaluate", str(model_file), "--images", "50", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == set(Measurement._fields) and 0 <= figures["accuracy"] <= 1
    assert cli.main(["evaluate", str(model_file), "--images", "50"]) == 0
    assert f"{figures['accuracy']:.2%}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["inspect", "missing.npz"], "path must name an integer model file, got 'missing.npz'"),
        (["evaluate", "missing.npz"], "path must name an integer model file"),
        (["evaluate", "missing.npz", "--images", "0"], "images must be in 1..10000, got 0"),
        (["tour", "--seed", "-1"], "seed must be a non-negative integer, got -1"),
    ],
)
def test_mistakes_are_one_line_on_stderr_and_status_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_is_a_file_is_refused_before_work_starts(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert cli.main(["tour", "--output", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err


def test_measure_counts_right_answers_over_all_batches():
    x = np.arange(150, dtype=np.float32)[:, None]
    y = np.arange(150) % 3

    def predict(batch):  # right for the first 100 only
        answer = np.where(batch[:, 0] < 100, batch[:, 0] % 3, (batch[:, 0] + 1) % 3).astype(int)
        return np.eye(3)[answer]

    result = measure(predict, x, y, seconds=0.01)
    assert result.accuracy == 100 / 150
    assert 0 < result.latency_median <= result.latency_p99 and result.throughput > 0


def test_half_width_by_hand():
    assert half_width(0.5, 100) == pytest.approx(0.098)  # 1.96 * 0.05


ROWS = [
    Row("float32", Measurement(0.8671, 0.0066, 0.4123, 0.5, 12345.6), 826944, 832470, None),
    Row("binary network", Measurement(0.9, 0.01, 10.5, 112.25, 999.5), 27792, 40166, 0),
]


def test_the_table_fits_a_terminal_and_shows_every_figure():
    text = table(ROWS)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[3].split() == [
        "float32",
        "86.7±0.7",
        "826,944",
        "832,470",
        "0.41",
        "0.50",
        "12,346",
        "–",
    ]
    assert text.splitlines()[4].split()[-1] == "0"


def test_over_seeds_gives_mean_and_standard_deviation():
    other = [
        row._replace(measurement=row.measurement._replace(accuracy=row.measurement.accuracy + 0.02))
        for row in ROWS
    ]
    line = over_seeds([ROWS, other]).splitlines()[1]
    assert line.split() == ["float32", "87.71", "1.41"]  # 0.02 / sqrt(2)


class Stream:
    def __init__(self, tty):
        self.text, self.tty = "", tty

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return self.tty


def test_progress_rewrites_one_line_on_a_terminal_and_is_terse_elsewhere():
    terminal, pipe = Stream(True), Stream(False)
    for stream in (terminal, pipe):
        progress = Progress(2, stream)
        with progress.stage("train") as report:
            report(0.5, "loss 1.0")
    assert "50%" in terminal.text and "loss 1.0" in terminal.text and terminal.text.count("\n") == 1
    assert pipe.text.startswith("[1/2] train … ") and pipe.text.count("\n") == 1
    assert max(map(len, terminal.text.split("\r"))) <= 80
