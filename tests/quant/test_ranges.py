from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import dequantize, fake_quantize, integer_range, params_from_range, quantize, range_of

RANGES = [
    (-1.0, 1.0),
    (0.0, 6.0),
    (-3.0, 0.0),
    (-0.1, 12.7),
    (-9.9, 0.01),
    (2.0, 5.0),
    (-5.0, -2.0),
    (1e-3, 1e-3),
]


def test_affine_parameters_by_hand():
    p = params_from_range(-1.0, 4.1, n_bits=8, signed=False)  # 5.1 / 255 = 0.02; 1 / 0.02 = 50
    assert p.scale == np.float32(0.02) and p.zero_point == 50 and (p.qmin, p.qmax) == (0, 255)
    p = params_from_range(-1.0, 4.1)
    assert p.scale == np.float32(0.02) and p.zero_point == 50 - 128 and (p.qmin, p.qmax) == (-128, 127)
    p = params_from_range(0.0, 1.5, n_bits=2)
    assert p.scale == 0.5 and p.zero_point == -2 and (p.qmin, p.qmax) == (-2, 1)
    p = params_from_range(-1.0, 1.0, n_bits=8, signed=False, narrow_range=True)  # 2 / 254
    assert p.scale == np.float32(2 / 254) and p.zero_point == 128 and (p.qmin, p.qmax) == (1, 255)


def test_symmetric_divisors_by_hand():
    def scale_of(**options):
        return params_from_range(-0.5, 1.0, symmetric=True, **options)

    # TFLite weights: 1 / 127. PyTorch observers, max |x| = 1: 1 / 127.5 = 0.007843138.
    assert scale_of().scale == np.float32(1 / 127)
    assert scale_of(symmetric_divisor="half_span").scale == np.float32(0.007843138)
    assert scale_of(narrow_range=True).scale == np.float32(1 / 127)
    assert scale_of(narrow_range=True, symmetric_divisor="half_span").scale == np.float32(1 / 127)
    assert scale_of(signed=False).scale == np.float32(1 / 127)
    assert [
        int(scale_of(signed=s, narrow_range=n).zero_point) for s in (True, False) for n in (True, False)
    ] == [
        0,
        0,
        128,
        128,
    ]
    assert params_from_range(-3.0, 1.0, n_bits=4, symmetric=True).scale == np.float32(3 / 7)


def test_integer_ranges():
    assert integer_range(8) == (-128, 127)
    assert integer_range(8, narrow_range=True) == (-127, 127)
    assert integer_range(8, signed=False) == (0, 255)
    assert integer_range(2, signed=False, narrow_range=True) == (1, 3)
    assert integer_range(16) == (-32768, 32767)


@pytest.mark.parametrize(("lo", "hi"), RANGES)
@pytest.mark.parametrize("n_bits", [2, 3, 8, 16])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("narrow_range", [True, False])
def test_zero_is_exact_and_both_ends_stay_within_half_a_step(lo, hi, n_bits, signed, narrow_range):
    p = params_from_range(lo, hi, n_bits, signed, narrow_range=narrow_range)
    assert fake_quantize(0.0, p) == 0
    scale, zero_point = Fraction(float(p.scale)), int(p.zero_point)
    lowest, highest = (p.qmin - zero_point) * scale, (p.qmax - zero_point) * scale
    # scale is rounded to float32, relative error 2⁻²⁴, and qmax − qmin steps are laid end to end
    half_a_step = scale * (Fraction(1, 2) + (p.qmax - p.qmin) * Fraction(1, 2**24))
    assert lowest - half_a_step <= Fraction(lo) and Fraction(hi) <= highest + half_a_step
    # and no integer is wasted: the representable range is not wider than asked by more than a step
    asked = Fraction(max(hi, 0.0)) - Fraction(min(lo, 0.0))
    assert highest - lowest <= asked + scale


@pytest.mark.parametrize(("lo", "hi"), RANGES)
@pytest.mark.parametrize("divisor", ["qmax", "half_span"])
@pytest.mark.parametrize("signed", [True, False])
def test_symmetric_ranges_treat_both_signs_alike(lo, hi, divisor, signed):
    p = params_from_range(lo, hi, 8, signed, symmetric=True, narrow_range=True, symmetric_divisor=divisor)
    x = np.random.default_rng(0).uniform(-10, 10, 500).astype(np.float32)
    assert (fake_quantize(-x, p) == -fake_quantize(x, p)).all()
    assert p.qmax - p.zero_point == p.zero_point - p.qmin == 127


def test_a_range_of_zeros_has_scale_one():
    for options in (dict(), dict(symmetric=True), dict(signed=False), dict(narrow_range=True)):
        p = params_from_range(0.0, 0.0, **options)
        assert p.scale == 1 and fake_quantize(0.0, p) == 0


