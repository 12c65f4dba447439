"""Where the channels are: in the weights of a Linear or Conv2d, and in what it sees and returns."""

import numpy as np

from qbref import nn


def by_input_channel(layer, weight, channels):
    """`weight`, of a Linear or Conv2d `layer`, as (groups, outputs, channels per group, taps).

    Taps are the positions of the kernel, or those of the image in a Linear behind a Flatten.
    """
    groups = getattr(layer, "groups", 1)
    return weight.reshape(groups, len(weight) // groups, channels // groups, -1)


def times_input_channels(layer, weight, s):
    """`weight` with each input channel of `layer` times its s (C,)."""
    columns = by_input_channel(layer, weight, len(s))
    return (columns * s.reshape(len(columns), 1, -1, 1)).reshape(weight.shape).astype(weight.dtype)


def input_range(layer, channels):
    """max|W| of each input channel, (C,)."""
    return np.abs(by_input_channel(layer, layer.weight.data, channels)).max(axis=(1, 3)).ravel()


def output_range(layer):
    """max|W| of each output channel, (C,)."""
    weight = layer.weight.data
    return np.abs(weight).reshape(len(weight), -1).max(axis=1)


def by_channel(layer, x, channels):
    """Input or output of a Linear or Conv2d as (samples, channels, positions).

    Linear takes its channels from the last axis; behind a Flatten, each stands for several positions there.
    """
    if isinstance(layer, nn.Conv2d):
        return x.reshape(len(x), channels, -1)
    return x.reshape(-1, channels, x.shape[-1] // channels)
