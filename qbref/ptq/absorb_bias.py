"""High biases handed on to the next layer, which leaves narrower activations behind."""

import numpy as np

from qbref import nn
from qbref.ptq.channels import by_channel, by_input_channel
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.pairs import HOMOGENEOUS, find_pairs, pair_report
from qbref.ptq.watch import watch


def absorb_high_bias(model, calibration_batches=None):
    """b1 <- b1 - c, b2 <- b2 + W2 c with c = max(0, beta - 3 gamma), channel by channel.

    A channel that practically always exceeds c meets no kink of the ReLU, so that
    ReLU(x - c) = ReLU(x) - c: its constant part need not be an activation, and moves into the next bias.

    Parameters
    ----------
    model : Module
        Not changed. Batch normalization is folded first.
    calibration_batches : iterable of ndarray, or None
        For layers without a folded batch norm, or instead of it: beta and gamma become mean and standard
        deviation of each channel over these inputs. None: those of the batch norms are used.

    Returns
    -------
    Module
        In evaluation mode, of the same layers; its `report` says for every Linear and Conv2d how much of
        which channels it took over, or why nothing.

    Raises
    ------
    ValueError, TypeError
        As :func:`qbref.ptq.smooth_quant`, for unusable batches.

    Notes
    -----
    DFQ (Nagel et al. 2019, arXiv:1906.04721), section 4.1. beta and gamma are a folded batch norm's shift
    and absolute scale (``layer.moments``), which :func:`qbref.ptq.equalize` keeps up to date. For a normal
    distribution 0.13 % of the values lie below c and come out slightly wrong; on the others the function
    is unchanged. The same c is used where no activation stands between the layers (AIMET moves all of beta
    there).

    What pads an image with zeros would need c there: a padded convolution or average pooling absorbs
    nothing here (AIMET lets it, with an error along the border).

    Measured: a convolutional network for the bundled digits, half of whose channels were moved by 10 before
    training. Absorption changes a logit by 0.6 % of the largest at most, and 8-bit activations lose four
    fifths of their squared error, from 0.0059 to 0.0012.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    >>> model[0].bias.data[:], model[2].weight.data[:], model[2].bias.data[:] = 9.0, 2.0, 0.0
    >>> model[0].moments = np.array([9.0], "f"), np.array([1.0], "f")
    >>> absorbed = absorb_high_bias(model)
    >>> absorbed[0].bias.data.tolist(), absorbed[2].bias.data.tolist()
    ([3.0], [12.0])
    >>> print(absorbed.report)
    path  layer   what became of it
    0     Linear  nothing absorbed: no layer stands before it
    2     Linear  absorbed 1 of 1 channels of Linear 0, up to 6
    """
    folded = fold_batchnorm(model).eval()
    pairs, alone = find_pairs(folded)
    if calibration_batches is not None:
        producers = (pair.producer.module for pair in pairs)
        layers = [layer for layer in producers if not isinstance(layer, nn.LayerNorm)]
        _measure_moments(layers, folded, calibration_batches)
    lines = {layer: f"nothing absorbed: {reason}" for layer, reason in alone.items()}
    for pair in pairs:
        reason = _obstacle(pair)
        line = f"nothing absorbed: {reason}" if reason else _absorb(pair)
        lines.update(dict.fromkeys(pair.consumers, line))
    folded.report = pair_report(folded, lines)
    return folded


def _measure_moments(layers, model, calibration_batches):
    """Mean and standard deviation of the output channels of `layers`, as their ``moments``."""
    sums = {layer: np.zeros((3, len(layer.weight.data))) for layer in layers}

    def look(layer, x, y):
        y = by_channel(layer, y, len(layer.weight.data)).astype(np.float64)
        sums[layer] += [np.sum(y**k, axis=(0, 2)) for k in range(3)]

    watch(model, layers, calibration_batches, look)
    for layer, (count, total, squares) in sums.items():
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        layer.moments = mean.astype(np.float32), std.astype(np.float32)


def _obstacle(pair):
    """What keeps a constant from travelling from the producer to the consumers; None if nothing does."""
    if isinstance(pair.producer.module, nn.LayerNorm):
        return f"{pair.producer} is no Linear or Conv2d"
    for layer in pair.between:
        if type(layer.module) not in HOMOGENEOUS:
            return f"{layer} stands between"
    for layer in (*pair.between, *pair.consumers):
        if not isinstance(layer.module, nn.MaxPool2d) and any(getattr(layer.module, "padding", ())):
            return f"{layer} pads with zeros"
    if not hasattr(pair.producer.module, "moments"):
        return f"no batch norm was folded into {pair.producer}, and no calibration data are given"
    return None


def _absorb(pair):
    producer = pair.producer.module
    mean, std = producer.moments
    c = np.maximum(0, mean - 3 * std)
    if not c.any():
        return f"nothing absorbed: no channel of {pair.producer} stays 3 deviations above 0"
    producer.moments = mean - c, std
    _add_to_bias(producer, -c)
    for _, consumer in pair.consumers:
        taps = by_input_channel(consumer, consumer.weight.data, len(c))
        summed = taps.sum(axis=3)  # (groups, outputs, channels per group)
        _add_to_bias(consumer, (summed @ c.reshape(len(summed), -1, 1)).ravel())
    return f"absorbed {np.count_nonzero(c)} of {len(c)} channels of {pair.producer}, up to {c.max():.3g}"


def _add_to_bias(layer, values):
    bias = 0 if layer.bias is None else layer.bias.data
    layer.bias = nn.Parameter((bias + values).astype(layer.weight.dtype))
