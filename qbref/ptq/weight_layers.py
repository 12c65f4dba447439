"""The layers whose weights can be quantized or pruned one by one."""

from dataclasses import replace

from qbref import nn
from qbref.autograd import Tensor, no_grad
from qbref.qnn.report import Report
from qbref.qnn.weights import WeightQuantizer

KINDS = nn.Linear, nn.Conv2d, nn.Embedding


def weight_layers(model):
    """{path: layer} of the layers with weights; a subclass does not count, it may use its own otherwise."""
    layers = {path: module for path, module in model.named_modules() if type(module) in KINDS}
    if not layers:
        raise ValueError(f"model must hold a Linear, Conv2d or Embedding, got {type(model).__name__}")
    return layers


def layer_report(model, actions, report=()):
    """`report`, then every layer with its action, given by path, or with why there is none."""
    report = Report(report)
    for path, module in model.named_modules():
        if path in actions:
            report.add(path, module, actions[path])
        elif hasattr(module, "weight_quantizer"):
            report.add(path, module, f"left alone: its weights are {module.weight_quantizer.label} already")
        elif path and not list(module.children()) and not isinstance(module, (nn.Identity, WeightQuantizer)):
            report.add(path, module, "left alone: not a Linear, Conv2d or Embedding")
    return report


def quantized(weight, scheme, n_bits, rounding):
    """float32 values that `weight` takes under `scheme` with `n_bits` bits."""
    if not hasattr(scheme, "n_bits"):
        raise ValueError(f"weights must use a scheme with n_bits, got {scheme!r}")
    with no_grad():
        return replace(scheme, n_bits=n_bits).weight_quantizer(weight, rounding)(Tensor(weight)).data


def require_widths(n_bits):
    """The stored widths in `n_bits` as a tuple."""
    n_bits = tuple(n_bits)
    stored = all(isinstance(bits, int) and 2 <= bits <= 8 for bits in n_bits)
    if not n_bits or not stored or len(set(n_bits)) < len(n_bits):
        raise ValueError(f"n_bits must hold different integers in 2..8, got {n_bits!r}")
    return n_bits
