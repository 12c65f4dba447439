"""Activations between 0 and a learned clip, as in APoT (Li, Dong and Wang 2020, arXiv:1909.13144)."""

import numpy as np

from qbref.autograd import Tensor
from qbref.nn import Parameter
from qbref.qnn import ActivationQuantizer
from qbref.quant.affine import fake_quantize
from qbref.quant.params import QuantParams

INITIAL_ALPHA = 8.0
LEAST = 1e-3


def clip_of(alpha):
    """Learned alpha as a float, positive wherever the optimizer has taken it."""
    return max(alpha.item(), LEAST)


class LearnedClip(ActivationQuantizer):
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
    alpha : Parameter, shape (1,)
        8 at first, if nothing is observed.

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
    >>> y.sum().backward(); quantizer.alpha.grad.round(4)  # beyond the clip 1, 8/3 - 3 over 8 inside
    array([0.9583], dtype=float32)
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec)
        self.observer, self.rounding = observer, rounding
        self.alpha = Parameter(np.array([INITIAL_ALPHA], np.float32))

    @property
    def params(self):
        """Scale alpha/n, zero point 0, levels 0 … n."""
        n = 2**self.spec.n_bits - 1
        return QuantParams(clip_of(self.alpha) / n, 0, 0, n, rounding=self.rounding)

    def calibrate(self):
        """Start from the largest value seen."""
        _, hi = self.observer.range(n_bits=self.spec.n_bits, signed=False)
        self.alpha.data[...] = max(hi, LEAST)

    def forward(self, x):
        """Round `x` to the levels; while observing, return it unchanged."""
        if self.observing:
            self.observer.observe(x.data)
        if self.passes_through:
            return x
        x_hat = fake_quantize(x.data, self.params).astype(x.dtype, copy=False)
        alpha = clip_of(self.alpha)

        def backward(upstream):
            z = x.data / x.dtype.type(alpha)
            inside = (z >= 0) & (z <= 1)
            error = (x_hat - x.data) / x.dtype.type(alpha)
            dalpha = (upstream * ((z > 1) + error * inside)).sum().astype(np.float32)
            return upstream * inside, None if self.frozen else dalpha.reshape(1)

        return Tensor.from_op(x_hat, (x, self.alpha), backward)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"{self.spec}, alpha={clip_of(self.alpha):.4g}"
