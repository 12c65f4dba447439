"""Published results on MNIST, trained again: ``python -m chapters.reproduce --data DIR``.

`DIR` holds the four files of MNIST in IDX format, as they are distributed (plain or gzipped). Every network
starts from random weights and is trained in NumPy; then it becomes integers, and the 10,000 test images run
through the compiled kernels. The last full output is kept in ``chapters/reproduce.md``.
"""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import data, integer, nn, optim, ptq, qat, qnn
from qbref.lab.progress import Progress

BATCH = 100
MEAN, STD = 0.1307, 0.3081
SEEDS = 2


def pixels(images):
    """Bytes (N, 28, 28) → float32 (N, 1, 28, 28) of about zero mean and unit variance."""
    return data.normalize(images, MEAN, STD)


def black_or_white(images):
    """Bytes (N, 28, 28) → float32 (N, 1, 28, 28) of −1 and +1."""
    return np.where(images[:, None] < 128, np.float32(-1), np.float32(1))


def binary_mlp(batches):
    """784-256-256-256-10, one bit per weight and per hidden activation, dropout 0.1."""
    layers, width = [nn.Flatten()], 784
    for _ in range(3):
        layers += [qnn.BinaryLinear(width, 256, bias=False), nn.BatchNorm1d(256), qnn.Sign(), nn.Dropout(0.1)]
        width = 256
    return nn.Sequential(*layers, qnn.BinaryLinear(width, 10))


def two_bit_mlp(batches):
    """784-256-256-256-10, two bits per weight and per hidden activation, LSQ, dropout 0.2."""
    layers, width = [nn.Flatten()], 784
    for _ in range(3):
        layers += [nn.Linear(width, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.2)]
        width = 256
    config = qnn.QuantConfig(
        weights=qat.LSQ(2),
        activations=qat.LSQ(2),
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )
    network = nn.Sequential(*layers, nn.Linear(width, 10))
    return qat.prepare(network, config, batches, batchnorm="keep")


def lenet(conv=nn.Conv2d, linear=nn.Linear):
    """20 and 50 channels, 500 features; a batch norm behind every product but the last."""
    return nn.Sequential(
        conv(1, 20, 5, bias=False),
        nn.BatchNorm2d(20),
        nn.ReLU(),
        nn.MaxPool2d(2),
        conv(20, 50, 5, bias=False),
        nn.BatchNorm2d(50),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        linear(800, 500, bias=False),
        nn.BatchNorm1d(500),
        nn.ReLU(),
        nn.Dropout(0.5),
        linear(500, 10),
    )


def float_lenet(batches):
    """LeNet-5 as 20-50-500, real weights and activations."""
    return lenet()


def ternary_lenet(batches):
    """The same with ternary weights in every layer (TWN), real activations."""
    return lenet(
        lambda *shape, **options: qnn.Conv2d(*shape, weight_quantizer=qnn.TWN(), **options),
        lambda *shape, **options: qnn.Linear(*shape, weight_quantizer=qnn.TWN(), **options),
    )


