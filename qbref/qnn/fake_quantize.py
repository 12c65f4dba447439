"""Fake quantization: round in the forward pass, pass the gradient straight through in the backward."""

import numpy as np

from qbref.autograd import Tensor
from qbref.qnn.activations import ActivationQuantizer
from qbref.quant.affine import fake_quantize as fake_quantize_array
from qbref.quant.params import QuantParams
from qbref.quant.ranges import params_from_range
from qbref.quant.rounding import ROUNDINGS


def fake_quantize(x, params):
    """x_hat = scale * (clip(round(x / scale) + zero_point, qmin, qmax) - zero_point), differentiably.

    Rounding is flat almost everywhere, so its true derivative is zero and nothing would train. The
    straight-through estimator (Bengio et al. 2013, arXiv:1308.3432) replaces it by the identity where
    the value lands inside the range and by zero where it is clipped::

        dx = upstream * [qmin <= round(x / scale) + zero_point <= qmax]

    Parameters
    ----------
    x : Tensor, float32 or float64
    params : QuantParams

    Returns
    -------
    Tensor
        float32, of `x`'s shape.

    Notes
    -----
    The mask looks at the *rounded* value, as PyTorch's does: a value beyond the range that still rounds
    into it keeps its gradient.

    Examples
    --------
    >>> p = QuantParams(scale=0.5, zero_point=0, qmin=-2, qmax=1)
    >>> x = Tensor([-3.0, -0.3, 0.6, 0.7], requires_grad=True)
    >>> y = fake_quantize(x, p)
    >>> y.data
    array([-1. , -0.5,  0.5,  0.5], dtype=float32)
    >>> y.sum().backward(); x.grad
    array([0., 1., 1., 1.], dtype=float32)
    """
    x_hat = fake_quantize_array(x.data, params).astype(x.dtype, copy=False)

    def backward(upstream):
        scale, zero_point = params.expand(x.shape)
        level = ROUNDINGS[params.rounding](x.data / scale) + zero_point
        return (upstream * ((level >= params.qmin) & (level <= params.qmax)),)

    return Tensor.from_op(x_hat, (x,), backward)


class FakeQuantize(ActivationQuantizer):
    """The quantizer of one activation: watches a range, then rounds to its levels.

    Parameters
    ----------
    spec : Uniform
        Number of bits and kind of range.
    observer : object
        From :mod:`qbref.calibration`; sees every batch while `observing` or while training.
    rounding : str

    Examples
    --------
    >>> from qbref.calibration import MinMax
    >>> from qbref.qnn.config import Uniform
    >>> quantizer = FakeQuantize(Uniform(8), MinMax())
    >>> y = quantizer(Tensor([0.0, 2.55]))
    >>> quantizer.params.scale.item()
    0.009999999776482582
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec)
        self.observer, self.rounding = observer, rounding
        unit = params_from_range(-1.0, 1.0, **spec.range_options)
        self._levels = unit.qmin, unit.qmax
        # A level grid that was never observed has scale NaN; both travel in the state_dict.
        self.register_buffer("scale", np.array(np.nan, np.float32))
        self.register_buffer("zero_point", np.array(0, np.int32))

    @property
    def params(self):
        """The QuantParams in force."""
        if np.isnan(self.scale):
            raise ValueError("quantizer must observe data before it quantizes, got no calibration yet")
        return QuantParams(self.scale, self.zero_point, *self._levels, rounding=self.rounding)

    def calibrate(self):
        """Take scale and zero point from what the observer has seen."""
        params = self.observer.params(rounding=self.rounding, **self.spec.range_options)
        self.scale, self.zero_point = np.array(params.scale), np.array(params.zero_point)

    def forward(self, x):
        """Round `x` to the levels; while observing, return it unchanged."""
        if self.observing:
            self.observer.observe(x.data)
        if self.passes_through:
            return x
        if self.training and not self.frozen:
            self.observer.observe(x.data)
            self.calibrate()
        return fake_quantize(x, self.params)

    def extra_repr(self):
        """One line for the model's repr."""
        grid = (
            "not calibrated"
            if np.isnan(self.scale)
            else f"scale={self.scale:.4g}, zero_point={self.zero_point}"
        )
        return f"{self.spec}, {grid}"
