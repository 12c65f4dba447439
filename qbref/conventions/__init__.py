"""The arithmetic of other systems, bit for bit: one package per system, operators under their own names.

"Why am I off by one?" Every operator here is a few lines built from named rules (:mod:`qbref.quant.rounding`,
:mod:`qbref.quant.fixed_point`, :mod:`qbref.conventions.arithmetic`), so that two systems read side by side
show where they part; :func:`atlas` searches for the smallest input on which they do (its families of
operators are :data:`qbref.conventions.differences.FAMILIES`), and :func:`sweep` compares two rules on every
float32 there is.

==========  ==========================================================================================
module      compared bit for bit, on x86-64, with
==========  ==========================================================================================
`onnx`      ONNX Runtime 1.31.1 and the reference evaluator of onnx 1.23.2
`torch`     PyTorch 2.13.0 (quantize_per_tensor and _per_channel: 2.12.1 and 2.15.0 too)
`tflite`    ai-edge-litert 2.3.0, three sets of kernels; fake quantization: TensorFlow 2.21.0
`larq`      larq 0.14.0 on TensorFlow 2.21.0, larq-compute-engine 0.16.0
`tensorrt`  nothing: from its documentation
`xnornet`   nothing: from the paper and the source of the released code
==========  ==========================================================================================

Outputs compared, random ones, ties and their neighbours, special values; none differs
unless said:

=========================================================  =========================================
`onnx`: quantize_linear with dequantize_linear             14,700,000 with each of the two systems
the same with float16                                      38,000,000
dynamic_quantize_linear                                    4,000 arrays with each
matmul_integer, conv_integer                               624,000 and 419,000
qlinear_matmul, qlinear_conv                               1,240,000 and 1,024,000
`torch`: quantize, dequantize, quantized_decomposed        19,200,000
fake_quantize, learnable, with gradients                   2,300,000
choose_qparams; min/max observers; HistogramObserver       3,000; 2,000; 1,538
quantized_linear; quantized_conv2d                         530,000; 2,250,000 (oneDNN: one differs)
`tflite`: quantize, dequantize, requantize                 2,400,000
fully_connected, conv_2d, depthwise_conv_2d                4,500,000
add, sub, mul, pooling, softmax, logistic, tanh            5,800,000
softmax, logistic, tanh of int16                           54,000,000
fake_quant_with_min_max_vars                               327,000
`larq`: packing; bconv2d                                   52,000; 110,000
each elementwise quantizer                                 20,000 (swish and DoReFa gradients: to 1e-5)
=========================================================  =========================================

What was only read, or differs by processor, says so in its docstring.
"""

from qbref.conventions import differences, larq, onnx, tensorrt, tflite, torch, xnornet
from qbref.conventions.arithmetic import fma32, saturate, to_int32, wrap32
from qbref.conventions.differences import atlas
from qbref.conventions.sweep import Sweep, sweep

__all__ = [
    "Sweep",
    "atlas",
    "differences",
    "fma32",
    "larq",
    "onnx",
    "saturate",
    "sweep",
    "tensorrt",
    "tflite",
    "to_int32",
    "torch",
    "wrap32",
    "xnornet",
]
