"""Every operator against the runtime itself, by the CRC-32 of its output.

The checksums are those of ai-edge-litert 2.3.0 on x86-64 (AVX-512), each operator in a model of its own, run
with the resolvers BUILTIN_REF ("ref"), BUILTIN_WITHOUT_DEFAULT_DELEGATES ("opt") and AUTO ("xnnpack").
"""

import zlib

import numpy as np
import pytest

from qbref.conventions import tflite


def integers(dtype, *shape, step=37):
    """All values of a dtype in a fixed disorder."""
    info = np.iinfo(dtype)
    count = int(np.prod(shape))
    values = np.arange(1, count + 1, dtype=np.int64) * (step * 40503) >> 3
    return (values % (info.max - info.min + 1) + info.min).astype(dtype).reshape(shape)


def near_ties(scale, count):
    """Multiples of half a scale, and their neighbours one ulp off."""
    x = (np.arange(count) % 601 - 300) * 0.5 * float(np.float32(scale))
    x = x.astype(np.float32)
    x[1::3] = np.nextafter(x[1::3], np.float32(1e9))
    x[2::3] = np.nextafter(x[2::3], np.float32(-1e9))
    x[-20:-10] = [np.nan, np.inf, -np.inf, 3e9, -3e9, -0.0, 1e38, -1e38, 1e-40, 0.5]
    return x


INT8, UINT8, INT16 = np.int8, np.uint8, np.int16
WEIGHTS = np.clip(integers(INT8, 13, 29, step=11), -127, 127)
BIAS = integers(INT16, 13).astype(np.int32)
CHANNEL_SCALES = (0.25 / np.arange(4, 17)).astype(np.float32)
FILTERS = np.clip(integers(INT8, 13, 3, 2, 4, step=53), -127, 127)
DEPTHWISE = np.clip(integers(INT8, 1, 3, 3, 26, step=19), -127, 127)
IMAGES8, IMAGES16 = integers(INT8, 2, 9, 8, 4), integers(INT16, 2, 9, 8, 4)
ROWS8, ROWS16 = integers(INT8, 40, 29), integers(INT16, 40, 29)
ALL8 = np.arange(-(2**7), 2**7).astype(INT8)
ALL16 = np.arange(-(2**15), 2**15).astype(INT16)
FEW_BIAS = BIAS // 1024  # few bits: sums so small that a quarter of them is often a tie
FEW_WEIGHTS, FEW_FILTERS, FEW_ROWS, FEW_IMAGES = WEIGHTS // 32, FILTERS // 32, ROWS8 // 16, IMAGES8 // 16

