"""Two-dimensional convolution as one matrix product."""

import numpy as np

from qbref.autograd.shapes import pair
from qbref.autograd.tensor import Tensor, as_tensor


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i, j] = bias[o] + Σ_{c,k,l} weight[o, c, k, l] · x[n, c, i·stride + k·dilation − padding, j·stride + l·…].

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    weight : Tensor, shape (O, C / groups, KH, KW)
    bias : Tensor, shape (O,), or None
    stride, padding, dilation : int or pair of int
        Padding is with zeros.
    groups : int
        Splits the channels; output group g sees input group g only. groups = C is a depthwise convolution.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    SH, SW = pair("stride", stride, 1)
    PH, PW = pair("padding", padding, 0)
    DH, DW = pair("dilation", dilation, 1)
    OH = (H + 2 * PH - DH * (KH - 1) - 1) // SH + 1
    OW = (W + 2 * PW - DW * (KW - 1) - 1) // SW + 1
    xc = x.data.transpose(1, 0, 2, 3)
    if PH or PW:
        padded = np.zeros((C, N, H + 2 * PH, W + 2 * PW), x.dtype)
        padded[:, :, PH : PH + H, PW : PW + W] = xc
        xc = padded
    padded_shape = xc.shape
    taps = [
        (k, l, np.s_[:, :, k * DH : k * DH + SH * (OH - 1) + 1 : SH, l * DW : l * DW + SW * (OW - 1) + 1 : SW])
        for k in range(KH)
        for l in range(KW)
    ]
    col = np.empty((C, KH, KW, N, OH, OW), x.dtype)
    for k, l, window in taps:
        col[:, k, l] = xc[window]
    col = col.reshape(groups, C // groups * KH * KW, N * OH * OW)
    w = weight.data.reshape(groups, O // groups, -1)
    y = (w @ col).reshape(O, -1)
    parents = (x, weight)
    if bias is not None:
        bias = as_tensor(bias)
        parents = (x, weight, bias)
        y += bias.data[:, None]

    def backward(upstream):
        g = upstream.transpose(1, 0, 2, 3).reshape(groups, O // groups, -1)
        dx = None
        if x.requires_grad:
            dcol = (w.swapaxes(1, 2) @ g).reshape(C, KH, KW, N, OH, OW)
            dx = np.zeros(padded_shape, g.dtype)
            for k, l, window in taps:
                dx[window] += dcol[:, k, l]
            dx = dx[:, :, PH : PH + H, PW : PW + W].transpose(1, 0, 2, 3)
        dw = (g @ col.swapaxes(1, 2)).reshape(weight.shape)
        return (dx, dw) if bias is None else (dx, dw, g.reshape(O, -1).sum(axis=1))

    return Tensor.from_op(y.reshape(O, N, OH, OW).transpose(1, 0, 2, 3), parents, backward)
