"""A quantized layer that owns the batch norm behind it."""

import copy

import numpy as np

from qbref.autograd import Tensor
from qbref.qnn.product import bounded


class WithBatchNorm:
    """Mixin: a :class:`qbref.qnn.Linear` or Conv2d with a batch norm between product and activation.

    Two kinds differ in what is rounded: :class:`qbref.qnn.FoldedConv2d` rounds the weights that the norm
    has scaled already, :class:`qbref.qnn.NormalizedConv2d` the weights before it.

    Attributes
    ----------
    norm : nn.BatchNorm1d or nn.BatchNorm2d
        gamma, beta and the running statistics.
    norm_frozen : bool
        Normalize with the running statistics in training too, and keep them.
    """

    norm_frozen = False

    def take_norm(self, norm):
        """Own a copy of `norm`; returns the layer."""
        self.norm = copy.deepcopy(norm)
        return self

    def freeze_norm(self):
        """Keep the running statistics from now on, and use them in training too."""
        self.norm_frozen = True

    def forward(self, x):
        """Quantized product of `x`, normalized: by the batch in training, by running statistics else."""
        if not self.training or self.norm_frozen:
            return super().forward(x)
        y = bounded(self.normalized(x), self.bounds)
        return y if self.output_quantizer is None else self.output_quantizer(y)

    def normalized(self, x):
        """The training product with the batch's own statistics."""
        raise NotImplementedError(f"{type(self).__name__} must define normalized")

    def gamma(self):
        """The norm's factor, a Tensor (O,)."""
        return Tensor(np.ones_like(self.norm.running_var)) if self.norm.weight is None else self.norm.weight

    def sigma(self):
        """The running deviation sqrt(var + eps), a Tensor (O,)."""
        return Tensor(np.sqrt(self.norm.running_var + np.float32(self.norm.eps)))

    def shift(self, mean, gain):
        """beta + (b - mean) gain: what is left of bias and norm when `gain` has gone into the weights."""
        shift = -mean * gain if self.bias is None else (self.bias - mean) * gain
        return shift if self.norm.bias is None else shift + self.norm.bias

    def gain_and_shift(self):
        """gamma / sigma and beta + (b - mu) gamma / sigma, all that inference knows of the norm."""
        gain = self.gamma() / self.sigma()
        return gain, self.shift(Tensor(self.norm.running_mean), gain)