CASES = {
    "quantize int8": ("quantize", near_ties(0.1, 2003), 0.1, -7, INT8),
    "quantize uint8": ("quantize", near_ties(0.5, 2003), 0.5, 128, UINT8),
    "quantize int16": ("quantize", near_ties(0.0021485486, 2003), 0.0021485486, 0, INT16),
    "dequantize int8": ("dequantize", integers(INT8, 301), 0.1, 3),
    "dequantize uint8": ("dequantize", integers(UINT8, 301), 0.0123, 131),
    "dequantize int16": ("dequantize", integers(INT16, 301), 0.0123, 0),
    "requantize int8": ("requantize", integers(INT8, 555), 0.25, 3, 1.0, -9, INT8),
    "requantize finer": ("requantize", integers(INT8, 555), 0.37, 3, 0.11, -9, INT8),
    "requantize uint8 to int8": ("requantize", integers(UINT8, 555), 0.25, 131, 1.0, -9, INT8),
    "requantize int8 to int16": ("requantize", integers(INT8, 555), 0.25, 3, 0.01, 0, INT16),
    "requantize int16 to int8": ("requantize", integers(INT16, 555), 0.001, 0, 0.25, 5, INT8),
    "fully_connected": ("fully_connected", FEW_ROWS, 0.5, 3, FEW_WEIGHTS, 0.125, 0.25, -5, FEW_BIAS, "none"),
    "fully_connected odd": ("fully_connected", ROWS8, 0.2, 3, WEIGHTS, 0.03, 7.7, -5, BIAS, "relu6"),
    "fully_connected channels": (
        "fully_connected",
        ROWS8,
        0.5,
        3,
        WEIGHTS,
        CHANNEL_SCALES,
        40.0,
        5,
        BIAS,
        "relu",
    ),
    "fully_connected 16x8 without bias": (
        *("fully_connected", ROWS16, 0.25, 0, FEW_WEIGHTS, 0.125, 0.125, 0, None, "relu"),
    ),
    "fully_connected 16x8": (
        *("fully_connected", ROWS16, 0.25, 0, FEW_WEIGHTS, 0.125, 0.125, 0, BIAS.astype(np.int64), "none"),
    ),
    "conv_2d": (
        *(
            "conv_2d",
            FEW_IMAGES,
            0.5,
            3,
            FEW_FILTERS,
            0.125,
            0.25,
            -5,
            FEW_BIAS,
            (2, 1),
            "SAME",
            (1, 1),
            "none",
        ),
    ),
    "conv_2d dilated": (
        *("conv_2d", IMAGES8, 0.2, 3, FILTERS, CHANNEL_SCALES, 9.1, 4, BIAS, (1, 1), "VALID", (2, 2), "relu"),
    ),
    "conv_2d grouped": (
        *(
            "conv_2d",
            IMAGES8,
            0.25,
            3,
            FILTERS[:12, ..., :2],
            0.5,
            64.0,
            4,
            BIAS[:12],
            (1, 1),
            "SAME",
            (1, 1),
            "none",
        ),
    ),
    "conv_2d 16x8": (
        *("conv_2d", IMAGES16, 0.25, 0, FILTERS, CHANNEL_SCALES, 9.0, 0, BIAS.astype(np.int64)),
        *((1, 2), "SAME", (1, 1), "relu"),
    ),
    "depthwise_conv_2d": (
        *(
            "depthwise_conv_2d",
            integers(INT8, 2, 9, 8, 13),
            0.25,
            3,
            DEPTHWISE,
            0.125,
            16.0,
            -5,
            np.tile(BIAS, 2),
        ),
        *((2, 2), "SAME", (1, 1), "none"),
    ),
    "depthwise_conv_2d 16x8": (
        *("depthwise_conv_2d", integers(INT16, 2, 9, 8, 26), 0.25, 0, DEPTHWISE, 0.125, 16.0, 0),
        *(np.tile(BIAS, 2).astype(np.int64), (1, 1), "VALID", (1, 1), "none"),
    ),
    "add": ("add", integers(INT8, 7, 43), 0.25, 3, integers(INT8, 7, 43, step=7), 0.125, -9, 0.5, 11, "none"),
    "add broadcast": (
        "add",
        integers(INT8, 7, 43),
        0.3,
        3,
        integers(INT8, 43, step=7),
        0.17,
        9,
        0.11,
        1,
        "relu6",
    ),
    "add at ties": ("add", np.repeat(ALL8, 256), 0.7, 3, np.tile(ALL8, 256), 0.1, -9, 1.0, 11, "none"),
    "add at ties, one repeated": ("add", ALL8[:, None], 0.7, 3, ALL8, 0.1, -9, 1.0, 11, "none"),
    "add of a fine scale": (
        *("add", np.repeat(ALL8, 256), 0.75 * 2.0**-22, 3, np.tile(ALL8, 256), 1.0, -9, 2.0, 11, "none"),
    ),
    "add of a fine scale, one repeated": (
        *("add", ALL8[:, None], 0.75 * 2.0**-22, 3, ALL8, 1.0, -9, 2.0, 11, "none"),
    ),
    "add far out of range": (
        "add",
        integers(INT8, 61),
        300.0,
        3,
        integers(INT8, 61, step=7),
        500.0,
        -9,
        1.0,
        58,
        "none",
    ),
    "add 16": ("add", integers(INT16, 301), 0.25, 0, integers(INT16, 301, step=7), 0.125, 0, 0.5, 0, "none"),
    "sub": (
        "sub",
        integers(INT8, 7, 43),
        0.25,
        3,
        integers(INT8, 7, 1, step=7),
        0.125,
        -9,
        0.5,
        11,
        "relu_n1_to_1",
    ),
    "mul": ("mul", integers(INT8, 7, 43), 0.25, 3, integers(INT8, 7, 43, step=7), 0.125, -9, 2.0, 11, "none"),
    "mul far out of range": (
        "mul",
        integers(INT8, 61),
        4.0,
        3,
        integers(INT8, 61, step=7),
        2.0,
        -9,
        1.0,
        58,
        "none",
    ),
    "mul 16": ("mul", integers(INT16, 301), 0.25, 0, integers(INT16, 301, step=7), 0.125, 0, 90.0, 0, "none"),
    "average_pool_2d": ("average_pool_2d", IMAGES8, (3, 2), (2, 2), "SAME", 0.1, 3, "relu6"),
    "average_pool_2d 16": ("average_pool_2d", IMAGES16, (3, 3), (1, 2), "SAME", 0.1, 0, "none"),
    "max_pool_2d": ("max_pool_2d", IMAGES8, (3, 2), (2, 2), "SAME", 0.1, 3, "relu"),
    "softmax": ("softmax", integers(INT8, 300, 31), 0.04, 1.0),
    "softmax near a tie": (
        *("softmax", np.array([[24, -118, -92, -105, 126, 13, 119, -16]], INT8), 0.088723496, 1.0),
    ),
    "softmax wide": ("softmax", integers(INT8, 300, 5), 0.1, 2.0),
    "softmax 16": ("softmax", integers(INT16, 300, 31), 0.0004, 1.0),
    "softmax 16 of two": ("softmax", np.stack([np.full(2**16, 20_000, INT16), ALL16], 1), 0.00025, 1.0),
    "softmax 16 of many": ("softmax", integers(INT16, 3, 20_011) // 64, 0.003, 0.5),
    "softmax 16 wide": ("softmax", integers(INT16, 500, 7), 30.0, 1.0),
    "logistic": ("logistic", integers(INT8, 512), 0.05, 7),
    "tanh": ("tanh", integers(INT8, 512), 0.02, -7),
    "logistic 16": ("logistic", ALL16, 0.001, 0),
    "logistic 16 fine": ("logistic", ALL16, 0.00005, 0),
    "logistic 16 wraps around": ("logistic", ALL16, 7.0, 0),
    "logistic 16 power of two": ("logistic", ALL16, 2.0**-12, 0),
    "logistic 16 near a power of two": ("logistic", ALL16, 2.0**-12 * 1.0006, 0),
    "logistic 16 not so near": ("logistic", ALL16, 2.0**-12 * 1.0008, 0),
    "logistic 16 other power of two": ("logistic", ALL16, 2.0**-11, 0),
    "logistic 16 tiny": ("logistic", ALL16, 1e-14, 0),
    "tanh 16": ("tanh", ALL16, 0.0003, 0),
    "tanh 16 fine": ("tanh", ALL16, 0.00002, 0),
    "tanh 16 wraps around": ("tanh", ALL16, 7.0, 0),
    "tanh 16 power of two": ("tanh", ALL16, 2.0**-12, 0),
    "tanh 16 next power of two": ("tanh", ALL16, 2.0**-11, 0),
    "tanh 16 other power of two": ("tanh", ALL16, 2.0**-10, 0),
    "tanh 16 tiny": ("tanh", ALL16, 1e-14, 0),
    "tanh 16 huge": ("tanh", ALL16, 2e5, 0),
}

CHECKSUMS = {
    "quantize int8": (0x7A5AFA7B, 0xD01F094B, 0x71FC6A9B),
    "quantize uint8": (0x1DDA5763, 0xA349F420, 0xFD97AEA2),
    "quantize int16": (0x06A060CF, 0x51A0C913, 0x51A0C913),
    "dequantize int8": (0x6E7A8B9A, 0xA189DA5F, 0x6E7A8B9A),
    "dequantize uint8": (0x974E0D0E, 0xD9CE2FC6, 0x974E0D0E),
    "dequantize int16": (0x42B8FF99, 0x42B8FF99, 0x42B8FF99),
    "requantize int8": (0x44876B3C, 0x11FD5EAF, 0xAA47AC8B),
    "requantize finer": (0x0D21E823, 0x0D21E823, 0x0D21E823),
    "requantize uint8 to int8": (0x44876B3C, 0x11FD5EAF, 0x11FD5EAF),
    "requantize int8 to int16": (0xE2F3F7B3, 0xE2F3F7B3, 0xE2F3F7B3),
    "requantize int16 to int8": (0x347A577B, 0x347A577B, 0x347A577B),
    "fully_connected": (0xC33433FA, 0xCA1A2486, 0x56BEDACC),
    "fully_connected odd": (0xD329F878, 0xD329F878, 0xD329F878),
    "fully_connected channels": (0xB70EC35A, 0xB70EC35A, 0xB70EC35A),
    "fully_connected 16x8 without bias": (0xDAA503CA, 0x63C7A721, 0x63C7A721),
    "fully_connected 16x8": (0xFBD882E8, 0xFBD882E8, 0xFBD882E8),
    "conv_2d": (0xFE6EAB16, 0x15604EE2, 0xF2BBB731),
    "conv_2d dilated": (0xC5609F7C, 0xC5609F7C, 0xC5609F7C),
    "conv_2d grouped": (0xCF8359FB, 0xCF8359FB, 0x5E2F1F53),
    "conv_2d 16x8": (0x6A77AB36, 0x6A77AB36, 0x6A77AB36),
    "depthwise_conv_2d": (0x3C5F3CF9, 0x54EB34B7, 0x9C3F21C9),
    "depthwise_conv_2d 16x8": (0x49891159, 0x49891159, 0x49891159),
    "add": (0x3149A80F, 0x3149A80F, 0xABF07427),
    "add broadcast": (0x48DC4AFF, 0x48DC4AFF, 0x48DC4AFF),
    "add at ties": (0x97651036, 0x921384B0, 0xA8EB38B8),
    "add at ties, one repeated": (0x97651036, 0xEC9F4420, 0xA8EB38B8),
    "add of a fine scale": (0xD16183C1, 0x31EF5E83, 0x31EF5E83),
    "add of a fine scale, one repeated": (0xD16183C1, 0x50F42783, 0x50F42783),
    "add far out of range": (0x54CDE7AD, 0x8EAF0FF0, 0x8EAF0FF0),
    "add 16": (0xA1F9744A, 0xA1F9744A, 0xA1F9744A),
    "sub": (0xB53493CE, 0xB53493CE, 0xB53493CE),
    "mul": (0xEEA1E5EF, 0xEEA1E5EF, 0x267D1666),
    "mul far out of range": (0x4B2C8262, 0xD4922B0A, 0x4B2C8262),
    "mul 16": (0x8703E40A, 0x8703E40A, 0x8703E40A),
    "average_pool_2d": (0xCA0E314B, 0xCA0E314B, 0xCA0E314B),
    "average_pool_2d 16": (0x5B0287E6, 0x5B0287E6, 0x5B0287E6),
    "max_pool_2d": (0xE906BC60, 0xE906BC60, 0xE906BC60),
    "softmax": (0x95854EC3, 0x95854EC3, 0x95854EC3),
    "softmax near a tie": (0xC877021F, 0x70CB657A, 0x70CB657A),
    "softmax wide": (0xE8E74398, 0xE8E74398, 0xE8E74398),
    "logistic": (0xF80B465B, 0xF80B465B, 0xF80B465B),
    "tanh": (0x99EAB7DA, 0x99EAB7DA, 0x99EAB7DA),
    "logistic 16": (0xF4645B2E, 0xF4645B2E, 0xF4645B2E),
    "logistic 16 fine": (0xEF3B11BE, 0xEF3B11BE, 0xEF3B11BE),
    "logistic 16 wraps around": (0x8648E611, 0x8648E611, 0x8648E611),
    "logistic 16 power of two": (0x928F0A46, 0x89B3F38E, 0x89B3F38E),
    "logistic 16 near a power of two": (0x928F0A46, 0x89B3F38E, 0x89B3F38E),
    "logistic 16 not so near": (0x4E218F75, 0x4E218F75, 0x4E218F75),
    "logistic 16 other power of two": (0xB68DBA64, 0xB68DBA64, 0xB68DBA64),
    "logistic 16 tiny": (0xBD54B805, 0x89B3F38E, 0x89B3F38E),
    "tanh 16": (0x1222AC94, 0x1222AC94, 0x1222AC94),
    "tanh 16 fine": (0x8C8531CF, 0x8C8531CF, 0x8C8531CF),
    "tanh 16 wraps around": (0xC6BA4056, 0xC6BA4056, 0xC6BA4056),
    "tanh 16 power of two": (0xABDD53CC, 0x70B28DFE, 0x70B28DFE),
    "tanh 16 next power of two": (0x20F0F708, 0x215077B2, 0x215077B2),
    "tanh 16 other power of two": (0x93EE576E, 0x93EE576E, 0x93EE576E),
    "tanh 16 tiny": (0x93ED2F09, 0x215077B2, 0x215077B2),
    "tanh 16 huge": (0x93ED2F09, 0x70B28DFE, 0x70B28DFE),
    "softmax 16": (0x9767CD8A, 0x9767CD8A, 0x9767CD8A),
    "softmax 16 of two": (0x79FA50FF, 0x79FA50FF, 0x79FA50FF),
    "softmax 16 of many": (0x9D86B85C, 0x9D86B85C, 0x9D86B85C),
    "softmax 16 wide": (0x9782C7D1, 0x9782C7D1, 0x9782C7D1),
}


def checksum(y):
    return zlib.crc32(np.ascontiguousarray(y).tobytes())


@pytest.mark.parametrize("kernels", ["ref", "opt", "xnnpack"])
@pytest.mark.parametrize("case", CASES)
def test_output_is_that_of_the_runtime(case, kernels):
    operator, *arguments = CASES[case]
    y = getattr(tflite, operator)(*arguments, kernels=kernels)
    assert checksum(y) == CHECKSUMS[case][["ref", "opt", "xnnpack"].index(kernels)]


def test_the_cases_tell_the_kernel_sets_apart():
    """Where the rules differ, the inputs must show it: equal checksums would prove little."""
    for case in ("quantize int8", "requantize int8", "fully_connected", "conv_2d", "depthwise_conv_2d"):
        assert len(set(CHECKSUMS[case])) == 3, case
    for case in ("dequantize int8", "fully_connected 16x8 without bias", "add", "mul", "softmax near a tie"):
        assert len(set(CHECKSUMS[case])) == 2, case
    for case in ("logistic 16 power of two", "tanh 16 power of two", "tanh 16 next power of two"):
        assert len(set(CHECKSUMS[case])) == 2, case
