"""Time the kernels against NumPy and against what this processor could do at best.

Its limits are measured first: operations on registers, and bytes read. Then, for each shape, everything that
computes the product takes turns: NumPy in float32, every variant of the compiled kernels that runs here, and
your own function, if you name one. Each result is checked before it is timed.

--against module:function adds yours. It is called once for each shape, as function(lhs, rhs) with int8
matrices (M, K) and (K, N), and returns a function without arguments: that is timed, and must return the exact
product. A wrong one is shown as wrong.
"""

import json
import time
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from qbref import plots
from qbref.cli import bench_against, machine, threads
from qbref.cli.bench_contenders import DEEPEST, KINDS, Backend, products
from qbref.cli.bench_convolutions import SHAPE, TITLE, convolutions
from qbref.cli.bench_limits import WORKING_SETS, Limits
from qbref.cli.bench_report import beside_limits, header, limits_table, rows, size, table, threads_table
from qbref.cli.bench_rounds import take_turns
from qbref.lab.progress import Progress

SHAPES = (
    "256x256x256",
    "1024x1024x1024",
    "2048x2048x2048",
    "1x4096x4096",
    "64x4096x4096",
    "3136x576x64",
    "784x1152x128",
)
QUICK_SHAPES = "256x256x256", "1x4096x4096", "784x1152x128"
SECONDS, QUICK_SECONDS = 5.0, 1.0  # for a shape
LONG = 1e-3  # seconds from which a call gains by a second thread


