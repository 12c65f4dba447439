"""What an activation quantizer is."""

import numpy as np

from qbref.nn import Module


class ActivationQuantizer(Module):
    """From real activations to values on a grid; subclasses define `params`, `calibrate` and `forward`.

    The grid is found by watching (:class:`qbref.qnn.FakeQuantize`) or by learning (:mod:`qbref.qat`).

    Attributes
    ----------
    spec : object
        The scheme it was made from; its text names the quantizer in reports.
    observing : bool
        Watch only, and hand the values through unrounded: the calibration pass.
    frozen : bool
        Keep the grid while training.
    enabled : bool
        False: hand the values through, see nothing; see :func:`qbref.qnn.in_float`.
    bounds : (float, float)
        Between which the values lie, as far as is known: (0, inf) behind a ReLU.
    params : QuantParams
        The grid in force; a ValueError before any data were observed.
    """

    enabled = True
    bounds = -np.inf, np.inf

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.observing = self.frozen = False

    @property
    def params(self):
        """The QuantParams in force."""
        raise NotImplementedError(f"{type(self).__name__} must define params")

    def calibrate(self):
        """Fix the grid by what was seen while `observing`."""
        raise NotImplementedError(f"{type(self).__name__} must define calibrate")

    def freeze(self):
        """Keep the grid from now on, in training too."""
        self.frozen = True

    @property
    def passes_through(self):
        """Whether values leave as they came."""
        return self.observing or not self.enabled


def any_passes_through(*quantizers):
    """Whether one of the quantizers at a layer's borders (None: there is none) lets real values through."""
    return any(quantizer is not None and quantizer.passes_through for quantizer in quantizers)
