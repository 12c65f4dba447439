"""What the observers of torch.ao.quantization share: they watch tensors, then give scale and zero point.

Call one with each batch, then ask for ``calculate_qparams()``. Names, arguments, defaults and the attributes
`min_val`, `max_val` are PyTorch's; dtypes and schemes are strings. For observers with fewer surprises see
:mod:`qbref.calibration`.

Source: pytorch/pytorch, torch/ao/quantization/observer.py.
"""

import numpy as np

from qbref.conventions.torch.dtypes import as_float32, rounded_to_float32
from qbref.conventions.torch.observed_qparams import observed_qparams
from qbref.quant.checks import as_integer

RANGES = {
    "qint8": (-128, 127),
    "int8": (-128, 127),
    "quint8": (0, 255),
    "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "qint32": (-(2**31), 2**31 - 1),
    "int32": (-(2**31), 2**31 - 1),
}
REDUCIBLE = ("qint8", "int8", "quint8", "uint8")
PER_TENSOR = ("per_tensor_affine", "per_tensor_symmetric")
EPS = 2.0**-23


class Observer:
    """What all observers share: the target of the quantization, and the rule for scale and zero point.

    Parameters
    ----------
    dtype : str
        "quint8", "qint8", "qint32", or a plain integer type from "int8" to "int32".
    qscheme : str
        "per_tensor_affine" or "per_tensor_symmetric"; with channels "per_channel_affine",
        "per_channel_symmetric" or "per_channel_affine_float_qparams".
    reduce_range : bool
        Use one bit less.
    quant_min, quant_max : int, optional
        In place of the range of `dtype`, both or none; must contain 0.
    eps : float
        The smallest scale.

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """

    schemes = PER_TENSOR

    def __init__(
        self,
        dtype="quint8",
        qscheme="per_tensor_affine",
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        eps=EPS,
    ):
        if dtype not in RANGES:
            raise ValueError(f"dtype must be one of {', '.join(RANGES)}, got {dtype!r}")
        if qscheme not in self.schemes:
            raise ValueError(f"qscheme must be one of {', '.join(self.schemes)}, got {qscheme!r}")
        if reduce_range and qscheme.endswith("symmetric") and dtype == "quint8":
            raise ValueError("reduce_range must be False for a symmetric quint8 range, got True")
        self.dtype, self.qscheme, self.reduce_range = dtype, qscheme, reduce_range
        self.eps = rounded_to_float32(eps)[()]
        if not 0 < self.eps < np.inf:
            raise ValueError(f"eps must be positive and finite, got {eps}")
        if (quant_min is None) != (quant_max is None):
            raise ValueError(f"quant_min and quant_max must be given together, got {quant_min}, {quant_max}")
        self.has_customized_qrange = quant_min is not None
        self.quant_min, self.quant_max = self._limits(quant_min, quant_max)
        self.reset_min_max_vals()

    def _limits(self, quant_min, quant_max):
        if self.has_customized_qrange:
            quant_min, quant_max = as_integer("quant_min", quant_min), as_integer("quant_max", quant_max)
            if not quant_min <= 0 <= quant_max or quant_min == quant_max:
                raise ValueError(f"quant_min and quant_max must enclose 0, got {quant_min} and {quant_max}")
        else:
            quant_min, quant_max = RANGES[self.dtype]
        reducible = self.has_customized_qrange or self.dtype in REDUCIBLE
        return (quant_min // 2, quant_max // 2) if self.reduce_range and reducible else (quant_min, quant_max)

    def __call__(self, x):
        """Take in the float32 array `x`, unless it is empty, and return it."""
        values = as_float32("x", x)
        if values.size:
            self._observe(values)
        return x

    def calculate_qparams(self):
        """Return (scale, zero_point): float32 and int32 arrays, one element or one for each channel.

        Before anything was observed they are [1] and [0], as in PyTorch.
        """
        return self.qparams(self.min_val, self.max_val)

    def reset_min_max_vals(self):
        """Forget everything observed."""
        self.min_val, self.max_val = np.float32(np.inf), np.float32(-np.inf)

    def qparams(self, min_val, max_val):
        """Return (scale, zero_point) for a range."""
        if self.is_new():
            return np.ones(1, np.float32), np.zeros(1, np.int32)
        return observed_qparams(np.atleast_1d(min_val), np.atleast_1d(max_val), self)

    def is_new(self):
        """Return whether nothing has been observed."""
        return np.size(self.min_val) == 0 or (
            np.ndim(self.min_val) == 0 and self.min_val == -self.max_val == np.inf
        )


def move(observer, lo, hi):
    """Move the range of `observer` toward (lo, hi), or to it if it has none yet."""
    if observer.is_new():
        observer.min_val, observer.max_val = lo, hi
        return
    c = rounded_to_float32(observer.averaging_constant)
    with np.errstate(over="ignore", invalid="ignore"):
        observer.min_val = observer.min_val + c * (lo - observer.min_val)
        observer.max_val = observer.max_val + c * (hi - observer.max_val)
