"""Weights of three values, two of them learned."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.ternary import ternarize
from qbref.binary.ttq import ttq, ttq_backward
from qbref.nn import Parameter
from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.levels import Levels

SMALLEST = 1e-4  # of W_p and W_n: a learned scale that reached 0 would stop its weights' gradients for good


class TTQ(WeightQuantizer):
    """w_hat = W_p where w > Δ, -W_n where w < -Δ, else 0, Δ = t max|w|: Trained Ternary Quantization.

    Backward, dw = upstream * (W_p, 1 or W_n), dW_p = Σ upstream over w > Δ, dW_n = -Σ over w < -Δ.

    Parameters
    ----------
    w_p, w_n : float
        Where the two learned scales start, positive.
    t : float
        In [0, 1).

    Attributes
    ----------
    w_p, w_n : Parameter (1,)
        Learned with the layer's other parameters; :func:`qbref.qnn.constrain` keeps them positive.

    Notes
    -----
    Zhu et al., arXiv:1612.01064; :func:`qbref.binary.ttq_backward`. Integers: a table of int8 values,
    ``-round(W_n / s), 0, round(W_p / s)`` with s = max(W_p, W_n) / 127, which moves the smaller of the two
    by at most s / 2. A small network on the bundled digits, signs between its layers, three epochs, three
    seeds: 89 to 91 %.

    Examples
    --------
    >>> TTQ(w_p=0.5, w_n=0.25)(Tensor([[2.0, 0.05, -1.0]])).data
    array([[ 0.5 ,  0.  , -0.25]], dtype=float32)
    """

    label = "ternary"

    def __init__(self, w_p=1.0, w_n=1.0, t=0.05):
        super().__init__()
        if not (w_p > 0 and w_n > 0):
            raise ValueError(f"w_p and w_n must be positive, got {w_p} and {w_n}")
        if not 0 <= t < 1:
            raise ValueError(f"t must be in [0, 1), got {t}")
        self.w_p, self.w_n, self.t = Parameter([w_p]), Parameter([w_n]), t

    def forward(self, latent):
        """Three values, with gradients for the latent weights and both scales."""
        scales = self.w_p.data.item(), self.w_n.data.item()

        def backward(upstream):
            dw, *sums = ttq_backward(upstream, latent.data, *scales, self.t)
            return dw, *(np.array([total], self.w_p.dtype) for total in sums)

        w_hat = ttq(latent.data, *scales, self.t)
        return Tensor.from_op(w_hat, (latent, self.w_p, self.w_n), backward)

    def levels(self, latent):
        """Codes 0, 1 and 2 into a table of three int8 values."""
        w_p, w_n = (max(scale.data.item(), SMALLEST) for scale in (self.w_p, self.w_n))
        step = np.float32(max(w_p, w_n) / 127)
        table = np.array([-np.rint(w_n / step), 0, np.rint(w_p / step)], np.int8)
        delta = latent.dtype.type(self.t) * np.abs(latent).max()
        codes = (ternarize(latent, delta) + 1).astype(np.uint8)
        return Levels(table[codes], np.asarray(step), 2, table, codes)

    def constrain(self, latent):
        """Leave the latent weights; keep both scales positive."""
        for scale in (self.w_p, self.w_n):
            np.maximum(scale.data, SMALLEST, out=scale.data)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"{self.w_p.data.item():.3g}, 0 and -{self.w_n.data.item():.3g}"
