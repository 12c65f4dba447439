import zlib
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.tflite import logistic, softmax, tanh
from qbref.conventions.tflite.interpolation import interpolate, interpolation_table
from qbref.conventions.tflite.sigmoid_int16 import SIGMOID, input_multiplier

KERNELS = ("ref", "opt", "xnnpack")
ALL = np.arange(-(2**15), 2**15).astype(np.int16)


def test_sigmoid_table_is_the_one_written_out_in_tensorflow_lite():
    """CRC-32 of sigmoid_table_uint16 (tflite/kernels/internal/common.cc), 256 little-endian words."""
    assert zlib.crc32(SIGMOID.astype("<u2").tobytes()) == 0xB84F6AB4
    assert SIGMOID[[0, 1, 4, 128, 255]].tolist() == [32768, 33451, 35493, 65221, 65535]


def test_a_straight_line_is_its_own_table():
    """No error in the middle, so only the roundings are left: at the ends exact multiples of 2^7."""
    table = interpolation_table(lambda x: x, -1.0, 1.0)
    assert table.tolist() == [*range(-(2**15), 2**15, 2**7), 2**15 - 1]


def test_a_table_halves_the_error_in_the_middle_of_a_step():
    """A parabola with 2^-15 times 16 between chord and arc: the ends are lowered by 8, but for the last."""
    table = interpolation_table(lambda x: 64 * x**2 / 2**15, -256.0, 256.0)
    expected = [min(64 * i**2, 2**15 + 8) - 8 for i in range(-256, 257)]
    assert table[240:273].tolist() == expected[240:273]
    assert table[-1] == 2**15 - 1


def test_interpolation_rounds_half_up_between_the_entries():
    rng = np.random.default_rng(3)
    table = rng.integers(-(2**15), 2**15, 513).astype(np.int16)
    q = rng.integers(-(2**15), 2**15, 500)
    for value, result in zip(q.tolist(), interpolate(q, table).tolist(), strict=True):
        k, rest = divmod(value + 2**15, 128)
        line = int(table[k]) + Fraction((int(table[k + 1]) - int(table[k])) * rest, 128)
        assert result == (line + Fraction(1, 2)).__floor__()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-11, 0.0003, 0.004])
def test_logistic_and_tanh_are_near_the_real_ones(scale, kernels):
    """The table ends at 10.6 or 5.3, where 2^-15 is left; gemmlowp errs by up to 2^-12, in tanh 2^-11."""
    x = ALL * float(np.float32(scale))
    assert np.abs(logistic(ALL, scale, 0, kernels=kernels) / 2.0**15 - 1 / (1 + np.exp(-x))).max() < 2.0**-12
    assert np.abs(tanh(ALL, scale, 0, kernels=kernels) / 2.0**15 - np.tanh(x)).max() < 2.0**-11


def test_the_optimized_kernels_differ_at_powers_of_two_alone():
    for scale, logistic_differs, tanh_differs in (
        (2.0**-12, True, True),
        (2.0**-11, False, True),
        (2.0**-13, False, False),
        (0.0003, False, False),
    ):
        for function, differs in ((logistic, logistic_differs), (tanh, tanh_differs)):
            ref, opt, xnnpack = (function(ALL, scale, 0, kernels=kernels) for kernels in KERNELS)
            assert np.array_equal(opt, xnnpack)
            assert np.array_equal(ref, opt) != differs


def test_a_scale_counts_as_power_of_two_up_to_a_thousandth_in_the_exponent():
    """Seen in LiteRT 2.3.0 by scales next to one another: which of them made "opt" differ from "ref"."""
    for outside, inside in (
        (0.00024397151719313115, 0.00024397153174504638),
        (0.00024430983467027545, 0.000244309805566445),
    ):
        assert input_multiplier(np.float32(outside), [-12])[0] > 0
        assert input_multiplier(np.float32(inside), [-12]) == (0, 0)


