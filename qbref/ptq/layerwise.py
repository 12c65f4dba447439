"""Layer by layer, choose the integers that keep the output closest to that of the float network."""

from dataclasses import dataclass

import numpy as np

from qbref.ptq.streams import has_own_norm, listed, paired_inputs, product_layers, sample_rows, working_copy
from qbref.qnn import UniformWeights
from qbref.random import default_rng


@dataclass(frozen=True, eq=False)
class RoundingProblem:
    """One layer, ``Y = f(X W^T + b)``, whose W is to become ``scale * q`` with integers q.

    Attributes
    ----------
    weight : float32 ndarray (G, O, K)
        W in float: G groups of O output channels, K weights each.
    scale : float32 ndarray (G, O, 1)
    qmin, qmax : int
    rounding : str
        The tie rule of rounding to the nearest integer.
    bias : float32 ndarray (G, 1, O)
    bounds : (float, float)
        f is the fused activation, ``clip(., *bounds)``.
    x, x_hat : float32 ndarray (G, R, K)
        R rows of X: what the layer gets in the float network, and in the quantized one.
    """

    weight: np.ndarray
    scale: np.ndarray
    qmin: int
    qmax: int
    rounding: str
    bias: np.ndarray
    bounds: tuple
    x: np.ndarray
    x_hat: np.ndarray

    @classmethod
    def of(cls, layer, rows):
        """For a layer with UniformWeights and :class:`qbref.ptq.streams.Rows` of its input."""
        weight = layer.weight.data
        params = layer.weight_quantizer.params(weight)
        scale = np.broadcast_to(params.expand(weight.shape)[0], weight.shape)
        bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.data
        groups, _, columns = rows.x.shape
        return cls(
            weight.reshape(groups, -1, columns),
            scale.reshape(groups, -1, columns)[:, :, :1],
            params.qmin,
            params.qmax,
            params.rounding,
            bias.reshape(groups, 1, -1),
            layer.bounds,
            *rows,
        )

    def output(self, x, weight):
        """f(x W^T + b): (G, R, O)."""
        return np.clip(x @ weight.swapaxes(1, 2) + self.bias, *self.bounds)

    def error(self, q):
        """|Y - Y_hat|^2 / |Y|^2, with Y_hat computed from x_hat and the integers q."""
        y = self.output(self.x, self.weight)
        y_hat = self.output(self.x_hat, self.scale * q)
        return relative(np.square(y_hat - y).sum(dtype=np.float64), np.square(y).sum(dtype=np.float64))


def relative(error, power):
    """error / power, 0 / 0 being 0."""
    return error / power if power else float(error)


def choose_integers(q, calibration_batches, choose, name, samples, progress=None, rng=None):
    """A copy of `q` with the integers that `choose` finds in every layer of uniform weights.

    A layer's problem is posed when the layers before it have their final integers, so its x_hat carries
    the errors that those leave.

    Parameters
    ----------
    q : Module
        A calibrated `qnn` model.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
    choose : callable
        ``choose(problem, report)`` returns integers (G, O, K) and a remark for the report (or ""); it calls
        ``report(fraction)`` on its way.
    name : str
        Of the method, for the report.
    samples : int
        About as many rows of X are drawn for each layer.
    progress : callable or None
        ``progress(fraction, note)``.
    rng : numpy.random.Generator or None
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    batches, rng = listed(calibration_batches), default_rng(rng)
    reference, q = working_copy(q), working_copy(q)
    layers = product_layers(q)
    for i, (reference_layer, layer) in enumerate(zip(product_layers(reference), layers, strict=True)):
        if obstacle := _obstacle(layer):
            q.report.add(layer.path, layer, f"{name}: left alone, {obstacle}")
            continue
        pairs = paired_inputs(reference, reference_layer, q, layer, batches)
        problem = RoundingProblem.of(layer, sample_rows(layer, pairs, -(-samples // len(batches)), rng))
        nearest = layer.weight_quantizer.levels(layer.weight.data).q.reshape(problem.weight.shape)
        chosen, remark = choose(problem, _part_of(progress, i, len(layers), layer.path))
        _move_to_grid(layer, problem.scale * chosen)
        moved = f"{np.count_nonzero(chosen != nearest)} of {chosen.size} weights not to the nearest integer"
        errors = f"output error {problem.error(nearest):.2%} -> {problem.error(chosen):.2%}"
        q.report.add(layer.path, layer, f"{name}: {moved}{remark}, {errors}")
    return q


def _obstacle(layer):
    """Why the layer's integers cannot be chosen, or None."""
    if not isinstance(layer.weight_quantizer, UniformWeights):
        return f"{layer.weight_quantizer.label} weights are not evenly spaced"
    return "it has a batch norm of its own" if has_own_norm(layer) else None


def _move_to_grid(layer, weight):
    """Make points of the grid the latent weights; the grid stays that of the weights so far."""
    layer.weight_quantizer.fix(layer.weight.data)
    layer.weight.data = weight.reshape(layer.weight.shape).astype(np.float32)


def _part_of(progress, i, count, path):
    """The progress of the i-th of `count` layers as a callable ``report(fraction)``."""

    def report(fraction):
        if progress is not None:
            progress((i + fraction) / count, f"layer {path}")

    return report
