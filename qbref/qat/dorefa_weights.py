"""DoReFa-Net's weights (arXiv:1606.06160, section 2.3): squashed by tanh, scaled to [-1, 1], rounded."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary import dorefa_sign, sign
from qbref.qnn import Levels, WeightQuantizer
from qbref.quant.checks import check_finite, check_no_nan
from qbref.quant.rounding import ROUNDINGS

VARIANTS = "paper", "constant_max", "rescaled"
MOST_BITS = 7  # 2q - n reaches 2**7 - 1, the largest int8
TABLE_BITS = 4  # codes of the integer engine's tables


class DoReFaWeights(WeightQuantizer):
    """w_hat = 2 Q_k(t / (2 m) + 1/2) - 1, with t = tanh(w) and m = max|t| over the layer (section 2.3).

    As integers, ``w_hat = (2 q - n) / n``: the odd numbers from -n to n, without 0. Rounding passes the
    gradient on unchanged, so that the rest of the formula is differentiated as it stands::

        dt_i = upstream_i / m - [|t_i| = m] sign(t_i) sum_j upstream_j t_j / m**2
        dw_i = dt_i (1 - t_i**2)

    Parameters
    ----------
    n_bits : int
        2 to 7.
    variant : {"paper", "constant_max", "rescaled"}
        "paper": as above, the derivative of the whole formula, which automatic differentiation gives in the
        authors' code (tensorpack, examples/DoReFa-Net/dorefa.py). Where several weights are the largest,
        they share the sum equally. "constant_max": m is a constant, the second
        term of dt is left out. "rescaled": the same, and w_hat is multiplied by m, which keeps the size
        of the layer's weights (zzzxxxttt/pytorch_DoReFaNet).
    rounding : str

    Examples
    --------
    >>> w = Tensor([[0.1, -0.2], [0.5, 0.0]])
    >>> 3 * DoReFaWeights(2)(w).data
    array([[ 1., -1.],
           [ 3.,  1.]], dtype=float32)
    """

    def __init__(self, n_bits, variant="paper", rounding="half_even"):
        super().__init__()
        if not 2 <= n_bits <= MOST_BITS:
            raise ValueError(f"n_bits of weights must be from 1 to {MOST_BITS}, got {n_bits}")
        self.n_bits, self.variant, self.rounding = n_bits, variant, rounding

    def forward(self, latent):
        """Weights in use, with the gradient above."""
        levels = self.levels(latent.data)
        w_hat = (levels.q * levels.scale).astype(latent.dtype, copy=False)

        def backward(upstream):
            t, m = _squashed(latent.data)
            dt = upstream if self.variant == "rescaled" else upstream / m
            if self.variant == "paper":
                largest = (np.abs(t) == m) * np.sign(t)
                dt = dt - largest * ((upstream * t).sum() / m**2 / max(np.abs(largest).sum(), 1))
            return ((dt * (1 - t * t)).astype(latent.dtype, copy=False),)

        return Tensor.from_op(w_hat, (latent,), backward)

    def levels(self, latent):
        """Odd integers -n … n, as codes of a table up to 4 bits."""
        t, m = _squashed(latent)
        n = 2**self.n_bits - 1
        codes = ROUNDINGS[self.rounding](n * (t / (2 * m) + latent.dtype.type(0.5))).astype(np.uint8)
        table = np.arange(-n, n + 1, 2, dtype=np.int8)
        scale = np.float32(m / n if self.variant == "rescaled" else 1 / n)
        if self.n_bits > TABLE_BITS:
            return Levels(table[codes], scale, 8)
        return Levels(table[codes], scale, self.n_bits, table, codes)

    @property
    def label(self):
        """For reports."""
        return f"{self.n_bits}-bit DoReFa"


def _squashed(latent):
    """t = tanh(w) and m = max|t|, or 1 if all weights are 0."""
    check_no_nan(latent)
    t = np.tanh(latent)
    return t, np.abs(t).max() or latent.dtype.type(1)


class DoReFaSigns(WeightQuantizer):
    """w_hat = E|w| sign(w), one scale for the layer; dw = upstream (section 2.3).

    Examples
    --------
    >>> DoReFaSigns()(Tensor([[1.0, -3.0]])).data
    array([[ 2., -2.]], dtype=float32)
    """

    label = "1-bit DoReFa"

    def forward(self, latent):
        """Two values, with the gradient passed straight through."""
        check_finite(latent.data)
        return Tensor.from_op(dorefa_sign(latent.data), (latent,), lambda upstream: (upstream,))

    def levels(self, latent):
        """Signs as -1 and +1, and E|w|."""
        check_finite(latent)
        scale = np.maximum(np.abs(latent).mean(dtype=np.float64), np.finfo(np.float32).tiny)
        return Levels(sign(latent).astype(np.int8), np.float32(scale), 1)
