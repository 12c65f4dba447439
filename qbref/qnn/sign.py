"""The 1-bit quantizers of activations: sign in the forward pass, a surrogate gradient in the backward."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.react import rsign, rsign_backward, rsign_backward_paper
from qbref.binary.sign import sign
from qbref.nn import Module, Parameter
from qbref.qnn.surrogates import Surrogate
from qbref.quant.params import QuantParams


def ste_sign(x, clip_value=1.0, boundary="inclusive"):
    """+1 where x >= 0, else -1; backward dx = upstream * [|x| <= 1] (BinaryNet, arXiv:1602.02830, eq. 4).

    Examples
    --------
    >>> x = Tensor([-2.0, -0.5, 0.0, 0.5], requires_grad=True)
    >>> y = ste_sign(x); y.data
    array([-1., -1.,  1.,  1.], dtype=float32)
    >>> y.sum().backward(); x.grad
    array([0., 1., 1., 1.], dtype=float32)
    """
    return _sign(x, Surrogate("ste_sign", clip_value=clip_value, boundary=boundary))


def approx_sign(x):
    """+1 where x >= 0, else -1; backward dx = upstream * (2 - 2|x|) [|x| <= 1] (Bi-Real, arXiv:1808.00278).

    Examples
    --------
    >>> x = Tensor([-2.0, -0.5, 0.25], requires_grad=True)
    >>> approx_sign(x).sum().backward(); x.grad
    array([0. , 1. , 1.5], dtype=float32)
    """
    return _sign(x, Surrogate("approx_sign"))


def swish_sign(x, beta=5.0):
    """+1 where x >= 0, else -1; backward the slope of SignSwish (BNN+, arXiv:1812.11800), β at 0.

    Examples
    --------
    >>> x = Tensor([0.0, 3.0], requires_grad=True)
    >>> swish_sign(x).sum().backward(); x.grad.round(4)
    array([ 5., -0.], dtype=float32)
    """
    return _sign(x, Surrogate("swish_sign", beta=beta))


def _sign(x, surrogate):
    y = sign(x.data).astype(x.dtype, copy=False)
    return Tensor.from_op(
        y, (x,), lambda upstream: ((upstream * surrogate(x.data)).astype(x.dtype, copy=False),)
    )


class Sign(Module):
    """Activations as -1 and +1.

    Parameters
    ----------
    surrogate : {"ste_sign", "approx_sign", "swish_sign", "ede"}
        What stands in for the derivative of sign, which is zero wherever it exists.
    **options
        Of the surrogate; see :class:`qbref.qnn.Surrogate`. "ede" sharpens while it trains:
        :func:`qbref.qnn.set_ede`.

    Attributes
    ----------
    surrogate : Surrogate
    num_channels : int
        How many channels it tells apart: 1.

    Notes
    -----
    The values may come from a batch norm, a product, or an 8-bit grid: the integer engine compares them with
    one threshold per channel. Bi-Real Net (arXiv:1808.00278) leads real values around each binary layer,
    ``nn.Residual(nn.Sequential(Sign("approx_sign"), BinaryConv2d(...), nn.BatchNorm2d(...)))``.

    Examples
    --------
    >>> Sign()
    Sign(ste_sign)
    >>> Sign("swish_sign", beta=2.0)
    Sign(swish_sign, beta=2.0)
    """

    params = QuantParams(scale=1.0, zero_point=0, qmin=-1, qmax=1)
    bounds = -1.0, 1.0
    passes_through = False
    num_channels = 1

    def __init__(self, surrogate="ste_sign", **options):
        super().__init__()
        self.surrogate = Surrogate(surrogate, **options)

    def forward(self, x):
        """sign(x), with the surrogate's gradient."""
        return _sign(x, self.surrogate)

    def extra_repr(self):
        """One line for the model's repr."""
        return str(self.surrogate)


class RSign(Sign):
    """sign(x - alpha), one learned shift for each channel (ReActNet, arXiv:2003.03488, eq. 1).

    In the integer engine the shift is part of the threshold and costs nothing.

    Parameters
    ----------
    num_channels : int
        Of axis 1.
    surrogate, **options
        As :class:`Sign`; by default Bi-Real Net's, as in the released code.
    alpha_gradient : {"released", "paper"}
        dα = -Σ dx over each channel, or -Σ upstream, without the surrogate: the paper's ∂/∂α = -1.

    Attributes
    ----------
    alpha : Parameter (C,)
        Starts at 0.

    Examples
    --------
    >>> layer = RSign(2)
    >>> layer.alpha.data[:] = 0.5, 0.0
    >>> layer(Tensor([[0.4, 0.4]])).data
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, num_channels, surrogate="approx_sign", alpha_gradient="released", **options):
        super().__init__(surrogate, **options)
        if alpha_gradient not in ("released", "paper"):
            raise ValueError(f"alpha_gradient must be 'released' or 'paper', got {alpha_gradient!r}")
        self.alpha_gradient = alpha_gradient
        self.num_channels = num_channels
        self.alpha = Parameter(np.zeros(num_channels, np.float32))

    def forward(self, x):
        """sign(x - alpha), with gradients for both."""
        alpha = self.alpha

        def backward(upstream):
            dx, dalpha = rsign_backward(upstream, x.data, alpha.data, surrogate=self.surrogate)
            if self.alpha_gradient == "paper":
                _, dalpha = rsign_backward_paper(upstream, x.data, alpha.data)
            return dx, dalpha

        return Tensor.from_op(rsign(x.data, alpha.data), (x, alpha), backward)