def add_arguments(parser):
    """Declare the command's arguments."""
    parser.add_argument("--quick", action="store_true", help="fewer shapes, less time for each")
    parser.add_argument("--shapes", metavar="MxKxN,…", help=f"default: {','.join(SHAPES)}")
    parser.add_argument(
        "--kernels", metavar="NAME,…", help=f"beside NumPy's float32: {','.join(KINDS)} (default: all)"
    )
    parser.add_argument("--threads", type=int, default=1, help="for NumPy and the kernels (default: 1)")
    parser.add_argument(
        "--against", metavar="MODULE:FUNCTION", action="append", default=[], help="yours; repeatable"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file as well")
    parser.add_argument("--picture", metavar="FILE", help="draw a roofline, as .png or .svg")


def run(options):
    """Measure and print; returns the exit status, 1 if a kernel of qbref returned a wrong result."""
    plan = read_plan(options)
    if not threads.are(options.threads):
        return threads.run_with(options.threads, options.arguments)
    core, cpu, limits = _compiled()
    backend = Backend(core, cpu)
    facts = machine.describe(cpu) | {"date": time.strftime("%Y-%m-%d %H:%M"), "threads": plan.threads}
    print(header(facts), flush=True)
    with backend.threads(plan.threads):
        figures = {"machine": facts} | measure(backend, Limits(limits), plan)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if options.picture:
        plots.save(_picture(figures), options.picture, scale=2)
    own = [row for row in figures["products"] + figures["convolutions"] if row["kind"] != "against"]
    return 1 if any(row["error"] for row in own) else 0


class Plan(NamedTuple):
    """What was asked for: `seconds` for each shape, `factories` as `bench_contenders.products` takes them."""

    shapes: list
    kinds: list
    threads: int
    factories: list
    seconds: float


def read_plan(options):
    """Check the arguments; ValueError if there is something in them that cannot be done."""
    shapes = options.shapes.split(",") if options.shapes else QUICK_SHAPES if options.quick else SHAPES
    kinds = options.kernels.split(",") if options.kernels else KINDS
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kernels must list some of {', '.join(KINDS)}, got {kind!r}")
    if not 1 <= options.threads <= machine.processors():
        raise ValueError(f"threads must be in 1..{machine.processors()}, got {options.threads}")
    for path in (options.json, options.picture):
        if path and not Path(path).parent.is_dir():
            raise FileNotFoundError(f"path must be in an existing folder, got {path}")
    if options.picture and Path(options.picture).suffix not in (".png", ".svg"):
        raise ValueError(f"picture must end in .png or .svg, got {options.picture}")
    factories = [(specification, bench_against.load(specification)) for specification in options.against]
    seconds = QUICK_SECONDS if options.quick else SECONDS
    return Plan([read_shape(text) for text in shapes], kinds, options.threads, factories, seconds)


def read_shape(text):
    """(M, K, N) of a text like 64x4096x4096.

    Examples
    --------
    >>> read_shape("64x4096x1024")
    (64, 4096, 1024)
    """
    sizes = text.lower().replace("×", "x").split("x")
    if len(sizes) != 3 or not all(part.isdecimal() and int(part) > 0 for part in sizes):
        raise ValueError(f"shapes must be like 64x4096x4096 (M, K, N; separated by commas), got {text!r}")
    m, k, n = map(int, sizes)
    if k > DEEPEST:
        raise ValueError(f"K must be at most {DEEPEST:,}, got {k:,} in {text}: int32 could not hold the sums")
    return m, k, n


def _compiled():
    try:
        import qbref_core
        from qbref_core import cpu, limits
    except ImportError as error:
        raise ValueError(f"bench must have compiled kernels: {error}") from error
    return qbref_core, cpu, limits


def measure(backend, limits, plan):
    """Carry out a plan and print its tables; returns a dict of all figures."""
    progress = Progress(len(plan.shapes) + 2)
    with progress.stage("limits"):
        limits.measure()
    found, pairs = [], []
    for shape in plan.shapes:
        with progress.stage(title_of(shape)):
            contenders = products(backend, shape, plan.kinds, plan.factories)
            timings = take_turns(contenders, plan.seconds, progress)
            found += rows(shape, contenders, timings)
            if plan.threads == 1 < machine.processors():
                pairs += _on_two_threads(backend, shape, contenders, timings, plan.seconds / 3)
            limits.measure(contender.weight_bytes for contender in contenders if shape[0] == 1)
    with progress.stage("convolution"):
        contenders = [c for c in convolutions(backend) if c.kind in ("float32", *plan.kinds)]
        layers = rows(SHAPE, contenders, take_turns(contenders, plan.seconds, progress))
    found, layers = ([beside_limits(row, limits, plan.threads) for row in part] for part in (found, layers))
    tables = [table(title_of(s), [row for row in found if row["shape"] == list(s)]) for s in plan.shapes]
    ends = [table(TITLE, layers), *([threads_table(pairs)] if pairs else [])]
    print("\n" + "\n\n".join([limits_table(limits), *tables, *ends]))
    return {
        "limits": limits.gops,
        "read_bandwidth": limits.reading,
        "products": found,
        "convolutions": layers,
        "two_threads": pairs,
    }


def title_of(shape):
    """M×K×N."""
    return "×".join(map(str, shape))


def _on_two_threads(backend, shape, contenders, timings, seconds):
    """The fastest int8 and XNOR product on one thread and on two, where it takes long enough."""
    found = []
    for kind in ("int8", "xnor"):
        times = [
            (t.seconds, c) for c, t in zip(contenders, timings, strict=True) if c.kind == kind and t.seconds
        ]
        seconds_on_one, fastest = min(times, key=itemgetter(0), default=(0, None))
        if fastest is None or seconds_on_one < LONG:
            continue
        pair = [fastest._replace(hold=partial(backend.threads, n, fastest.hold)) for n in (1, 2)]
        one, two = (timing.seconds for timing in take_turns(pair, seconds))
        found.append(
            {
                "shape": list(shape),
                "contender": fastest.name,
                "milliseconds_one": one * 1e3,
                "milliseconds_two": two * 1e3,
                "gain": one / two,
            }
        )
    return found


def _picture(figures):
    """A roofline of all products under the highest limit of each kind; the fastest of each shape is named."""
    timed = [row for row in figures["products"] if row["gops"]]
    fastest = {title_of(row["shape"]): row["contender"] for row in sorted(timed, key=itemgetter("gops"))}
    points = []
    for row in timed:
        title = title_of(row["shape"])
        label = title if fastest[title] == row["contender"] else ""
        points.append((row["contender"], row["kind"], row["operations_per_byte"], row["gops"], label))
    best = {kind: max(rates.items(), key=itemgetter(1)) for kind, rates in figures["limits"].items()}
    return plots.roofline(
        points,
        {f"{kind} {variant}": rate for kind, (variant, rate) in best.items()},
        {size(nbytes): figures["read_bandwidth"][nbytes] for nbytes in WORKING_SETS},
        f"{figures['machine']['processor']}, {figures['machine']['date']}",
    )
