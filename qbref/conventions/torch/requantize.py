"""From int32 sums to quint8, as each of PyTorch's engines does it.

With x_scale, weight_scale and y_scale in float32, and inv = float32(1) / y_scale:

============  ===============================================================================
engine        y, before it is clipped
============  ===============================================================================
``fbgemm``    rint(p · m) + zero_point,   m = (x_scale · weight_scale) / y_scale,
              p = fma(bias, float32(1 / a), acc) for one weight scale,
              p = acc + bias / a for one per channel,   a = x_scale · weight_scale
``qnnpack``   rint((acc + b) · m) + zero_point,   m = (x_scale · weight_scale) · inv,
              b = rint(bias · (1 / a)) saturated to int32, and acc + b wraps
``onednn``    rint(((acc · k) + bias) · inv + zero_point),   k = x_scale' · weight_scale'
              where s' = 1 / (1 / s)
============  ===============================================================================

Only ``onednn`` adds the zero point before rounding, so its ties differ when the zero point is odd.
Without bias, p is acc. The engine called x86 is ``fbgemm`` for linear layers, and ``onednn`` for
convolutions where that can run them.

A level of 2^31 and more becomes −2^31 when ``fbgemm`` and ``qnnpack`` convert it, hence y = 0; ``onednn``
saturates.

On processors without VNNI instructions FBGEMM and oneDNN saturate sums of two products to 16 bits; the exact
sums are taken here. (Activations up to 127, as with reduce_range, avoid it.)

Sources: pytorch/pytorch, aten/src/ATen/native/quantized/cpu/{qlinear,qconv,fbgemm_utils}.cpp and
qnnpack/src/requantization; pytorch/FBGEMM, src/QuantUtilsAvx2.cc.
"""

import numpy as np

from qbref.conventions.arithmetic import fma32, saturate, to_int32, wrap32
from qbref.conventions.torch.dtypes import as_float32, as_zero_point, rounded_to_float32
from qbref.conventions.torch.quantize import scalar_kernel

ONE = np.float32(1)


def requantize(accumulator, bias, x_scale, weight_scale, y_scale, y_zero_point, engine, relu=False):
    """y = clip(round(accumulator · x_scale · weight_scale / y_scale + …) + y_zero_point, lowest, 255).

    Parameters
    ----------
    accumulator : int32 array, shape (…, channels)
    bias : float32 array, shape (channels,), or None
    x_scale, y_scale : float
    weight_scale : float, or float array of shape (channels,)
    y_zero_point : int, 0 to 255
    engine : {"fbgemm", "qnnpack", "onednn"}
    relu : bool
        Clip at y_zero_point, the real number 0, in place of 0.

    Returns
    -------
    uint8 array, the shape of `accumulator`

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule.

    Examples
    --------
    A tie, with an odd zero point:

    >>> for engine in ("fbgemm", "qnnpack", "onednn"):
    ...     print(requantize(np.array([-5], np.int32), None, 0.5, 1.0, 1.0, 3, engine), engine)
    [1] fbgemm
    [1] qnnpack
    [0] onednn
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    accumulator = np.asarray(accumulator)
    if accumulator.dtype != np.int32:
        raise TypeError(f"accumulator must be int32, got {accumulator.dtype}")
    y_zero_point = as_zero_point(y_zero_point, 0, 255)
    bias = None if bias is None else as_float32("bias", bias)
    for name, values in (("bias", bias), ("weight_scale", weight_scale)):
        if values is not None and np.shape(values) not in ((), accumulator.shape[-1:]):
            raise ValueError(f"{name} must have shape {accumulator.shape[-1:]}, got {np.shape(values)}")
    x_scale, weight_scale, y_scale = map(rounded_to_float32, (x_scale, weight_scale, y_scale))
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        y = ENGINES[engine](accumulator, bias, x_scale, weight_scale, y_scale, y_zero_point)
    return saturate(y, y_zero_point if relu else 0, 255, np.uint8)


def _fbgemm(accumulator, bias, x_scale, weight_scale, y_scale, y_zero_point):
    product_scale = x_scale * weight_scale
    level = accumulator.astype(np.float32)
    if bias is not None and weight_scale.ndim == 0:
        level = fma32(bias, rounded_to_float32(1.0 / np.float64(product_scale)), level)
    elif bias is not None:
        level = level + bias / product_scale
    return _converted(level * (product_scale / y_scale)) + y_zero_point


def _qnnpack(accumulator, bias, x_scale, weight_scale, y_scale, y_zero_point):
    product_scale = x_scale * weight_scale
    if bias is not None:
        bias = scalar_kernel(bias, ONE / product_scale, 0, np.int32)  # saturates, as in quantize_per_tensor
        accumulator = wrap32(accumulator.astype(np.int64) + bias)
    multiplier = product_scale * (ONE / y_scale)
    return _converted(accumulator.astype(np.float32) * multiplier) + y_zero_point


def _onednn(accumulator, bias, x_scale, weight_scale, y_scale, y_zero_point):
    product_scale = ONE / (ONE / x_scale) * (ONE / (ONE / weight_scale))
    level = accumulator.astype(np.float32) * product_scale
    if bias is not None:
        level = level + bias
    return _converted(np.clip(level * (ONE / y_scale) + np.float32(y_zero_point), 0, 255))


def _converted(level):
    """to_int32(rint(level)), in 64 bits."""
    return to_int32(np.rint(level)).astype(np.int64)


ENGINES = {"fbgemm": _fbgemm, "qnnpack": _qnnpack, "onednn": _onednn}
