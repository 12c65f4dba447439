"""Dropout."""

from qbref.nn import functional as F
from qbref.nn.checks import float_input, probability
from qbref.nn.module import Module
from qbref.random import default_rng


class Dropout(Module):
    """While training, y = x * mask / (1 - p) with mask 0 with probability p; in evaluation, y = x.

    Parameters
    ----------
    p : float in [0, 1)
    rng : numpy.random.Generator or None
        Source of the masks.

    Notes
    -----
    The division keeps the expected value, so evaluation needs no correction.
    Srivastava et al., JMLR 15 (2014), section 10 ("inverted" form).

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.Dropout(0.5).eval()(np.ones(3, np.float32)).numpy()
    array([1., 1., 1.], dtype=float32)
    """

    def __init__(self, p=0.5, rng=None):
        super().__init__()
        default_rng(rng)
        self.p, self.rng = probability("p", p), rng

    def forward(self, x):
        """Drop elements of `x` while training."""
        return F.dropout(float_input(x), self.p, self.training, self.rng)

    def extra_repr(self):
        """The constructor's argument."""
        return f"p={self.p:g}"
