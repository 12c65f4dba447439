"""Dynamic post-training quantization: no calibration data, ranges found as the inputs arrive."""

from qbref import nn
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.qnn import DynamicConv2d, DynamicLinear, QuantConfig, Report, Uniform


def quantize_dynamic(model, config=None):
    """Replace every Linear and Conv2d by a layer with integer weights and an integer product.

    Parameters
    ----------
    model : Module
        Any model; not changed. Batch normalization is folded first.
    config : QuantConfig or None
        Only the weight schemes are used, at most 8 bits.

    Returns
    -------
    Module
        In evaluation mode, with `report`: every layer, those left in float included.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> q = ptq.quantize_dynamic(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)))
    >>> print(q.report)
    path  layer    what became of it
    0     Conv2d   int8 per channel weights, range per sample
    1     ReLU     left in float
    2     Flatten  left in float
    3     Linear   int8 per channel weights, range per sample
    """
    config = config or QuantConfig()
    folded = fold_batchnorm(model)
    report = Report(folded.report)
    dynamic = _dynamic_form(folded, "", config, report)
    dynamic.report = report
    return dynamic.eval()


def _dynamic_form(module, path, config, report):
    if type(module) in (nn.Linear, nn.Conv2d):
        spec = config.weights_of(path)
        if not isinstance(spec, Uniform) or spec.n_bits > 8:
            raise ValueError(f"weights of layer {path!r} must be Uniform of at most 8 bits, got {spec!r}")
        report.add(path, module, f"{spec} weights, range per sample")
        layer = DynamicLinear if isinstance(module, nn.Linear) else DynamicConv2d
        return layer.from_float(module, spec, config.rounding)
    children = list(module.named_children())
    if not children and not isinstance(module, nn.Identity):
        report.add(path, module, "left in float")
    for name, child in children:
        setattr(module, name, _dynamic_form(child, f"{path}.{name}" if path else name, config, report))
    return module
