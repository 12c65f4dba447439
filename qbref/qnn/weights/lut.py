"""Weights from a table of a few fitted values."""

import numpy as np

from qbref.autograd import Tensor
from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.levels import Levels
from qbref.quant.lut import Codebook, dequantize_lut, fit_codebook, quantize_lut


class LutWeights(WeightQuantizer):
    """w_hat = scale * table[code], the code of the nearest of 2**n_bits fitted values.

    The values are fitted once to the weights given here (k-means), then rounded to int8 multiples of one
    scale, ``scale = max|level| / 127``: 16 bytes and one number describe the layer's levels.

    Parameters
    ----------
    latent : ndarray
        Trained weights to fit.
    spec : Lut
    """

    def __init__(self, latent, spec):
        super().__init__()
        self.spec = spec
        levels = fit_codebook(latent, spec.n_bits, spec.method).levels
        scale = np.float32(max(np.abs(levels).max() / 127, np.finfo(np.float32).tiny))
        self.register_buffer("scale", np.array(scale))
        self.register_buffer("table", np.sort(np.rint(levels / scale).astype(np.int8)))

    def _codes(self, latent):
        return quantize_lut(latent, self._codebook)

    @property
    def _codebook(self):
        return Codebook(self.table * self.scale, self.spec.n_bits)

    def forward(self, latent):
        """Nearest table values; the gradient passes straight through to the latent weights."""
        w_hat = dequantize_lut(self._codes(latent.data), self._codebook).astype(latent.dtype, copy=False)
        return Tensor.from_op(w_hat, (latent,), lambda upstream: (upstream,))

    def levels(self, latent):
        """The codes, the table and the integers they stand for."""
        codes = self._codes(latent)
        return Levels(self.table[codes], self.scale, self.spec.n_bits, self.table, codes)

    @property
    def label(self):
        """The scheme's name."""
        return str(self.spec)