def test_only_the_channels_of_zeros_get_scale_one():
    p = params_from_range([0.0, -1.0, 0.0], [0.0, 1.0, 2.55], signed=False, axis=0)
    assert p.scale.tolist() == [1, np.float32(2 / 255), np.float32(0.01)]
    # float32(2 / 255) lies a little above 2 / 255, so 1 / scale is 127.49999, not a tie
    assert p.zero_point.tolist() == [0, 127, 0]


@pytest.mark.parametrize("hi", [1e-45, 1e-44, 5e-43, 1e-38, 3.4e38])
@pytest.mark.parametrize("symmetric", [True, False])
def test_ranges_of_extreme_size_keep_their_ends_within_half_a_step(hi, symmetric):
    hi = float(np.float32(hi))
    p = params_from_range(0.0, hi, symmetric=symmetric)
    x_hat = float(dequantize(quantize(np.float32(hi), p), p))
    assert abs(x_hat - hi) <= 0.501 * float(p.scale)  # 255 · 2⁻²⁴ of a step for the rounding of scale


def test_the_widest_float32_range_does_not_overflow():
    largest = float(np.finfo(np.float32).max)
    p = params_from_range(-largest, largest)
    assert np.isfinite(p.scale)
    assert quantize(np.array([-largest, 0, largest], np.float32), p)[1] == p.zero_point


def test_arrays_give_one_quantizer_per_channel_or_block():
    lo, hi = np.array([-1.0, -2.0, 0.5]), np.array([1.0, 0.0, 3.0])
    p = params_from_range(lo, hi, n_bits=4, axis=1)
    assert p.axis == 1
    for c in range(3):
        alone = params_from_range(lo[c], hi[c], n_bits=4)
        assert p.scale[c] == alone.scale and p.zero_point[c] == alone.zero_point
    blocks = params_from_range(np.zeros((2, 3)), np.ones((2, 3)), axis=1, block_size=4, rounding="half_up")
    assert blocks.scale.shape == (2, 3) and blocks.block_size == 4 and blocks.rounding == "half_up"


def test_range_of_tensor_channels_and_blocks():
    x = np.array([[1.0, -2.0, 3.0, 0.5, 9.0], [4.0, 5.0, 6.0, -7.0, 8.0]], np.float32)
    assert range_of(x) == (-7, 9)
    lo, hi = range_of(x, axis=0)
    assert lo.tolist() == [-2, -7] and hi.tolist() == [9, 8]
    lo, hi = range_of(x, axis=-1)
    assert lo.tolist() == [1, -2, 3, -7, 8] and hi.tolist() == [4, 5, 6, 0.5, 9]
    lo, hi = range_of(x, axis=-1, block_size=2)
    assert lo.tolist() == [[-2, 0.5, 9], [4, -7, 8]] and hi.tolist() == [[1, 3, 9], [5, 6, 8]]
    lo, hi = range_of(x, axis=0, block_size=5)
    assert lo.shape == (1, 5) and hi.tolist() == [[4, 5, 6, 0.5, 9]]


def test_range_of_refuses_an_empty_tensor():
    with pytest.raises(ValueError, match="x must not be empty"):
        range_of(np.zeros((0, 3), np.float32))


@pytest.mark.parametrize("n_bits", [0, 1, 17, -8])
def test_n_bits_out_of_range_is_refused(n_bits):
    with pytest.raises(ValueError, match="n_bits must be from 2 to 16"):
        params_from_range(0.0, 1.0, n_bits)


@pytest.mark.parametrize("n_bits", [8.0, True, "8"])
def test_n_bits_must_be_an_integer(n_bits):
    with pytest.raises(TypeError, match="n_bits must be an integer"):
        params_from_range(0.0, 1.0, n_bits)


@pytest.mark.parametrize(
    ("lo", "hi"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.nan), (-np.inf, 0.0), (0.0, np.inf)]
)
def test_bounds_must_be_finite_and_ordered(lo, hi):
    with pytest.raises(ValueError, match="lo and hi must be finite with lo <= hi"):
        params_from_range(lo, hi)
    with pytest.raises(ValueError, match="lo and hi must be finite with lo <= hi"):
        params_from_range([0.0, lo], [1.0, hi], axis=0)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match="lo and hi must have the same shape"):
        params_from_range([0.0, 1.0], 2.0, axis=0)
    with pytest.raises(ValueError, match="symmetric_divisor must be one of"):
        params_from_range(0.0, 1.0, symmetric_divisor="127")
    with pytest.raises(ValueError, match="scale must be finite and positive"):
        params_from_range(0.0, 1e300)
