"""Neural networks that learn in floating point: modules, layers, losses, initial values, files."""

from qbref.nn import functional, init
from qbref.nn.activation import GELU, Hardtanh, ReLU, ReLU6, Sigmoid, Softmax, Tanh
from qbref.nn.attention import MultiheadAttention, TransformerEncoderLayer
from qbref.nn.containers import Identity, Residual, Sequential
from qbref.nn.conv import Conv2d
from qbref.nn.dropout import Dropout
from qbref.nn.embedding import Embedding
from qbref.nn.linear import Linear
from qbref.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, HingeLoss, MSELoss, SquaredHingeLoss
from qbref.nn.module import Module
from qbref.nn.norm import BatchNorm1d, BatchNorm2d, LayerNorm
from qbref.nn.parameter import Parameter
from qbref.nn.pooling import AvgPool2d, MaxPool2d
from qbref.nn.serialization import load, save
from qbref.nn.shape import Flatten

__all__ = [
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GELU",
    "Hardtanh",
    "HingeLoss",
    "Identity",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "MultiheadAttention",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "SquaredHingeLoss",
    "Tanh",
    "TransformerEncoderLayer",
    "functional",
    "init",
    "load",
    "save",
]
