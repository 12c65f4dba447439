"""Two-dimensional convolution as one matrix product."""

import numpy as np

from qbref.autograd.shapes import pair
from qbref.autograd.tensor import Tensor, as_tensor
from qbref.autograd.windows import inside, surround, to_chwn, to_nchw, windows


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i, j] = bias[o] + Σ_ckl weight[o, c, k, l] · x[n, c, SH·i + DH·k − PH, SW·j + DW·l − PW].

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    weight : Tensor, shape (O, C / groups, KH, KW)
    bias : Tensor, shape (O,), or None
    stride, padding, dilation : int or pair of int
        (SH, SW), (PH, PW) and (DH, DW). Padding is with zeros.
    groups : int
        Channels are split into so many groups, and outputs of a group see its channels only.
        groups = C is a depthwise convolution.

    Returns
    -------
    Tensor, shape (N, O, OH, OW)
        OH = (H + 2·PH − DH·(KH − 1) − 1) // SH + 1, and OW likewise.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Notes
    -----
    Each column of `columns` is the window of x at one output position, so that convolution is the product
    weight @ columns (K. Chellapilla et al., "High Performance Convolutional Neural Networks for Document
    Processing", 2006). The gradient of weight is upstream @ columnsᵀ; that of the columns is weightᵀ @
    upstream, added back to x tap by tap. `columns` takes KH·KW times the memory of x and is kept for the
    backward pass, if there will be one.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref.autograd import Tensor, conv2d
    >>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
    >>> conv2d(x, np.ones((1, 1, 2, 2))).data
    array([[[[ 8., 12.],
             [20., 24.]]]])
    """
    x, weight = as_tensor(x), as_tensor(weight)
    parents = (x, weight) if bias is None else (x, weight, as_tensor(bias))
    _check_shapes(groups, *parents)
    kernel_size = weight.shape[2:]
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    padding = pair("padding", padding, 0)

    image = to_chwn(x.data) if padding == (0, 0) else surround(to_chwn(x.data), padding)
    taps = windows(image, kernel_size, stride, dilation)
    C, KH, KW, OH, OW, N = taps_shape = taps.shape
    filters = weight.shape[0]
    columns = taps.reshape(groups, C // groups * KH * KW, OH * OW * N)
    w = weight.data.reshape(groups, filters // groups, C // groups * KH * KW)
    y = (w @ columns).reshape(filters, OH, OW, N)
    if bias is not None:
        y += parents[2].data[:, None, None, None]
    image_shape = image.shape

    def backward(upstream):
        g = to_chwn(upstream).reshape(groups, filters // groups, OH * OW * N)
        grad_x = grad_weight = None
        if weight.requires_grad:
            grad_weight = (g @ columns.swapaxes(1, 2)).reshape(weight.shape)
        if x.requires_grad:
            grad_taps = (w.swapaxes(1, 2) @ g).reshape(taps_shape)
            grad_image = np.zeros(image_shape, g.dtype)
            grad_windows = windows(grad_image, kernel_size, stride, dilation)
            for row, col in np.ndindex(KH, KW):
                grad_windows[:, row, col] += grad_taps[:, row, col]
            grad_x = to_nchw(inside(grad_image, padding))
        if bias is None:
            return grad_x, grad_weight
        return grad_x, grad_weight, g.sum(axis=2).reshape(filters)

    return Tensor.from_op(to_nchw(y), parents, backward)


def _check_shapes(groups, x, weight, bias=None):
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"x and weight must have four axes, got shapes {x.shape} and {weight.shape}")
    C, filters = x.shape[1], weight.shape[0]
    if groups < 1 or C % groups or filters % groups:
        raise ValueError(f"groups must divide the {C} input and {filters} output channels, got {groups}")
    if weight.shape[1] * groups != C:
        raise ValueError(f"weight must have {C // groups} = C / groups channels, got shape {weight.shape}")
    if bias is not None and bias.shape != (filters,):
        raise ValueError(f"bias must have shape ({filters},), got {bias.shape}")
