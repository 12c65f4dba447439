"""Arrays with gradients.

Start with tensor.py, then read any of the ops_*.py: every forward stands beside its backward.
"""

from qbref.autograd import methods  # noqa: F401  (attaches operators and methods to Tensor)
from qbref.autograd.grad_check import grad_check
from qbref.autograd.grad_mode import is_grad_enabled, no_grad
from qbref.autograd.ops_activation import gelu, relu, sigmoid, tanh
from qbref.autograd.ops_conv import conv2d
from qbref.autograd.ops_dropout import dropout
from qbref.autograd.ops_elementwise import abs, clip, exp, log, maximum, minimum, sqrt, where
from qbref.autograd.ops_embedding import embedding
from qbref.autograd.ops_matmul import matmul
from qbref.autograd.ops_norm import batch_norm, layer_norm
from qbref.autograd.ops_pool import avg_pool2d, max_pool2d
from qbref.autograd.ops_reduce import max, mean, min, sum, var
from qbref.autograd.ops_shape import concatenate, pad, reshape, stack, transpose
from qbref.autograd.ops_softmax import log_softmax, softmax
from qbref.autograd.shapes import unbroadcast
from qbref.autograd.tensor import Tensor, as_tensor

__all__ = [
    "Tensor",
    "abs",
    "as_tensor",
    "avg_pool2d",
    "batch_norm",
    "clip",
    "concatenate",
    "conv2d",
    "dropout",
    "embedding",
    "exp",
    "gelu",
    "grad_check",
    "is_grad_enabled",
    "layer_norm",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "no_grad",
    "pad",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "sqrt",
    "stack",
    "sum",
    "tanh",
    "transpose",
    "unbroadcast",
    "var",
    "where",
]
