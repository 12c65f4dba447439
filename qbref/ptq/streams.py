"""What flows into each product layer, in the float network and in the quantized one.

A Linear or Conv2d is a matrix product, ``Y = X W^T + b``, where every row of X holds the K inputs that one
output position sees. Methods that choose W or b after training compare the float network's X with the
quantized network's X_hat.
"""

import copy
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from qbref import nn, qnn
from qbref.autograd.windows import surround, to_chwn, windows
from qbref.ptq.watch import watch
from qbref.qnn.product import Product

APPROXIMATIONS = qnn.UniformWeights, qnn.LutWeights  # of latent weights; others define what they quantize


class Rows(NamedTuple):
    """One layer's inputs at the same positions in both networks.

    Attributes
    ----------
    x, x_hat : float32 ndarray (G, R, K)
        In float and quantized: G groups, R positions, K = C/G * KH * KW.
    """

    x: np.ndarray
    x_hat: np.ndarray


def listed(calibration_batches):
    """The batches as a list, since every layer looks at all of them."""
    batches = list(calibration_batches)
    if not batches:
        raise ValueError("calibration_batches must hold at least one batch, got none")
    return batches


def working_copy(q):
    """A copy of a `qnn` model in evaluation mode, whose report may grow without changing that of `q`.

    Raises
    ------
    ValueError
        If `q` has no quantized Linear or Conv2d.
    """
    if not product_layers(q):
        raise ValueError(f"q must be a qnn model with a Linear or Conv2d, got {type(q).__name__}")
    copied = copy.deepcopy(q).eval()
    copied.report = qnn.Report(q.report)
    return copied


def product_layers(model):
    """The Linear and Conv2d layers of a `qnn` model, in order of execution."""
    return [module for module in model.modules() if isinstance(module, Product)]


def has_own_norm(layer):
    """Whether the layer makes the W and b in use of more than its own, as a batch norm in training does."""
    weight, bias = layer.latent()
    return weight is not layer.weight or bias is not layer.bias


@contextmanager
def float_form(reference):
    """While the context lasts, `reference` is the float network that its quantizers approximate.

    Weights that were trained as binary, ternary or otherwise few levels stay so: their latent weights are
    no network of their own.
    """
    layers = product_layers(reference)
    paths = [layer.path for layer in layers if isinstance(layer.weight_quantizer, APPROXIMATIONS)]
    with qnn.in_float(reference, weights=False), qnn.in_float(reference, activations=False, paths=paths):
        yield reference


def layer_input(model, layer, batch):
    """What `layer` receives when `model` runs on one batch, x or (x, y)."""
    seen = []
    watch(model, [layer], [batch], lambda layer, x, y: seen.append(x))
    return seen[0]


def paired_inputs(reference, reference_layer, q, layer, batches):
    """Yield (x, x_hat) for each batch: the layer's input in the float form of `reference`, and in `q`."""
    for batch in batches:
        with float_form(reference):
            x = layer_input(reference, reference_layer, batch)
        yield x, layer_input(q, layer, batch)


def sample_rows(layer, pairs, count, rng):
    """Rows at `count` positions drawn from each of the `pairs` (x, x_hat), or at all if there are fewer."""
    drawn = []
    for pair in pairs:
        views = [patches(layer, x) for x in pair]
        positions = rng.permutation(views[0][0, 0, 0].size)[:count]
        drawn.append([_rows(view, layer, positions) for view in views])
    return Rows(*(np.concatenate(rows, axis=1) for rows in zip(*drawn, strict=True)))


def patches(layer, x):
    """View x as (C, KH, KW, OH, OW, N): what each weight meets at each position; a Linear has one."""
    if not isinstance(layer, nn.Conv2d):
        return x.reshape(-1, x.shape[-1]).T[:, None, None, None, None, :]
    x = to_chwn(x)
    if any(layer.padding):
        x = surround(x, layer.padding, layer.padding_value)
    return windows(x, layer.kernel_size, layer.stride, layer.dilation)


def _rows(view, layer, positions):
    """(C, KH, KW, OH, OW, N) at some positions → (G, R, K)."""
    picked = view[(..., *np.unravel_index(positions, view.shape[3:]))]  # (C, KH, KW, R)
    grouped = picked.reshape(groups_of(layer), -1, len(positions))
    return np.ascontiguousarray(grouped.swapaxes(1, 2))


def groups_of(layer):
    """G: the input channels of a Conv2d fall into as many products; a Linear is one."""
    return getattr(layer, "groups", 1)
