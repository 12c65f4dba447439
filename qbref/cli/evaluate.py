"""Run an integer model file on the Fashion-MNIST test images: accuracy, latency, throughput."""

import json

from qbref import data, integer
from qbref.kernels.backend import default
from qbref.lab.measure import measure
from qbref.lab.problems import prepare_fashion


def add_arguments(parser):
    """Declare the command's arguments."""
    parser.add_argument("model", help="an integer model file (.npz), as `qbref tour` writes them")
    parser.add_argument("--images", type=int, default=10_000, help="how many test images (default: all)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options):
    """Load, run, print."""
    if not 1 <= options.images <= 10_000:
        raise ValueError(f"images must be in 1..10000, got {options.images}")
    model = integer.load(options.model)
    images = data.fashion_mnist()
    x, y = prepare_fashion(images.x_test[: options.images]), images.y_test[: options.images]
    result = measure(model.run, x, y)
    if options.json:
        print(json.dumps(result._asdict()))
        return
    print(f"kernels      {default().__name__}")
    print(f"accuracy     {result.accuracy:.2%} ± {result.half_width:.2%} on {len(y):,} images")
    print(f"latency      {result.latency_median:.3f} ms median, {result.latency_p99:.3f} ms p99 (batch 1)")
    print(f"throughput   {result.throughput:,.0f} images/s (batch 64)")
    print(f"weights      {model.weight_bytes:,} bytes of {model.nbytes:,}")
