"""A 3 by 3 convolution of 64 channels in float32, int8 and signs: what a layer keeps of a product's gain."""

import numpy as np

from qbref.cli.bench_contenders import signs
from qbref.cli.bench_rounds import Contender

SIZE, CHANNELS = 56, 64
SHAPE = (SIZE * SIZE, 9 * CHANNELS, CHANNELS)  # of the product it amounts to
TITLE = f"3×3 convolution of {CHANNELS} channels on {SIZE}×{SIZE}, padding 1, batch 1"


def patches(x, pad_value=0):
    """(N, H, W, C) padded by 1 -> (N * H * W, 9 * C), rows ordered (kh, kw, c)."""
    n, h, w, c = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=pad_value)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * h * w, 9 * c)


def convolutions(backend):
    """Contenders for the convolution, NumPy's float32 first; those of signs get float32 and pack it."""
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (1, SIZE, SIZE, CHANNELS), np.int8)
    w = rng.integers(-128, 128, (CHANNELS, 3, 3, CHANNELS), np.int8)
    as_float, columns = x.astype(np.float32), w.reshape(CHANNELS, -1).T.astype(np.float32)

    def in_float32():
        return patches(as_float) @ columns  # sums of 576 products of int8 stay below 2**24: exact

    exact = in_float32().astype(np.int32)
    yield Contender(
        "numpy float32", "float32", None, in_float32, None, w.size * 4, 4 * (x.size + w.size + exact.size)
    )
    yield from _int8(backend, x, w, exact)
    yield from _binary(backend, as_float, columns.T)


def _int8(backend, x, w, expected):
    core = backend.core
    *_, (variant, hold) = backend.held("int8_matmul")
    packed, moved = core.pack_filters(w), (w.size, x.size + w.size + 4 * expected.size)

    def convolution():
        return core.int8_conv2d(x, packed, padding=1)

    yield Contender(f"int8 {variant}", "int8", variant, convolution, expected.reshape(x.shape), *moved, hold)


def _binary(backend, x, w):
    core = backend.core
    *_, (variant, hold) = backend.held("xnor_matmul")
    expected = (patches(signs(x), pad_value=1) @ signs(w).T).astype(np.int32)
    words, moved = core.pack_bits(w), (w.size // 8, 4 * x.size + w.size // 8 + 4 * expected.size)

    def convolution():
        return core.binary_conv2d(core.pack_bits(x), words, CHANNELS, 3, padding=1)

    name = f"xnor {variant}, packing x"
    yield Contender(name, "xnor", variant, convolution, expected.reshape(x.shape), *moved, hold)