def test_the_input_multiplier_is_truncated():
    assert input_multiplier(np.float32(0.5), [-12]) == (24576, 2)  # 6144 · 2^2
    assert input_multiplier(np.float32(1.33337402), [-12]) == (16384, 0)  # 16384.5… is above 32767/2
    assert input_multiplier(np.float32(1.3333), [-12]) == (16383, 0)  # 16383.59, above 32767/2 too
    assert input_multiplier(np.float32(2.6), [-12]) == (31948, 0)  # 31948.8
    assert input_multiplier(np.float32(1e-13), [-12]) == (2, 31)  # the shift ends there


def test_the_output_of_int16_is_fixed():
    assert np.array_equal(tanh(ALL, 0.001, 0, 2.0**-15, 0), tanh(ALL, 0.001, 0))
    with pytest.raises(
        ValueError, match=r"y_scale and y_zero_point must be 2\^-15 and 0 for int16, got 0.0078125 and 0"
    ):
        tanh(ALL, 0.001, 0, 1 / 128)
    with pytest.raises(ValueError, match=r"y_scale and y_zero_point must be 2\^-15 and 0"):
        logistic(ALL, 0.001, 0, None, -128)
    with pytest.raises(ValueError, match="zero_point must be 0 for int16, got 3"):
        logistic(ALL, 0.001, 3)


def test_softmax_of_int16_is_near_the_real_one_above_minus_ten():
    """About one unit of 2^-15 by which the exponential errs adds up over eleven classes."""
    rng = np.random.default_rng(7)
    for scale in (0.0001, 0.001, 0.1):
        x = rng.integers(-(2**15), 2**15, (20, 3, 11)).astype(np.int16)
        below_max = float(np.float32(scale)) * (x.astype(float) - x.max(axis=-1, keepdims=True))
        exponentials = np.exp(np.maximum(below_max, -10))
        real = exponentials / exponentials.sum(axis=-1, keepdims=True)
        assert np.abs(softmax(x, scale) / 2.0**15 - real).max() < 11 * 2.0**-15


def test_softmax_of_int16_rounds_the_factor_and_the_sum():
    """LiteRT 2.3.0: scale times beta is a float32; the sum, 262143, rounds up to a power of two."""
    cases = (
        ([-22881, -16951, 7871, 10636, 20596], 8.072107448242605e-05, 0.86, [787, 1187, 6650, 8058, 16087]),
        (
            [2982, 5804, -1834, -5004, -647, 3774, 4056, 5486],
            0.00022076173627283424,
            1.0,
            [4082, 7611, 1410, 700, 1832, 4862, 5175, 7096],
        ),
        ([*[32767] * 8, -10176], 10 / 65535, 1.0, [*[4095] * 8, 6]),
    )
    for x, scale, beta, y in cases:
        assert softmax(np.array(x, np.int16), scale, beta).tolist() == y


def test_a_single_class_saturates():
    """LiteRT 2.3.0; e · r would be 2^15, one more than int16 holds."""
    assert softmax(np.array([[5], [-(2**15)]], np.int16), 0.1).tolist() == [[2**15 - 1]] * 2


def test_softmax_of_int16_sums_in_32_bits():
    assert softmax(np.zeros((1, 2**16), np.int16), 0.1).tolist() == [
        [0] * 2**16
    ]  # 2^-16 is a tie, of 32767/32768
    with pytest.raises(ValueError, match="x must have at most 65,536 classes, got 65,537"):
        softmax(np.zeros((1, 2**16 + 1), np.int16), 0.1)


def test_softmax_of_int16_is_one_kernel():
    x = ALL.reshape(-1, 64)
    for kernels in ("opt", "xnnpack"):
        assert np.array_equal(softmax(x, 0.0007, kernels=kernels), softmax(x, 0.0007))
    assert softmax(x[:0], 0.1).shape == (0, 64)
    assert np.array_equal(softmax(x, 0.0002, 0.5), softmax(x, 0.0001))
