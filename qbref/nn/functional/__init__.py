"""Layers and losses as functions, with PyTorch's names and argument order.

Every function takes Tensors (plain float arrays are wrapped) and returns a Tensor.
"""

from qbref.nn.functional.activation import (
    gelu,
    hardtanh,
    log_softmax,
    relu,
    relu6,
    sigmoid,
    softmax,
    tanh,
)
from qbref.nn.functional.attention import scaled_dot_product_attention
from qbref.nn.functional.classification import binary_cross_entropy_with_logits, cross_entropy, nll_loss
from qbref.nn.functional.layers import (
    avg_pool2d,
    batch_norm,
    conv2d,
    dropout,
    embedding,
    layer_norm,
    linear,
    max_pool2d,
    pad,
)
from qbref.nn.functional.margin import hinge_loss, mse_loss, squared_hinge_loss

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gelu",
    "hardtanh",
    "hinge_loss",
    "layer_norm",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "pad",
    "relu",
    "relu6",
    "scaled_dot_product_attention",
    "sigmoid",
    "softmax",
    "squared_hinge_loss",
    "tanh",
]
