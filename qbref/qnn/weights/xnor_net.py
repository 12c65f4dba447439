"""XNOR-Net's weights: one bit, one scale per output channel, and a choice of gradients."""

from functools import partial

from qbref.autograd import Tensor
from qbref.binary import xnor_net
from qbref.binary.scaling import magnitude_aware_sign
from qbref.qnn.weights.binary import BinaryWeights

BACKWARDS = {
    "ste": xnor_net.xnor_backward_ste,
    "paper": xnor_net.xnor_backward_paper,
    "released": xnor_net.xnor_backward_released,
    "released_sgd": partial(xnor_net.xnor_backward_released, optimizer="sgd"),
    "product_rule": xnor_net.xnor_backward_product_rule,
}


class XNORNet(BinaryWeights):
    """w_hat = alpha * sign(w), alpha = mean|w| per output channel, latent weights centered and clipped.

    Parameters
    ----------
    backward : {"ste", "paper", "released", "released_sgd", "product_rule"}
        What lets alpha vary, and how; formulas in :mod:`qbref.binary.xnor_net`. "ste" is what
        :class:`BinaryWeights` does. "released" is for Adam; for SGD the released code multiplies it by the
        size of a filter.

    Notes
    -----
    Rastegari et al., arXiv:1603.05279. The mean over input channels is subtracted after each step
    (:func:`qbref.qnn.constrain`), which is before the next forward pass, where the released code has it.
    Of one input channel nothing would be left, and it is refused.

    A small network on the bundled digits, signs between its layers, three epochs, three seeds: 85 to 92 %
    with the paper's gradient, 89 to 91 % with the released one, 90 to 92 % with the product rule.

    Examples
    --------
    >>> w = Tensor([[0.5, -1.5]], requires_grad=True)
    >>> XNORNet("product_rule")(w).sum().backward()
    >>> w.grad
    array([[1., 0.]], dtype=float32)
    """

    def __init__(self, backward="ste"):
        super().__init__()
        if backward not in BACKWARDS:
            raise ValueError(f"backward must be one of {sorted(BACKWARDS)}, got {backward!r}")
        self.backward = backward

    def forward(self, latent):
        """Two values per output channel, with the chosen gradient."""
        gradient = BACKWARDS[self.backward]
        w_hat = magnitude_aware_sign(latent.data)
        return Tensor.from_op(w_hat, (latent,), lambda upstream: (gradient(upstream, latent.data),))

    def constrain(self, latent):
        """w = clip(w - mean over input channels, -1, 1)."""
        if latent.shape[1] == 1:
            raise ValueError(f"weights must have two input channels to be centered, got shape {latent.shape}")
        latent[...] = xnor_net.center_and_clamp(latent)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"{super().extra_repr()}, {self.backward} gradient"
