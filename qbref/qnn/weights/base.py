"""What a weight quantizer is."""

from qbref.nn import Module


class WeightQuantizer(Module):
    """From latent float weights to weights of few levels; subclasses define `forward` and `levels`.

    Training calls the module, simulation and the integer engine ask for the integers behind it, so that
    all three share one rule.

    Attributes
    ----------
    label : str
        Names the weights in reports.
    enabled : bool
        False: the layer uses its latent weights as they are; see :func:`qbref.qnn.in_float`.
    """

    label = "quantized"
    enabled = True

    def forward(self, latent):
        """Latent Tensor → Tensor of few levels, of the same shape, with a gradient for training."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def levels(self, latent):
        """Latent ndarray → :class:`Levels`."""
        raise NotImplementedError(f"{type(self).__name__} must define levels")

    def constrain(self, latent):
        """Change the latent ndarray in place to what the method demands after a step; by default nothing."""

    def extra_repr(self):
        """One line for the model's repr."""
        return self.label


def constrain(model):
    """Call after every optimizer step: each layer's latent weights as their quantizer wants them.

    BinaryConnect and BinaryNet clip them to [-1, 1], XNOR-Net centers and clips; most methods leave them.

    Parameters
    ----------
    model : Module
        Changed in place.

    Returns
    -------
    Module
        `model`.
    """
    for layer in model.modules():
        if isinstance(quantizer := getattr(layer, "weight_quantizer", None), WeightQuantizer):
            quantizer.constrain(layer.weight.data)
    return model


def per_channel(values, ndim):
    """(O,) → (O, 1, …), to go with weights of `ndim` axes."""
    return values.reshape(-1, *[1] * (ndim - 1))
