"""TensorFlow Lite (LiteRT): 8-bit and 16-bit operators, bit for bit, for three sets of kernels.

``kernels="ref"``
    the reference kernels, the same on every processor (BUILTIN_REF);
``kernels="opt"``
    the optimized ones on x86-64 with AVX-512 (BUILTIN_WITHOUT_DEFAULT_DELEGATES), some of which round by
    position;
``kernels="xnnpack"``
    the XNNPACK delegate, which the interpreter uses by default (AUTO); what it does not take goes to "opt".

Verified against ai-edge-litert 2.3.0, the fake quantization against TensorFlow 2.21.0, both on x86-64. Images
are (N, H, W, C), scales float32, int8 weights symmetric. In the scheme 16x8 the activations are int16.

============================ ============================ =========================== =======================
operator                     ref                          opt                         xnnpack
============================ ============================ =========================== =======================
quantize                     half away                    half even, rest half away   half even
requantize                   double                       half up twice, rest double  8-bit multiplier
fully_connected              float64, half away           half up twice               float32, half even
conv_2d                      double                       half up twice               float32, half even
depthwise_conv_2d            double                       half up twice, rest double  float32, half even
add, sub                     double, three times          as ref; blocks: see add      integers, half up
mul                          double                       as ref; blocks: see mul      float32, half even
average_pool_2d              half away                    half away                   half away
softmax                      fixed point                  float32 table, half away    as opt
softmax int16                interpolated tables          as ref                      as ref
logistic, tanh               float32 table, half away     as ref                      as ref
logistic, tanh int16         interpolated table           fixed point if scale 2^−12  as opt
============================ ============================ =========================== =======================

"double" and "half up twice" are modes of :func:`multiply_by_quantized_multiplier`; "rest" are the elements
that do not fill a vector register. XNNPACK refuses scales below 2^−126 and takes 1 / scale for 0 where it is
subnormal; neither is modelled. Left out: the per-tensor uint8 kernels with weight zero points.
"""

from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.add import add, sub
from qbref.conventions.tflite.choose import choose_quantization_params
from qbref.conventions.tflite.conv_2d import conv_2d
from qbref.conventions.tflite.depthwise_conv_2d import depthwise_conv_2d
from qbref.conventions.tflite.dequantize import dequantize
from qbref.conventions.tflite.fake_quant import (
    fake_quant_with_min_max_vars,
    fake_quant_with_min_max_vars_gradient,
    fake_quant_with_min_max_vars_per_channel,
)
from qbref.conventions.tflite.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from qbref.conventions.tflite.fully_connected import fully_connected
from qbref.conventions.tflite.lookup import logistic, tanh
from qbref.conventions.tflite.mul import mul
from qbref.conventions.tflite.pool_2d import average_pool_2d, max_pool_2d
from qbref.conventions.tflite.quantize import quantize
from qbref.conventions.tflite.requantize import requantize
from qbref.conventions.tflite.softmax import softmax

__all__ = [
    "activation_range",
    "add",
    "average_pool_2d",
    "choose_quantization_params",
    "conv_2d",
    "depthwise_conv_2d",
    "dequantize",
    "fake_quant_with_min_max_vars",
    "fake_quant_with_min_max_vars_gradient",
    "fake_quant_with_min_max_vars_per_channel",
    "fully_connected",
    "logistic",
    "max_pool_2d",
    "mul",
    "multiply_by_quantized_multiplier",
    "quantize",
    "quantize_multiplier",
    "requantize",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
    "softmax",
    "sub",
    "tanh",
]
