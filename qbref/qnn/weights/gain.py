"""Quantized weights times a real factor per output channel."""

import numpy as np

from qbref.autograd import Tensor
from qbref.qnn.weights.base import WeightQuantizer, per_channel


class Gain(WeightQuantizer):
    """gain * w_hat: how a batch norm folds into weights whose quantizer must see the latent ones unscaled.

    Where the levels depend on all weights of a layer at once (a ternary threshold, a learned scale),
    multiplying the latent weights of one channel would move the levels of the others.

    Parameters
    ----------
    quantizer : WeightQuantizer
    gain : float32 ndarray (O,)

    Examples
    --------
    >>> from qbref import qnn
    >>> w = Tensor(np.array([[1.0, -3.0], [0.5, 0.5]], np.float32))
    >>> Gain(qnn.BinaryWeights(), np.array([10.0, -1.0], np.float32))(w).data
    array([[ 20. , -20. ],
           [ -0.5,  -0.5]], dtype=float32)
    """

    def __init__(self, quantizer, gain):
        super().__init__()
        self.quantizer = quantizer
        self.register_buffer("gain", np.array(gain, np.float32))

    def forward(self, latent):
        """The quantized weights of each output channel times its gain."""
        return self.quantizer(latent) * Tensor(per_channel(self.gain, latent.ndim))

    def levels(self, latent):
        """Integers, with the gain in their scale and its sign in theirs."""
        return self.quantizer.levels(latent).times(self.gain)

    def constrain(self, latent):
        """As the quantizer behind the gain demands."""
        self.quantizer.constrain(latent)

    @property
    def label(self):
        """That of the quantizer; a batch norm folded leaves no trace in the number of levels."""
        return self.quantizer.label
