"""Two of the applications at full length: ``python -m chapters.reproduce_applications``.

A character Transformer on the bundled sonnets and a recommender on the bundled dependencies are trained in
NumPy, quantized, and run through the compiled kernels. What PyTorch reached on the same data stands beside.
The last full output is kept in ``chapters/applications.md``; chapter balance/3.4 trains smaller ones.
"""

import argparse
import copy
import platform
from functools import cache
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import data, integer, kernels, lab, nn, optim, ptq, qnn

CONTEXT, WIDTH, HEADS, LAYERS = 64, 64, 4, 2
STEPS, LANGUAGE_BATCH, LANGUAGE_LR, DROPOUT = 5_000, 32, 3e-3, 0.1
FACTORS, EPOCHS, USERS_BATCH, RECOMMENDER_LR = 32, 30, 64, 1e-2
OCCURRED = 15  # weight of a pair that occurred, of which there is one in sixty-five
BEST = 10


class Line(NamedTuple):
    """One model of one seed: figure, difference to float32 (95 % interval), bytes of all constants."""

    name: str
    value: float
    difference: lab.Interval | None
    mismatches: int | None
    nbytes: int | None
    seconds: float


# Language


@cache
def sonnets():
    """The characters of the sonnets as numbers, how many there are of them, and where the test starts."""
    text = data.sonnets()
    vocabulary = data.Vocabulary(text)
    return vocabulary.encode(text), len(vocabulary), len(text) * 9 // 10


def windows(starts):
    """Characters, each beside its place as a second number, and the characters that follow them."""
    ids, characters, _ = sonnets()
    at = np.asarray(starts)[:, None] + np.arange(CONTEXT)
    places = np.broadcast_to(characters + np.arange(CONTEXT), at.shape)
    return np.stack([ids[at], places], axis=-1), ids[at + 1]


def held_out():
    """The last tenth of the text, in windows that do not overlap."""
    ids, _, end = sonnets()
    return windows(np.arange(end, len(ids) - CONTEXT, CONTEXT))


