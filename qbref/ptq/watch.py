"""What single layers see while calibration data run through a model."""

import numpy as np

from qbref.autograd import no_grad


def watch(model, layers, calibration_batches, look):
    """Run the batches, calling ``look(layer, x, y)`` whenever one of `layers` has mapped x to y.

    Parameters
    ----------
    model : Module
        Run in its present mode; not changed.
    layers : iterable of Module
    calibration_batches : iterable of float32 or integer ndarray, or of (x, y) pairs
        Representative inputs. Labels, if present, are not looked at.
    look : callable
        Takes a Module and two ndarrays, its input and its output.

    Raises
    ------
    ValueError
        If there is no batch, an empty one, or one with NaN or infinity.
    TypeError
        If a batch is neither float32 nor integer.

    Examples
    --------
    >>> from qbref import nn
    >>> model = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> batches = [np.ones((2, 3, 4), np.float32)]
    >>> watch(model, [model[1]], batches, lambda layer, x, y: print(x.shape, y.shape))
    (2, 3, 4) (2, 12)
    """
    layers = list(layers)
    for layer in layers:
        layer.forward = _watched(layer, look)  # the instance's own forward hides that of its class
    seen = 0
    try:
        with no_grad():
            for batch in calibration_batches:
                model(_checked(batch))
                seen += 1
    finally:
        for layer in layers:
            del layer.forward
    if not seen:
        raise ValueError("calibration_batches must hold at least one batch, got none")


def _watched(layer, look):
    forward = layer.forward

    def watched(x):
        y = forward(x)
        look(layer, x.data, y.data)
        return y

    return watched


def _checked(batch):
    x = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
    if x.dtype != np.float32 and x.dtype.kind not in "iu":
        raise TypeError(f"calibration_batches must hold float32 or integer arrays, got {x.dtype}")
    if not x.size:
        raise ValueError(f"calibration_batches must hold data, got a batch of shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("calibration_batches must be finite, got NaN or infinity")
    return x
