"""Integer and binary kernels, as their definitions in NumPy; each has a compiled twin in `qbref_core`."""

from qbref.kernels.backend import default
from qbref.kernels.binary_conv2d import binary_conv2d
from qbref.kernels.im2col import im2col
from qbref.kernels.int4_matmul import int4_matmul
from qbref.kernels.int8_conv2d import int8_conv2d
from qbref.kernels.int8_matmul import int8_matmul
from qbref.kernels.lut_matmul import lut_matmul
from qbref.kernels.pack_bits import pack_bits, unpack_bits
from qbref.kernels.pack_filters import PackedFilters, pack_filters
from qbref.kernels.pack_rhs import PackedRhs, pack_rhs
from qbref.kernels.requantize import Requantization, requantize
from qbref.kernels.xnor_matmul import Threshold, xnor_matmul

__all__ = [
    "PackedFilters",
    "PackedRhs",
    "Requantization",
    "Threshold",
    "binary_conv2d",
    "default",
    "im2col",
    "int4_matmul",
    "int8_conv2d",
    "int8_matmul",
    "lut_matmul",
    "pack_bits",
    "pack_filters",
    "pack_rhs",
    "requantize",
    "unpack_bits",
    "xnor_matmul",
]
