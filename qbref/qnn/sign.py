"""The 1-bit quantizer of activations: sign in the forward pass, a surrogate gradient in the backward."""

from qbref.autograd import Tensor
from qbref.binary.sign import sign
from qbref.binary.surrogate import approx_sign_gradient, ste_sign_gradient
from qbref.nn import Module
from qbref.quant.params import QuantParams

SURROGATES = {"ste_sign": ste_sign_gradient, "approx_sign": approx_sign_gradient}


def ste_sign(x):
    """+1 where x >= 0, else -1; backward dx = upstream * [|x| <= 1] (BinaryNet, arXiv:1602.02830, eq. 4).

    Examples
    --------
    >>> x = Tensor([-2.0, -0.5, 0.0, 0.5], requires_grad=True)
    >>> y = ste_sign(x); y.data
    array([-1., -1.,  1.,  1.], dtype=float32)
    >>> y.sum().backward(); x.grad
    array([0., 1., 1., 1.], dtype=float32)
    """
    return _sign(x, ste_sign_gradient)


def approx_sign(x):
    """+1 where x >= 0, else -1; backward dx = upstream * (2 - 2|x|) [|x| <= 1] (Bi-Real, arXiv:1808.00278).

    Examples
    --------
    >>> x = Tensor([-2.0, -0.5, 0.25], requires_grad=True)
    >>> approx_sign(x).sum().backward(); x.grad
    array([0. , 1. , 1.5], dtype=float32)
    """
    return _sign(x, approx_sign_gradient)


def _sign(x, gradient):
    y = sign(x.data).astype(x.dtype, copy=False)
    return Tensor.from_op(
        y, (x,), lambda upstream: ((upstream * gradient(x.data)).astype(x.dtype, copy=False),)
    )


class Sign(Module):
    """Activations as -1 and +1.

    Parameters
    ----------
    surrogate : {"ste_sign", "approx_sign"}
        What stands in for the derivative of sign, which is zero wherever it exists.

    Examples
    --------
    >>> Sign()
    Sign(ste_sign)
    """

    params = QuantParams(scale=1.0, zero_point=0, qmin=-1, qmax=1)
    bounds = -1.0, 1.0
    passes_through = False

    def __init__(self, surrogate="ste_sign"):
        super().__init__()
        if surrogate not in SURROGATES:
            raise ValueError(f"surrogate must be one of {sorted(SURROGATES)}, got {surrogate!r}")
        self.surrogate = surrogate

    def forward(self, x):
        """sign(x), with the surrogate's gradient."""
        return _sign(x, SURROGATES[self.surrogate])

    def extra_repr(self):
        """One line for the model's repr."""
        return self.surrogate
