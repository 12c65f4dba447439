"""Dynamic post-training quantization: no calibration data, ranges found as the inputs arrive."""

from qbref import nn
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.qnn import DynamicConv2d, DynamicLinear, QuantConfig, Report, Uniform
from qbref.qnn.embedding import QuantizedEmbedding

FORMS = {
    nn.Linear: (DynamicLinear, "range per token"),
    nn.Conv2d: (DynamicConv2d, "range per image"),
    nn.Embedding: (QuantizedEmbedding, "rows looked up, no product"),
}
IN_FLOAT = {
    nn.LayerNorm: "needs the mean and deviation of every token",
    nn.MultiheadAttention: "softmax(Q K^T) V, products of activations",
    nn.TransformerEncoderLayer: "the sums around its two branches",
    nn.Residual: "its sum",
    nn.Dropout: "acts in training only",
}


def quantize_dynamic(model, config=None):
    """Replace every Linear and Conv2d by a layer with an integer product, every Embedding by few-bit rows.

    Parameters
    ----------
    model : Module
        Any model, attention included; not changed. Batch normalization is folded first.
    config : QuantConfig or None
        Only the weight schemes are used, at most 8 bits.

    Returns
    -------
    Module
        In evaluation mode, with `report`: every layer, and what is left in float and why.

    Raises
    ------
    ValueError
        If a layer's weight scheme is not Uniform of at most 8 bits, or an override names no layer.

    Notes
    -----
    Every token has its own scale, so a result never depends on what else is in the batch or, as far as
    the quantized layers go, in the sequence; see :mod:`qbref.qnn.dynamic`. Of LLM.int8 this is the
    vector-wise product, without its second product in float16 for outlier features.

    Measured on a character model (embedding, one transformer layer of width 32, linear; 200 steps on the
    bundled sonnets): 2.350 nats per held-out character in float, 2.350 with 8-bit weights, 2.361 with 4,
    2.403 with 3, 2.896 with 2.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> q = ptq.quantize_dynamic(nn.Sequential(nn.Embedding(9, 8), nn.MultiheadAttention(8, 2), nn.ReLU()))
    >>> print(q.report)
    path        layer               what became of it
    0           Embedding           int8 per channel weights, rows looked up, no product
    1           MultiheadAttention  left in float: softmax(Q K^T) V, products of activations
    1.q_proj    Linear              int8 per channel weights, range per token
    1.k_proj    Linear              int8 per channel weights, range per token
    1.v_proj    Linear              int8 per channel weights, range per token
    1.out_proj  Linear              int8 per channel weights, range per token
    2           ReLU                left in float: no weights
    """
    config = config or QuantConfig()
    folded = fold_batchnorm(model)
    _check_overrides(config, folded)
    report = Report(folded.report)
    dynamic = _dynamic_form(folded, "", config, report, {})
    dynamic.report = report
    return dynamic.eval()


def _check_overrides(config, model):
    known = {path for path, _ in model.named_modules()}
    for path, override in config.overrides.items():
        if "weights" in override and path not in known:
            raise ValueError(f"overrides must name layers of the model, got {path!r}")


def _dynamic_form(module, path, config, report, done):
    """`module` with all layers below it replaced, or its own quantized form; `done` maps ids to results."""
    if id(module) in done:
        first, form = done[id(module)]
        report.add(path, module, f"the same as layer {first}")
        return form
    if type(module) in FORMS:
        form = _quantized(module, path, config, report)
    elif hasattr(module, "weight_quantizer"):
        form = module
        report.add(path, module, f"{module.weight_quantizer.label} weights already, left as it is")
    else:
        form = module
        _report_float(module, path, report)
        for name, child in list(module.named_children()):
            child_path = f"{path}.{name}" if path else name
            setattr(module, name, _dynamic_form(child, child_path, config, report, done))
    done[id(module)] = path, form
    return form


def _quantized(module, path, config, report):
    spec = config.weights_of(path)
    if not isinstance(spec, Uniform) or spec.n_bits > 8:
        raise ValueError(f"weights of layer {path!r} must be Uniform of at most 8 bits, got {spec!r}")
    form, activations = FORMS[type(module)]
    report.add(path, module, f"{spec} weights, {activations}")
    return form.from_float(module, spec, config.rounding)


def _report_float(module, path, report):
    """Name what `module` itself does in float, apart from the layers below it."""
    if isinstance(module, (nn.Sequential, nn.Identity)):
        return
    reason = next((IN_FLOAT[kind] for kind in IN_FLOAT if isinstance(module, kind)), None)
    if reason is None:
        own = sum(parameter.size for name, parameter in module.named_parameters() if "." not in name)
        reason = f"no quantized form for its {own:,} weights" if own else "no weights"
        if list(module.children()):
            reason = "what its forward does between the layers below"
            reason += f"; {own:,} weights of its own" if own else ""
    report.add(path, module, f"left in float: {reason}")
