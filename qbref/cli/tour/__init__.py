"""From real data to integer models on compiled kernels, in one go.

Trains a small network on the bundled Fashion-MNIST images, quantizes it in six ways, saves every
integer model, loads it again in a fresh process, runs all test images through the compiled kernels,
and writes a table, a picture and the model files.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import qbref as qb
from qbref import integer, lab, ptq
from qbref.autograd import Tensor, no_grad
from qbref.cli import threads
from qbref.cli.tour.results import Row, as_json, draw, over_seeds, table
from qbref.cli.tour.stages import FULL, MODELS, QUICK, STANDARD, Tour
from qbref.lab.measure import Measurement, measure
from qbref.lab.progress import Progress

SEEDS = 3


def add_arguments(parser):
    """Declare the command's arguments."""
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--quick", action="store_true", help="short trainings, 2,000 test images: a smoke test"
    )
    length.add_argument(
        "--full", action="store_true", help=f"long trainings, {SEEDS} seeds: the README's figures"
    )
    parser.add_argument(
        "--output", default="tour", metavar="DIR", help="folder for models and picture (default: tour)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")


def run(options):
    """Train, quantize, measure; print the table, save picture and models; returns the exit status."""
    if options.seed < 0:
        raise ValueError(f"seed must be a non-negative integer, got {options.seed}")
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    if not threads.are_chosen():
        return threads.run_with_one(options.arguments)
    settings = QUICK if options.quick else FULL if options.full else STANDARD
    seeds = range(options.seed, options.seed + (SEEDS if options.full else 1))
    started = time.perf_counter()
    progress = Progress(len(MODELS) * len(seeds))
    runs = [_one_seed(seed, settings, folder, progress) for seed in reversed(seeds)][::-1]
    draw(runs[0], folder / "accuracy_vs_bytes.png")
    (folder / "results.json").write_text(json.dumps([as_json(row) for row in runs[0]], indent=1))
    print(table(runs[0]))
    if options.full:
        print(f"\n{over_seeds(runs)}")
    seconds = time.perf_counter() - started
    print(f"\nsaved {folder}/accuracy_vs_bytes.png and {len(runs[0])} models in {seconds:.0f} s")


def _one_seed(seed, settings, folder, progress):
    qb.manual_seed(seed)
    problem = lab.fashion()
    x, y = problem.x_test[: settings.test_images], problem.y_test[: settings.test_images]
    tour = Tour(problem, settings)
    rows = []
    for name, build in MODELS.items():
        path = folder / f"{name.replace(' ', '_')}.npz"
        with progress.stage(name) as report:
            model = build(tour, report)
            report(1.0, "measuring")
            rows.append(
                _float_row(name, model, path, x, y)
                if name == "float32"
                else _integer_row(name, model, path, x)
            )
    return rows


def _float_row(name, network, path, x, y):
    qb.save(network, path)
    folded = ptq.fold_batchnorm(network)  # what a float deployment would run

    def predict(batch):
        with no_grad():
            return folded(Tensor(batch)).data

    weights = sum(p.size for p in folded.parameters() if p.ndim > 1)
    return Row(name, measure(predict, x, y), 4 * weights, path.stat().st_size, None)


def _integer_row(name, q, path, x):
    model = integer.convert(q)
    model.save(path)
    differences = integer.count_differences(q, model, x)
    return Row(name, _measured_elsewhere(path, len(x)), model.weight_bytes, path.stat().st_size, differences)


def _measured_elsewhere(path, images):
    """Load and run the file in a process of its own: nothing but the file carries over."""
    command = [sys.executable, "-m", "qbref", "evaluate", str(path), "--images", str(images), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"model {path} must run in a fresh process, got: {done.stderr.strip()}")
    return Measurement(**json.loads(done.stdout))
