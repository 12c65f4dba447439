"""PACT: a ReLU with a learned ceiling (Choi et al. 2018, arXiv:1805.06085).

y     = (|x| - |x - alpha| + alpha) / 2  =  clip(x, 0, alpha)                              (equation 1)
y_hat = round(y (2^k - 1) / alpha) alpha / (2^k - 1)                                       (equation 2)

dy_hat/dalpha = 1 where x >= alpha, else 0;     dy_hat/dx = 1 where 0 <= x < alpha, else 0
"""

from dataclasses import dataclass

import numpy as np

from qbref.autograd import Tensor, unbroadcast
from qbref.nn import Parameter
from qbref.qat.learned import LearnedActivations, divided, positive
from qbref.qnn import ActivationScheme
from qbref.quant.checks import as_float_array, as_n_bits
from qbref.quant.params import QuantParams
from qbref.quant.rounding import ROUNDINGS


def pact_forward(x, alpha, n_bits, rounding="half_even"):
    """y_hat = s clip(round(x / s), 0, 2^k - 1) with s = alpha / (2^k - 1): equations (1) and (2).

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    alpha : float array, one positive number
    n_bits : int
        k.
    rounding : str

    Returns
    -------
    array in the dtype and shape of `x`

    Examples
    --------
    >>> pact_forward([-1.0, 0.4, 0.6, 9.0], np.float32(1.5), 2)
    array([0. , 0.5, 0.5, 1.5], dtype=float32)
    """
    top = 2**n_bits - 1
    s = alpha / top
    return np.clip(ROUNDINGS[rounding](divided(x, s)), 0, top) * s


def pact_backward(upstream, x, alpha):
    """dx = upstream [0 <= x < alpha], dalpha = Σ upstream [x >= alpha].

    Parameters
    ----------
    upstream : float array in the shape of `x`
    x, alpha
        As in :func:`pact_forward`.

    Returns
    -------
    dx : array in the shape of `x`
    dalpha : array in the shape of `alpha`

    Notes
    -----
    The gradients of (1) alone: rounding counts as the identity, so dalpha sees only what is clipped. LSQ,
    which differentiates the scale in (2) too, moves its range for the sake of rounding as well. Public
    implementations count x = alpha in both.

    Examples
    --------
    >>> dx, dalpha = pact_backward(np.ones(4), np.array([-1.0, 0.0, 1.5, 9.0]), np.array(1.5))
    >>> dx.tolist(), dalpha.item()
    ([0.0, 1.0, 0.0, 0.0], 2.0)
    """
    x = as_float_array(x)
    return upstream * ((0 <= x) & (x < alpha)), unbroadcast(upstream * (x >= alpha), np.shape(alpha))


def pact(x, alpha, n_bits, rounding="half_even"):
    """:func:`pact_forward` of Tensors, differentiated by x and alpha as :func:`pact_backward` says.

    Examples
    --------
    >>> x, alpha = Tensor([0.4, 2.0, 9.0]), Tensor(1.5, requires_grad=True)
    >>> pact(x, alpha, 2).sum().backward(); alpha.grad.item()
    2.0
    """
    y_hat = np.asarray(pact_forward(x.data, alpha.data, n_bits, rounding), x.dtype)
    return Tensor.from_op(y_hat, (x, alpha), lambda upstream: pact_backward(upstream, x.data, alpha.data))


def pact_penalty(q, decay):
    """(decay / 2) Σ alpha², to be added to the loss: its gradient, decay · alpha, pulls every alpha down.

    Only clipped values move alpha otherwise, and not for the sake of finer levels. The paper uses the decay
    of the weights.

    Parameters
    ----------
    q : Module
        Holding :class:`PACTActivations`.
    decay : float

    Examples
    --------
    >>> quantizer = PACTActivations(PACT(4), observer=None)
    >>> quantizer.alpha.data[...] = 3.0
    >>> loss = pact_penalty(quantizer, decay=0.01); loss.backward()
    >>> round(loss.item(), 4), round(quantizer.alpha.grad.item(), 4)
    (0.045, 0.03)
    """
    quantizers = [module for module in q.modules() if isinstance(module, PACTActivations)]
    if not quantizers:
        raise ValueError("q must hold PACT activations, got none")
    return sum(quantizer.learned(quantizer.alpha) ** 2 for quantizer in quantizers) * (decay / 2)


class PACTActivations(LearnedActivations):
    """x_hat on 2^k levels from 0 to a learned alpha, which starts at the upper end of the observer's range.

    Parameters
    ----------
    spec : PACT
    observer : object
    rounding : str

    Attributes
    ----------
    alpha : Parameter
        NaN before there were data.
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec, observer, rounding)
        self.alpha = Parameter(np.nan)

    def calibrate(self):
        """Start from the range of the observer."""
        self.require_nonnegative()
        _, high = self.observer.range(n_bits=self.spec.n_bits, signed=False)
        self.alpha.data[...] = high if high > 0 else 1

    @property
    def params(self):
        """The grid in force."""
        self.require_range()
        top = 2**self.spec.n_bits - 1
        return QuantParams(positive(self.alpha).data / top, 0, 0, top, rounding=self.rounding)

    def quantize(self, x):
        """`x` on the grid, with PACT's gradients."""
        return pact(x, positive(self.learned(self.alpha)), self.spec.n_bits, self.rounding)


@dataclass(frozen=True)
class PACT(ActivationScheme):
    """Activations between 0 and a learned ceiling.

    For activations behind a ReLU. Where values can be negative, ``overrides`` must name another scheme.

    Parameters
    ----------
    n_bits : int
        2 to 8.

    Notes
    -----
    A small convolutional network on the bundled digits (97.2 % right in float) with weights and activations
    of 4 bits is right in 97.5 % after two epochs (means of four networks, each trained twice).

    Examples
    --------
    >>> print(PACT(4))
    PACT uint4
    """

    n_bits: int = 4

    def __post_init__(self):
        as_n_bits(self.n_bits, 2, 8)

    def __str__(self):
        return f"PACT uint{self.n_bits}"

    def activation_quantizer(self, observer, rounding, bounds):
        """:class:`PACTActivations`, still without a range."""
        return PACTActivations(self, observer, rounding)
