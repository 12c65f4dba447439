"""Activations between 0 and a learned clip, as in APoT (Li, Dong and Wang 2020, arXiv:1909.13144)."""

import numpy as np

from qbref.autograd import Tensor
from qbref.nn import Parameter
from qbref.qat.learned import LearnedActivations, divided, positive
from qbref.quant.affine import fake_quantize
from qbref.quant.params import QuantParams

INITIAL_ALPHA = 8.0


class LearnedClip(LearnedActivations):
    """x_hat = alpha * round(n clip(x / alpha, 0, 1)) / n, n = 2**n_bits - 1, alpha learned.

    For what is not negative, as behind a ReLU. With z = x / alpha and v its level::

        dx = upstream [0 <= z <= 1],  dalpha = sum upstream * ([z > 1] + (v - z) [0 <= z <= 1])

    Parameters
    ----------
    spec : ActivationScheme
        With `n_bits`.
    observer : object
        From :mod:`qbref.calibration`: what it sees in a calibration pass replaces the initial alpha.
    rounding : str

    Attributes
    ----------
    alpha : Parameter
        8 at first, if nothing is observed: there is always a range.

    Notes
    -----
    PACT (arXiv:1805.06085) learns the same clip with dalpha = sum upstream [z > 1] alone: here the
    rounding error counts as well.

    Examples
    --------
    >>> from qbref.calibration import MinMax
    >>> from qbref.qnn import Uniform
    >>> quantizer = LearnedClip(Uniform(2), MinMax())
    >>> quantizer.params
    QuantParams(scale=2.66667, zero_point=0, [0, 3])
    >>> y = quantizer(Tensor([-1.0, 3.0, 9.0]))
    >>> y.sum().backward(); quantizer.alpha.grad.round(4).item()  # beyond the clip 1, 8/3 - 3 over 8 inside
    0.958299994468689
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec, observer, rounding)
        self.alpha = Parameter(INITIAL_ALPHA)

    def calibrate(self):
        """Start from the largest value seen."""
        self.require_nonnegative()
        _, high = self.observer.range(n_bits=self.spec.n_bits, signed=False)
        self.alpha.data[...] = high if high > 0 else 1

    @property
    def params(self):
        """Scale alpha/n, zero point 0, levels 0 … n."""
        n = 2**self.spec.n_bits - 1
        return QuantParams(positive(self.alpha).data / n, 0, 0, n, rounding=self.rounding)

    def quantize(self, x):
        """`x` on the grid, with the gradients above."""
        alpha = positive(self.learned(self.alpha))
        x_hat = fake_quantize(x.data, self.params).astype(x.dtype, copy=False)

        def backward(upstream):
            z = divided(x.data, alpha.data)
            inside = (z >= 0) & (z <= 1)
            slope = np.where(inside, x_hat / alpha.data - z, z > 1)
            return upstream * inside, (upstream * slope).sum()

        return Tensor.from_op(x_hat, (x, alpha), backward)
