"""Bias correction: quantization shifts the mean of a layer's output; the bias takes the shift back."""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor, no_grad
from qbref.ptq.layerwise import relative
from qbref.ptq.streams import float_form, has_own_norm, listed, paired_inputs, product_layers, working_copy


def correct_bias(q, calibration_batches, reference=None, progress=None):
    """b = b - E[y_hat - y] per output channel, measured on data, layer by layer.

    y is what the layer computes before its activation in the float network, y_hat what it computes in the
    quantized one, so that the shift includes what the layers before it left of theirs (empirical bias
    correction: Nagel et al. 2019, arXiv:1906.04721, section 4.2 and appendix D).

    Parameters
    ----------
    q : Module
        From :func:`qbref.ptq.quantize_static`; not changed.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
    reference : Module or None
        The `qnn` model whose latent weights are the float network; default `q` itself. After
        :func:`qbref.ptq.adaround` or :func:`qbref.ptq.gptq`, which move latent weights: the model before.
    progress : callable or None
        ``progress(fraction, note)``.

    Returns
    -------
    Module
        A copy; its `report` adds to that of `q` the relative squared error of each layer's y_hat on these
        data, before and after.

    Notes
    -----
    On 360 bundled digits that it has not seen, a convolutional network with 3-bit weights per tensor gets
    85.6 % right, 95.0 % with its biases corrected, 96.9 % in float.

    Examples
    --------
    >>> from qbref import nn, ptq, qnn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(4, 2, rng=rng))
    >>> x = rng.random((64, 4), dtype=np.float32)
    >>> q = ptq.quantize_static(model, [x], qnn.QuantConfig(weights=qnn.int_weights(2)))
    >>> def shift(q):
    ...     return np.abs((q(x).data - model(x).data).mean(axis=0)).round(2)
    >>> shift(q), shift(ptq.correct_bias(q, [x]))
    (array([0.04, 0.1 ], dtype=float32), array([0., 0.], dtype=float32))
    """
    batches = listed(calibration_batches)
    reference, q = working_copy(q if reference is None else reference), working_copy(q)
    layers = product_layers(q)
    for i, (reference_layer, layer) in enumerate(zip(product_layers(reference), layers, strict=True)):
        if has_own_norm(layer):
            q.report.add(layer.path, layer, "bias left alone: it has a batch norm of its own")
            continue
        count, shift, error, power = 0, 0.0, 0.0, 0.0
        for x, x_hat in paired_inputs(reference, reference_layer, q, layer, batches):
            with float_form(reference):
                y = _before_activation(reference_layer, x)
            difference = _before_activation(layer, x_hat) - y
            count += len(y)
            shift += difference.sum(axis=0)
            error += np.square(difference).sum()
            power += np.square(y).sum()
        shift /= count
        subtract_from_bias(layer, shift)
        left = max(error - count * np.square(shift).sum(), 0.0)
        errors = f"output error {relative(error, power):.2%} -> {relative(left, power):.2%}"
        q.report.add(layer.path, layer, f"bias corrected: {errors}")
        if progress is not None:
            progress((i + 1) / len(layers), f"layer {layer.path}")
    return q


def subtract_from_bias(layer, shift):
    """b = b - shift, the layer getting a bias if it has none."""
    bias = 0.0 if layer.bias is None else layer.bias.data
    layer.bias = nn.Parameter((bias - shift).astype(np.float32))


def _before_activation(layer, x):
    """What the layer makes of x before its activation: float64 ndarray (positions, channels)."""
    with no_grad():
        y = layer.product(Tensor(x), layer.quantized_weight(), layer.bias).data
    y = np.moveaxis(y, layer.channel_axis, -1)
    return y.reshape(-1, y.shape[-1]).astype(np.float64)