def xnor_lenet(batches):
    """The same with signs and binary weights in the middle, first and last layer real (XNOR-Net)."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(20),
        qnn.Sign(),
        qnn.BinaryConv2d(20, 50, 5, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(50),
        qnn.Sign(),
        nn.Flatten(),
        qnn.BinaryLinear(800, 500, bias=False),
        nn.BatchNorm1d(500),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(500, 10),
    )


class Experiment(NamedTuple):
    """One published result and the network trained for it.

    Attributes
    ----------
    name : str
    build : callable
        ``build(batches)`` makes the untrained network; `batches` of inputs for those that calibrate first.
    prepare : callable
        Bytes to inputs.
    epochs : int
    lr : float
        Adam's, at the peak of the schedule.
    published : float
        Test accuracy in per cent.
    source : str
    """

    name: str
    build: Callable
    prepare: Callable
    epochs: int
    lr: float
    published: float
    source: str


BREVITAS = "Brevitas bnn_pynq, 1,000 epochs"
XNOR_PORT = "jiecaoyu/XNOR-Net-PyTorch"
EXPERIMENTS = (
    Experiment("MLP, 1 bit, ±1 input", binary_mlp, black_or_white, 40, 5e-3, 97.81, BREVITAS),
    Experiment("MLP, 1 bit, 8-bit input", binary_mlp, pixels, 40, 5e-3, 97.81, BREVITAS),
    Experiment("MLP, 2 bits, 8-bit input", two_bit_mlp, pixels, 40, 3e-3, 98.66, BREVITAS),
    Experiment("LeNet-5, float32", float_lenet, pixels, 6, 2e-3, 99.34, XNOR_PORT),
    Experiment("LeNet-5, XNOR", xnor_lenet, pixels, 8, 2e-3, 99.23, XNOR_PORT),
    Experiment("LeNet-5, TWN", ternary_lenet, pixels, 8, 2e-3, 99.35, "TWN, arXiv:1605.04711, table 2"),
)


class Result(NamedTuple):
    """What one training reached: accuracies in per cent, of the trained network and of its integers."""

    trained: float
    integers: float
    differences: int
    weight_bytes: int
    seconds: float


def train(model, images, experiment, report):
    """Adam, batches of 100, 200 steps of warm-up and a cosine to zero, latent weights kept in [−1, 1].

    Parameters
    ----------
    model : Module
        Trained in place; left in evaluation mode.
    images : ImageData
    experiment : Experiment
    report : callable
        ``report(fraction done, note)`` after every epoch.
    """
    loader = data.Loader(images.x_train, images.y_train, BATCH)
    optimizer = optim.Adam(model.parameters(), lr=experiment.lr)
    steps = experiment.epochs * len(loader)
    schedule = optim.WarmupCosineLR(optimizer, steps, warmup_steps=min(200, steps // 4))
    model.train()
    for epoch in range(experiment.epochs):
        losses = []
        for batch, labels in loader:
            loss = F.cross_entropy(model(qb.Tensor(experiment.prepare(batch))), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            qnn.constrain(model)
            losses.append(loss.item())
        report((epoch + 1) / experiment.epochs, f"epoch {epoch + 1}, loss {np.mean(losses):.3f}")
    return model.eval()


def run(experiment, images, seed, report):
    """Train one network, make it integers, and look at all test images with both."""
    started = time.perf_counter()
    qb.manual_seed(seed)
    batches = [experiment.prepare(images.x_train[i : i + BATCH]) for i in range(0, 1000, BATCH)]
    model = train(experiment.build(batches), images, experiment, report)
    quantized = model if hasattr(model, "report") else ptq.quantize_static(model, batches)
    integers = integer.convert(quantized)
    x = experiment.prepare(images.x_test)

    def predict(batch):
        with qb.no_grad():
            return model(qb.Tensor(batch)).data

    accuracy = [_accuracy(f, x, images.y_test) for f in (predict, integers.run)]
    differences = integer.count_differences(quantized, integers, x)
    return Result(*accuracy, differences, integers.weight_bytes, time.perf_counter() - started)


def _accuracy(predict, x, y):
    right = [predict(x[i : i + 500]).argmax(axis=1) == y[i : i + 500] for i in range(0, len(x), 500)]
    return 100 * float(np.concatenate(right).mean())


def table(results):
    """Markdown: one line per experiment, over all its seeds; `results` are (experiment, [Result, …])."""
    lines = [
        "| network | published % | trained % | integers % | int≠sim | weights, bytes | epochs | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for experiment, runs in results:
        trained, integers = (
            _over_seeds([getattr(r, name) for r in runs]) for name in ("trained", "integers")
        )
        differences = sum(r.differences for r in runs)
        minutes = fmean(r.seconds for r in runs) / 60
        lines.append(
            f"| {experiment.name} | {experiment.published:.2f} | {trained} | {integers} | {differences} "
            f"| {runs[0].weight_bytes:,} | {experiment.epochs} | {minutes:.1f} |"
        )
    return "\n".join(lines)


def _over_seeds(values):
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread}"


NOTES = """\
*trained* is the network as trained, in evaluation mode; *integers* is what became of it: first, last and
real layers with 8 bits, activations with 8 bits where the network has no fewer. *int≠sim* counts the outputs
in which the integers differ from their simulation, *weights* are the stored bytes. Adam, cross-entropy,
batches of 100, no augmentation; mean and standard deviation over seeds 0 to {last}.
Python {python}, NumPy {numpy}.
"""


def notes(experiments, seeds):
    """What the columns are, how the networks were made, and where the published figures are from."""
    lines = [NOTES.format(last=seeds - 1, python=platform.python_version(), numpy=np.__version__)]
    lines += [
        f"- {e.name}: {e.build.__doc__} Published: {e.published:.2f} %, {e.source}." for e in experiments
    ]
    return "\n".join(lines)


def main(arguments=None):
    """Run the experiments and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m chapters.reproduce", description="Published results on MNIST, trained again."
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with the four files of MNIST")
    parser.add_argument("--only", metavar="TEXT", default="", help="experiments whose name holds this text")
    parser.add_argument("--epochs", type=int, help="instead of each experiment's own number")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"trainings of each (default: {SEEDS})")
    options = parser.parse_args(arguments)
    chosen = [e for e in EXPERIMENTS if options.only.lower() in e.name.lower()]
    if not chosen:
        parser.error(f"argument --only: must be part of a name, got {options.only!r}")
    for name in ("epochs", "seeds"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"argument --{name}: must be at least 1, got {getattr(options, name)}")
    if options.epochs is not None:
        chosen = [e._replace(epochs=options.epochs) for e in chosen]
    try:
        images = data.read_mnist_folder(Path(options.data))
    except (OSError, ValueError) as error:
        parser.error(f"argument --data: {error}")
    progress = Progress(len(chosen) * options.seeds)
    results = []
    for experiment in chosen:
        runs = []
        for seed in range(options.seeds):
            with progress.stage(f"{experiment.name}, seed {seed}") as report:
                runs.append(run(experiment, images, seed, report))
        results.append((experiment, runs))
    print(table(results))
    print(f"\n{notes(chosen, options.seeds)}")


if __name__ == "__main__":
    main()
