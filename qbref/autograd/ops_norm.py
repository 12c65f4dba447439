"""Batch and layer normalization."""

import math

import numpy as np

from qbref.autograd.tensor import Tensor, as_tensor


def batch_norm(x, running_mean, running_var, weight, bias, training, momentum=0.1, eps=1e-5):
    """weight · (x − mean) / √(var + eps) + bias, with mean and var of each channel over batch and positions.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...)
    running_mean, running_var : float ndarray, shape (C,)
        Used in evaluation. Updated in place in training, by momentum · (new − running).
    weight, bias : Tensor, shape (C,)
    training : bool
        Whether mean and var are those of this batch.
    momentum, eps : float

    Returns
    -------
    Tensor of x's shape

    Raises
    ------
    ValueError
        If a shape does not fit, or there is only one value per channel in training.

    Notes
    -----
    The batch is normalized with its biased variance (divided by the count M); `running_var` takes in the
    unbiased one (divided by M − 1). S. Ioffe, C. Szegedy, "Batch Normalization", arXiv:1502.03167,
    algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref.autograd import batch_norm
    >>> mean, var = np.zeros(1), np.ones(1)
    >>> y = batch_norm(np.array([[1.0], [3.0]]), mean, var, np.ones(1), np.zeros(1), training=True, eps=0)
    >>> y.data.ravel(), mean, var
    (array([-1.,  1.]), array([0.2]), array([1.1]))
    """
    x, weight, bias = as_tensor(x), as_tensor(weight), as_tensor(bias)
    _check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    rows = _channel_rows(x.data)
    M = rows.shape[1]
    if training:
        if M < 2:
            raise ValueError(f"x must have more than one value per channel in training, got shape {x.shape}")
        mean = rows.mean(axis=1)
        centered = rows - mean[:, None]
        var = np.vecdot(centered, centered) / M
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (var * (M / (M - 1)) - running_var)
    else:
        centered = rows - running_mean.astype(x.dtype)[:, None]
        var = running_var.astype(x.dtype)
    inv_std = 1 / np.sqrt(var + eps)
    scale = weight.data * inv_std
    y = centered * scale[:, None]
    y += bias.data[:, None]

    def backward(upstream):
        g = _channel_rows(upstream)
        grad_bias = g.sum(axis=1)
        grad_weight = np.vecdot(g, centered) * inv_std
        grad_x = None
        if x.requires_grad:
            grad_x = g * scale[:, None]
            if training:  # the mean and the variance depend on x too
                grad_x -= centered * (scale * inv_std * grad_weight / M)[:, None]
                grad_x -= (scale * grad_bias / M)[:, None]
            grad_x = _from_channel_rows(grad_x, x.shape)
        return grad_x, grad_weight, grad_bias

    return Tensor.from_op(_from_channel_rows(y, x.shape), (x, weight, bias), backward)


def _channel_rows(array):
    """(N, C, ...) as (C, M): one row per channel, the batch innermost (no copy of what conv2d returns)."""
    return np.moveaxis(array, 0, -1).reshape(array.shape[1], array.size // array.shape[1])


def _from_channel_rows(rows, shape):
    return np.moveaxis(rows.reshape(shape[1:] + shape[:1]), -1, 0)


def _check_channels(x, **vectors):
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"x must have shape (N, C, ...) with at least one channel, got {x.shape}")
    for name, vector in vectors.items():
        if vector.shape != (x.shape[1],):
            raise ValueError(f"{name} must have shape ({x.shape[1]},), one per channel, got {vector.shape}")


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """weight · (x − mean) / √(var + eps) + bias, with mean and biased var over the last axes of each element.

    Parameters
    ----------
    x : Tensor, shape (..., *normalized_shape)
    normalized_shape : int or tuple of int
    weight, bias : Tensor, shape normalized_shape, or None
    eps : float

    Returns
    -------
    Tensor of x's shape

    Raises
    ------
    ValueError
        If the last axes of `x`, `weight` or `bias` are not `normalized_shape`.

    Notes
    -----
    J. L. Ba et al., "Layer Normalization", arXiv:1607.06450, section 3.

    Examples
    --------
    >>> from qbref.autograd import Tensor, layer_norm
    >>> layer_norm(Tensor([[1, 3], [0, 8]]), 2, eps=0)
    Tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    x = as_tensor(x)
    shape = (normalized_shape,) if np.ndim(normalized_shape) == 0 else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape or 0 in shape:
        raise ValueError(f"normalized_shape must be the last axes of {x.shape}, got {normalized_shape}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {parameter.shape}")
    y = _standardize(x, tuple(range(-len(shape), 0)), math.prod(shape), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _standardize(x, axes, count, eps):
    centered = x.data - x.data.mean(axis=axes, keepdims=True)
    var = (centered * centered).sum(axis=axes, keepdims=True) / count
    inv_std = 1 / np.sqrt(var + eps)
    y = centered * inv_std

    def backward(upstream):
        along_mean = upstream.mean(axis=axes, keepdims=True)
        along_y = (upstream * y).sum(axis=axes, keepdims=True) / count
        return (inv_std * (upstream - along_mean - y * along_y),)

    return Tensor.from_op(y, (x,), backward)