def transformer():
    """Half of each vector is the character's, half is its place's; then causal layers, normalized first."""
    _, characters, _ = sonnets()
    layers = [
        nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, DROPOUT, "gelu", norm_first=True, causal=True)
        for _ in range(LAYERS)
    ]
    return nn.Sequential(
        nn.Embedding(characters + CONTEXT, WIDTH // 2),
        nn.Flatten(2),
        *layers,
        nn.LayerNorm(WIDTH),
        nn.Linear(WIDTH, characters),
    )


def train_transformer(model, steps, report):
    """AdamW, batches of 32 windows, 100 steps of warm-up and a cosine to zero."""
    _, characters, end = sonnets()
    optimizer = optim.AdamW(model.parameters(), lr=LANGUAGE_LR)
    schedule = optim.WarmupCosineLR(optimizer, steps, warmup_steps=min(100, steps // 4))
    rng = qb.random.default_rng()
    for step in range(steps):
        x, y = windows(rng.integers(0, end - CONTEXT, LANGUAGE_BATCH))
        loss = F.cross_entropy(model(x).reshape(-1, characters), y.ravel())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        report((step + 1) / steps, f"loss {loss.item():.3f}")


def bits(model, x, y):
    """Bits for each character: the mean over each window, float64 (N,)."""
    run = model.run if hasattr(model, "run") else lambda part: model(part).data
    with qb.no_grad():
        scores = np.concatenate([run(x[i : i + 64]) for i in range(0, len(x), 64)])
        nats = F.cross_entropy(qb.Tensor(scores.reshape(y.size, -1)), y.ravel(), reduction="none")
    return (nats.data.astype(np.float64) / np.log(2)).reshape(y.shape).mean(axis=1)


def with_weights_of(model, n_bits):
    """Weight-only quantization: every matrix rounded to `n_bits`, everything computed in float."""
    rounded, scheme = copy.deepcopy(model), weights(n_bits)
    for layer in rounded.modules():
        if isinstance(layer, (nn.Embedding, nn.Linear)):
            latent = layer.weight.data
            latent[...] = scheme.weight_quantizer(latent, "half_even")(qb.Tensor(latent.copy())).data
    return rounded


def weights(n_bits):
    """One scale for each output channel; few bits leave outliers out of the range."""
    return qnn.int_weights(n_bits, clip="mse" if n_bits < 8 else "none")


def formats(model):
    """{name: QuantConfig}; the last one spares the table of characters and the last layer."""
    found = {f"int{n_bits}": qnn.QuantConfig(weights=weights(n_bits)) for n_bits in (8, 4, 3, 2)}
    four_levels = qnn.Uniform(2, symmetric=True, per_channel=True, clip="mse")
    ends = {path: {"weights": weights(8)} for path in ("0", str(len(model) - 1))}
    return found | {"int2 between int8": qnn.QuantConfig(weights=four_levels, overrides=ends)}


def language(steps, seed, report):
    """Train one Transformer and look at the held-out text with all its forms."""
    kept = lab.trained(transformer, lambda model: train_transformer(model, steps, report), seed)
    model, seconds = kept.model, kept.seconds
    x, y = held_out()
    real = bits(model, x, y)
    size = sum(p.data.nbytes for p in model.parameters())
    yield Line("Transformer, float32", real.mean(), None, None, size, seconds)
    for name, config in formats(model).items():
        q = ptq.quantize_dynamic(model, config)
        integers = integer.convert(q)
        found = bits(integers, x, y)
        mismatches = integer.count_differences(q, integers, x)
        difference = lab.over_seeds(found - real)
        yield Line(f"Transformer, {name}", found.mean(), difference, mismatches, integers.nbytes, seconds)
    for n_bits in (4, 2):
        found = bits(with_weights_of(model, n_bits), x, y)
        name = f"Transformer, int{n_bits} weights only"
        yield Line(name, found.mean(), lab.over_seeds(found - real), None, None, seconds)


# Recommendation


@cache
def dependencies():
    """Which pairs occurred in training (users, items), and the item held out for each user."""
    pairs = data.debian_dependencies()
    seen = np.zeros((len(pairs.user_names), len(pairs.item_names)), bool)
    seen[pairs.user[~pairs.is_test], pairs.item[~pairs.is_test]] = True
    return seen, pairs.item[pairs.is_test]


def factorization():
    """score(u, i) = p_u · q_i + b_i, as a table of users and a layer with one output for each item."""
    users, items = dependencies()[0].shape
    model = nn.Sequential(nn.Embedding(users, FACTORS), nn.Linear(FACTORS, items))
    model[0].weight.data *= 0.1
    return model


def train_factorization(model, epochs, report):
    """AdamW with weight decay 0.3 on the weighted binary cross-entropy over all items."""
    seen, _ = dependencies()
    rng, batches = qb.random.default_rng(), -(-len(seen) // USERS_BATCH)
    optimizer = optim.AdamW(model.parameters(), lr=RECOMMENDER_LR, weight_decay=0.3)
    schedule = optim.WarmupCosineLR(optimizer, epochs * batches, warmup_steps=20)
    for epoch in range(epochs):
        for users in np.array_split(rng.permutation(len(seen)), batches):
            used = seen[users].astype(np.float32)
            weight = 1 + (OCCURRED - 1) * used
            loss = F.binary_cross_entropy_with_logits(model(users), used, weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        report((epoch + 1) / epochs, f"loss {loss.item():.3f}")


def hits(scores):
    """Whether the held-out item is among the ten best of those that the user has not used: bool (users,)."""
    seen, held_out_items = dependencies()
    scores = np.where(seen, -np.inf, scores)
    own = np.take_along_axis(scores, held_out_items[:, None].astype(np.int64), axis=1)
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return better + equal / 2 < BEST


def signs_and_row_scales(users, items, bias):
    """Scores of two tables of which only signs and one mean magnitude for each row are kept."""
    core = kernels.default()
    sums = core.xnor_matmul(core.pack_bits(users), core.pack_bits(items), users.shape[1])
    return sums * np.abs(users).mean(axis=1)[:, None] * np.abs(items).mean(axis=1) + bias


def recommendation(epochs, seed, report):
    """Train one factorization and rank the unseen items with all its forms."""
    kept = lab.trained(factorization, lambda model: train_factorization(model, epochs, report), seed)
    model, seconds = kept.model, kept.seconds
    everybody = np.arange(len(dependencies()[0]))[:, None]
    with qb.no_grad():
        real = hits(model(everybody[:, 0]).data)
    users, items, bias = (p.data for p in model.parameters())
    size = users.nbytes + items.nbytes + bias.nbytes
    yield Line("Recommender, float32", 100 * real.mean(), None, None, size, seconds)
    for n_bits in (8, 4, 2):
        q = ptq.quantize_dynamic(model, qnn.QuantConfig(weights=weights(n_bits)))
        integers = integer.convert(q)
        found = hits(integers.run(everybody)[:, 0])
        yield Line(
            f"Recommender, int{n_bits}",
            100 * found.mean(),
            lab.paired(found, real),
            integer.count_differences(q, integers, everybody),
            integers.nbytes,
            seconds,
        )
    found = hits(signs_and_row_scales(users, items, bias))
    size = (users.size + items.size) // 8 + 4 * (len(users) + len(items)) + bias.nbytes
    name = "Recommender, sign × row scale"
    yield Line(name, 100 * found.mean(), lab.paired(found, real), None, size, seconds)
    popular = hits(np.broadcast_to(dependencies()[0].sum(axis=0), real.shape + items.shape[:1]))
    yield Line("Popularity", 100 * popular.mean(), lab.paired(popular, real), None, None, seconds)


# What PyTorch reached with networks of these sizes on the same data.
PYTORCH = {
    "Transformer, float32": "2.39",
    "Transformer, int8": "+0.003",
    "Transformer, int4": "+0.04",
    "Transformer, int2": "+0.6",
    "Recommender, float32": "69",
    "Recommender, int8": "69",
    "Recommender, int4": "69",
    "Recommender, sign × row scale": "47 to 58",
    "Popularity": "21",
}
APPLICATIONS = {"language": (language, STEPS, 1), "recommendation": (recommendation, EPOCHS, 5)}


def table(runs):
    """Markdown: one line per model, over all seeds; `runs` is one list of lines for each seed."""
    rows = [
        "| model | figure | above float32 | of seed 0, 95 % | PyTorch | int≠sim | bytes | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for lines in zip(*runs, strict=True):
        first = lines[0]
        above = [line.value - run[0].value for line, run in zip(lines, runs, strict=True)]
        mismatches = None if first.mismatches is None else sum(line.mismatches for line in lines)
        interval = first.difference and f"{first.difference.low:+.3f} to {first.difference.high:+.3f}"
        cells = (
            first.name,
            _over_seeds([line.value for line in lines], ".3f"),
            first.difference and _over_seeds(above, "+.3f"),
            interval,
            PYTORCH.get(first.name),
            mismatches,
            first.nbytes and f"{first.nbytes:,}",
            f"{fmean(line.seconds for line in lines) / 60:.1f}",
        )
        rows.append(f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |")
    return "\n".join(rows)


def _over_seeds(values, form):
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):{form}}{spread}"


NOTES = """\
*figure*: bits per character of held-out text for the Transformer (less is better), hit rate among the ten
best of all unseen items in per cent for the recommender (more is better). *above float32*: the difference,
mean and standard deviation where there are several seeds; its interval is that of seed 0 alone, over
windows of text or over users. *PyTorch*: what it reached on the same data; with a sign, the difference to
its own float32. *int≠sim* counts outputs in which the integers differ from their simulation, *bytes* are
those of all constants, scales and biases among them, *minutes* those of the training. intN: weights of N
bits with a scale for each output channel or row of a table, activations of 8 bits with a scale for each
token, on the integer kernels.
int2 has three levels, −1, 0 and 1 times the scale; *int2 between int8* has four, −2 to 1, and keeps the table
of characters and the last layer at 8 bits. How PyTorch's int2 was made is not known.
Transformer: {layers} layers, width {width}, {heads} heads, context {context}, {parameters:,} parameters,
AdamW {lr:g}, {steps:,} steps of {batch} × {context} characters. Recommender: {factors} factors, {epochs}
epochs. Python {python}, NumPy {numpy}.
"""


def notes(options):
    """What the columns are and how the models were made."""
    return NOTES.format(
        layers=LAYERS,
        width=WIDTH,
        heads=HEADS,
        context=CONTEXT,
        parameters=sum(p.size for p in transformer().parameters()),
        lr=LANGUAGE_LR,
        steps=options.language,
        batch=LANGUAGE_BATCH,
        factors=FACTORS,
        epochs=options.recommendation,
        python=platform.python_version(),
        numpy=np.__version__,
    )


def main(arguments=None):
    """Run the applications and print one table for each."""
    parser = argparse.ArgumentParser(
        prog="python -m chapters.reproduce_applications", description="Two applications at full length."
    )
    parser.add_argument("--only", choices=APPLICATIONS, help="one of the two")
    parser.add_argument("--language", type=int, default=STEPS, metavar="STEPS", help=f"default: {STEPS}")
    parser.add_argument(
        "--recommendation", type=int, default=EPOCHS, metavar="EPOCHS", help=f"default: {EPOCHS}"
    )
    parser.add_argument("--seeds", type=int, help="trainings of each (default: 1 and 5)")
    options = parser.parse_args(arguments)
    for name in ("language", "recommendation", "seeds"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"argument --{name}: must be at least 1, got {getattr(options, name)}")
    chosen = [options.only] if options.only else list(APPLICATIONS)
    seeds = {name: options.seeds or APPLICATIONS[name][2] for name in chosen}
    progress = lab.Progress(sum(seeds.values()))
    for name in chosen:
        application, length = APPLICATIONS[name][0], getattr(options, name)
        runs = []
        for seed in range(seeds[name]):
            with progress.stage(f"{name}, seed {seed}") as report:
                runs.append(list(application(length, seed, report)))
        print(f"{table(runs)}\n")
    print(notes(options))


if __name__ == "__main__":
    main()
