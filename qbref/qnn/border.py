"""The border where real inputs become integers."""

from qbref.nn import Module


class Quantize(Module):
    """First layer of a quantized network: puts the real input onto the input quantizer's levels.

    Parameters
    ----------
    quantizer : FakeQuantize

    Examples
    --------
    >>> from qbref import calibration, qnn
    >>> qnn.Quantize(qnn.FakeQuantize(qnn.Uniform(8), calibration.MinMax())).output_quantizer
    FakeQuantize(int8, not calibrated)  buffers scale (), zero_point ()
    """

    def __init__(self, quantizer):
        super().__init__()
        self.output_quantizer = quantizer

    def forward(self, x):
        """Fake-quantized `x`."""
        return self.output_quantizer(x)
