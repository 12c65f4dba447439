"""Batch and layer normalization."""

import math

import numpy as np

from qbref.autograd.tensor import Tensor, as_tensor


def batch_norm(x, running_mean, running_var, weight, bias, training, momentum=0.1, eps=1e-5):
    """weight · (x − mean) / √(var + eps) + bias for each channel."""
    x, weight, bias = as_tensor(x), as_tensor(weight), as_tensor(bias)
    C = x.shape[1]
    rows = np.moveaxis(x.data, 0, -1).reshape(C, -1)
    M = rows.shape[1]
    if training:
        mean = rows.mean(axis=1)
        centered = rows - mean[:, None]
        var = np.vecdot(centered, centered) / M
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (var * (M / (M - 1)) - running_var)
    else:
        centered = rows - running_mean.astype(x.dtype)[:, None]
        var = running_var.astype(x.dtype)
    inv_std = 1 / np.sqrt(var + x.dtype.type(eps))
    scale = weight.data * inv_std
    y = centered * scale[:, None]
    y += bias.data[:, None]
    swapped = x.shape[1:] + x.shape[:1]

    def backward(upstream):
        g = np.moveaxis(upstream, 0, -1).reshape(C, -1)
        dbias = g.sum(axis=1)
        dweight = np.vecdot(g, centered) * inv_std
        dx = g * scale[:, None]
        if training:
            dx -= centered * (scale * inv_std * dweight / M)[:, None]
            dx -= (scale * dbias / M)[:, None]
        return np.moveaxis(dx.reshape(swapped), -1, 0), dweight, dbias

    return Tensor.from_op(np.moveaxis(y.reshape(swapped), -1, 0), (x, weight, bias), backward)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """weight · (x − mean) / √(var + eps) + bias over the last axes."""
    x = as_tensor(x)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    axes = tuple(range(-len(shape), 0))
    D = math.prod(shape)
    centered = x.data - x.data.mean(axis=axes, keepdims=True)
    var = (centered * centered).mean(axis=axes, keepdims=True)
    inv_std = 1 / np.sqrt(var + x.dtype.type(eps))
    normalized = centered * inv_std

    def backward(upstream):
        mean_g = upstream.mean(axis=axes, keepdims=True)
        mean_gn = (upstream * normalized).sum(axis=axes, keepdims=True) / D
        return (inv_std * (upstream - mean_g - normalized * mean_gn),)

    y = Tensor.from_op(normalized, (x,), backward)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias
