"""The quantization operators of ONNX, under their own names and with their own arguments.

Three variants, where they differ:

"spec"
    The text of the operators, read as exact arithmetic on the float operations it names.
"onnxruntime"
    ONNX Runtime 1.31.1, CPU execution provider, x86-64.
"reference_evaluator"
    onnx.reference.ReferenceEvaluator of onnx 1.23.2, x86-64.

=========================  ==========================================================================
operator                   where the variants part
=========================  ==========================================================================
`quantize_linear`          NaN, ±inf and quotients beyond int32; the precision of float16 quotients
`dequantize_linear`        nowhere
`dynamic_quantize_linear`  data that is all zero, empty, or holds NaN
`matmul_integer`           nowhere
`conv_integer`             nowhere
`qlinear_matmul`           ties, and products that float32 rounds: the zero point is added after rounding
`qlinear_conv`             or before, the product is float32 or float64
=========================  ==========================================================================
"""

from qbref.conventions.onnx.conv_integer import conv_integer
from qbref.conventions.onnx.dequantize_linear import dequantize_linear
from qbref.conventions.onnx.dynamic_quantize_linear import dynamic_quantize_linear
from qbref.conventions.onnx.matmul_integer import matmul_integer
from qbref.conventions.onnx.qlinear_conv import qlinear_conv
from qbref.conventions.onnx.qlinear_matmul import qlinear_matmul
from qbref.conventions.onnx.quantize_linear import quantize_linear

__all__ = [
    "conv_integer",
    "dequantize_linear",
    "dynamic_quantize_linear",
    "matmul_integer",
    "qlinear_conv",
    "qlinear_matmul",
    "quantize_linear",
]
