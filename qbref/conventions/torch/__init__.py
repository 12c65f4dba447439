"""PyTorch's quantization operators, under their own names: arrays in, arrays out.

All float arithmetic is float32, and scaling is multiplication by the float32 reciprocal of the scale.
Verified bit for bit against PyTorch 2.13.0 on x86, ``quantize_per_tensor`` and ``quantize_per_channel``
against 2.12.1 and 2.15.0 too; exceptions stand in the docstrings. ``zero_point_before_rounding=True`` is
the order of 2.13.0, which later versions took back. The operators of exported programs (PT2E), which have
names in common with these, are in `quantized_decomposed`.
"""

from qbref.conventions.torch import quantized_decomposed
from qbref.conventions.torch.choose_qparams import choose_qparams
from qbref.conventions.torch.dequantize import dequantize_per_channel, dequantize_per_tensor
from qbref.conventions.torch.fake_quantize import (
    fake_quantize_per_channel_affine,
    fake_quantize_per_channel_affine_backward,
    fake_quantize_per_tensor_affine,
    fake_quantize_per_tensor_affine_backward,
)
from qbref.conventions.torch.histogram_observer import HistogramObserver
from qbref.conventions.torch.learnable import (
    fake_quantize_learnable_per_channel_affine,
    fake_quantize_learnable_per_tensor_affine,
)
from qbref.conventions.torch.learnable_backward import (
    LearnableGradients,
    fake_quantize_learnable_per_channel_affine_backward,
    fake_quantize_learnable_per_tensor_affine_backward,
)
from qbref.conventions.torch.minmax_observers import MinMaxObserver, MovingAverageMinMaxObserver
from qbref.conventions.torch.operands import Quantized
from qbref.conventions.torch.operators import quantized_conv2d, quantized_linear
from qbref.conventions.torch.per_channel_observers import (
    MovingAveragePerChannelMinMaxObserver,
    PerChannelMinMaxObserver,
)
from qbref.conventions.torch.quantize import quantize_per_channel, quantize_per_tensor
from qbref.conventions.torch.requantize import requantize

__all__ = [
    "HistogramObserver",
    "LearnableGradients",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver",
    "PerChannelMinMaxObserver",
    "Quantized",
    "choose_qparams",
    "dequantize_per_channel",
    "dequantize_per_tensor",
    "fake_quantize_learnable_per_channel_affine",
    "fake_quantize_learnable_per_channel_affine_backward",
    "fake_quantize_learnable_per_tensor_affine",
    "fake_quantize_learnable_per_tensor_affine_backward",
    "fake_quantize_per_channel_affine",
    "fake_quantize_per_channel_affine_backward",
    "fake_quantize_per_tensor_affine",
    "fake_quantize_per_tensor_affine_backward",
    "quantize_per_channel",
    "quantize_per_tensor",
    "quantized_conv2d",
    "quantized_decomposed",
    "quantized_linear",
    "requantize",
]
