"""Average pooling between two integer grids: a sum, and one requantization for the mean."""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor, avg_pool2d
from qbref.qnn.activations import any_passes_through
from qbref.qnn.arithmetic import Requantizer
from qbref.qnn.product import NO_BOUNDS
from qbref.quant.affine import dequantize, quantize


class AvgPool2d(nn.AvgPool2d):
    """q_y = z_y + M sum(q_x - z_x) over windows of n integers, M = s_x / (n s_y): rounded once.

    Padding counts as zeros, as in :class:`qbref.nn.AvgPool2d`.

    Attributes
    ----------
    input_quantizer, output_quantizer : ActivationQuantizer
    """

    @classmethod
    def from_float(cls, layer, input, output, requantize_mode):
        """The quantized form of `layer` between two quantizers."""
        pool = cls(layer.kernel_size, layer.stride, layer.padding)
        pool._input_link = (input,)
        pool.output_quantizer, pool.requantize_mode = output, requantize_mode
        return pool

    @property
    def input_quantizer(self):
        """The quantizer of the layer's input."""
        return self._input_link[0]

    @property
    def _taps(self):
        return self.kernel_size[0] * self.kernel_size[1]

    def requantizer(self):
        """Window sums to output integers: :class:`qbref.qnn.arithmetic.Requantizer`."""
        x, y = self.input_quantizer.params, self.output_quantizer.params
        mean = float(x.scale) / (self._taps * float(y.scale))
        return Requantizer.from_scales(mean, y, NO_BOUNDS, self.requantize_mode)

    def forward(self, x):
        """Float mean while training, the integer engine's mean in evaluation."""
        if self.training or any_passes_through(self.input_quantizer, self.output_quantizer):
            return self.output_quantizer(super().forward(x))
        params = self.input_quantizer.params
        centred = quantize(x.data, params).astype(np.float64) - float(params.zero_point)
        means = avg_pool2d(Tensor(centred), self.kernel_size, self.stride, self.padding).data
        total = np.rint(means * self._taps).astype(np.int32)
        return Tensor(dequantize(self.requantizer()(total), self.output_quantizer.params))
