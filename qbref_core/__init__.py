"""The compiled twins of `qbref.kernels`: same functions, same arguments, same bits."""

try:
    from qbref_core.binary_conv2d import binary_conv2d
    from qbref_core.cpu import kernel_in_use
    from qbref_core.im2col import im2col
    from qbref_core.int4_matmul import int4_matmul
    from qbref_core.int8_conv2d import int8_conv2d
    from qbref_core.int8_matmul import int8_matmul
    from qbref_core.lut_matmul import lut_matmul
    from qbref_core.pack_bits import pack_bits, unpack_bits
    from qbref_core.pack_filters import PackedFilters, pack_filters
    from qbref_core.pack_rhs import PackedRhs, pack_rhs
    from qbref_core.requantize import requantize
    from qbref_core.threads import get_num_threads, set_num_threads
    from qbref_core.xnor_matmul import xnor_matmul
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("qbref_core"):
        raise
    raise ImportError(
        "qbref_core is not compiled; with a C compiler at hand, `pip install -e .` in the checkout builds it."
    ) from error

__all__ = [
    "PackedFilters",
    "PackedRhs",
    "binary_conv2d",
    "get_num_threads",
    "im2col",
    "int4_matmul",
    "int8_conv2d",
    "int8_matmul",
    "kernel_in_use",
    "lut_matmul",
    "pack_bits",
    "pack_filters",
    "pack_rhs",
    "requantize",
    "set_num_threads",
    "unpack_bits",
    "xnor_matmul",
]
