import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.tflite import add, average_pool_2d, max_pool_2d, mul, sub
from qbref.conventions.tflite.blocks import run_length

KERNELS = ("ref", "opt", "xnnpack")


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_sums_and_products_are_near_the_real_ones(kernels, dtype):
    """Within half a step and what the two or three roundings on a fine grid add: 0.51 of a step."""
    rng = np.random.default_rng(4)
    info = np.iinfo(dtype)
    a, b = rng.integers(info.min, info.max + 1, (2, 500)).astype(dtype)
    za, zb, zy = (7, -11, 5) if dtype == np.int8 else (0, 0, 0)
    sa, sb = np.float32(0.031), np.float32(0.0172)
    real_a, real_b = float(sa) * (a.astype(int) - za), float(sb) * (b.astype(int) - zb)
    for operator, real in ((add, real_a + real_b), (sub, real_a - real_b), (mul, real_a * real_b)):
        sy = np.float32(np.abs(real).max() / 100 * (1 if dtype == np.int8 else 256))
        y = operator(a, sa, za, b, sb, zb, sy, zy, kernels=kernels)
        exact = np.clip(real / float(sy) + zy, info.min, info.max)
        assert y.dtype == dtype
        assert np.abs(y - exact).max() <= 0.51


def test_ties_of_a_sum_are_rounded_as_each_runtime_does():
    """Halves of -3 … 3 with both scales 0.5: LiteRT 2.3.0."""
    a, b = np.arange(-3, 4).astype(np.int8), np.zeros(7, np.int8)
    expected = {
        "ref": [-2, -1, -1, 0, 1, 1, 2],
        "opt": [-2, -1, -1, 0, 1, 1, 2],
        "xnnpack": [-1, -1, 0, 0, 1, 1, 2],
    }
    for kernels, y in expected.items():
        assert add(a, 0.5, 0, b, 0.5, 0, 1.0, 0, kernels=kernels).tolist() == y
        assert sub(a, 0.5, 0, b, 0.5, 0, 1.0, 0, kernels=kernels).tolist() == y


def test_ties_of_a_product_are_rounded_as_each_runtime_does():
    a, b = np.array([1, 2, 3, -1, -2, -3], np.int8), np.ones(1, np.int8)
    expected = {"ref": [1, 1, 1, 0, -1, -1], "opt": [1, 1, 1, 0, -1, -1], "xnnpack": [0, 0, 1, 0, 0, -1]}
    for kernels, y in expected.items():
        assert mul(a, 0.25, 0, b, 1.0, 0, 1.0, 0, kernels=kernels).tolist() == y


def test_sums_of_xnnpack_are_those_of_exact_integers():
    a = np.arange(-128, 128).astype(np.int8)
    b = a[::-1]
    for sa, sb in ((0.1, 0.3), (0.5, 0.004), (3.0, 7.0)):
        ratios = [np.float32(s) / np.float32(0.11) for s in (sa, sb)]
        shift = 0
        while max(ratios) * 2.0**shift < 2**20:
            shift += 1
        while max(ratios) * 2.0**shift >= 2**21:
            shift -= 1
        ma, mb = (round(Fraction(float(r)) * 2**shift) for r in ratios)
        half = 2 ** (shift - 1)
        y = [
            ((int(p) - 3) * ma + (int(q) + 4) * mb + half) // 2**shift + 9 for p, q in zip(a, b, strict=True)
        ]
        result = add(a, sa, 3, b, sb, -4, 0.11, 9, kernels="xnnpack")
        assert result.tolist() == [min(max(v, -128), 127) for v in y]


def test_multipliers_of_xnnpack_have_21_bits():
    """LiteRT 2.3.0; with 20 bits it is -26."""
    a, b = np.array([-78], np.int8), np.array([-128], np.int8)
    assert add(a, 0.15, 3, b, 0.036, -4, 0.468, 9, kernels="xnnpack").tolist() == [-27]


def test_far_out_of_range_the_optimized_kernels_wrap_around():
    """LiteRT 2.3.0 on x86-64: ADD keeps 16 bits, MUL saturates to them, then both add the zero point."""
    a, b = np.full(17, 127, np.int8), np.full(17, 127, np.int8)
    # (127 + 127) · 150 = 38,100 is -27,436 in 16 bits; the last element is outside the block
    assert add(a, 150.0, 0, b, 150.0, 0, 1.0, 0, kernels="opt").tolist() == [-128] * 16 + [127]
    assert add(a, 150.0, 0, b, 150.0, 0, 1.0, 0, kernels="ref").tolist() == [127] * 17
    # 127 · 127 · 4 = 64,516 saturates to 32,767; + 58 wraps
    assert mul(a, 4.0, 0, b, 1.0, 0, 1.0, 58, kernels="opt").tolist() == [-128] * 16 + [127]
    assert mul(a, 4.0, 0, b, 1.0, 0, 1.0, 0, kernels="opt").tolist() == [127] * 17
    # SUB has no such kernel
    assert sub(a, 300.0, 0, b, 1.0, 0, 1.0, 58, kernels="opt").tolist() == [127] * 17


A_TIE, ANOTHER = (34, -117), (-5, 30)  # 0.3 a + 0.1 b is -1.5, and 1.5
TENTHS = (0.3, 0.1)


def sums_at(pair, a_shape, b_shape, kernels):
    a, b = np.full(a_shape, pair[0], np.int8), np.full(b_shape, pair[1], np.int8)
    return add(a, TENTHS[0], 0, b, TENTHS[1], 0, 1.0, 0, kernels=kernels)


def test_whole_blocks_round_the_inputs_of_a_sum_otherwise():
    """LiteRT 2.3.0 on x86-64: blocks of sixteen, with one input repeated blocks of eight."""
    assert sums_at(A_TIE, 17, 17, "ref").tolist() == [-2] * 17
    assert sums_at(A_TIE, 17, 17, "opt").tolist() == [-1] * 16 + [-2]
    assert sums_at(A_TIE, 15, 1, "opt").tolist() == [-2] * 15
    assert sums_at(ANOTHER, 17, 17, "opt").tolist() == [2] * 17
    assert sums_at(ANOTHER, 15, 1, "opt").tolist() == [1] * 8 + [2] * 7
    assert sums_at(ANOTHER, 1, 15, "opt").tolist() == [1] * 8 + [2] * 7  # what is repeated is floored too


@pytest.mark.parametrize(
    ("a_shape", "b_shape", "in_sixteens", "in_eights"),
    [
        ((2, 9), (2, 9), 16, 0),
        ((2, 9), (9,), 0, 0),
        ((3, 19), (1, 19), 48, 0),
        ((3, 19), (3, 1), 0, 48),
        ((3, 19, 1), (3, 1, 1), 0, 48),
        ((2, 3, 4, 5), (2, 3, 1, 1), 0, 96),
        ((2, 3, 4, 5), (3, 1, 1), 0, 0),
        ((4, 1, 9), (5, 9), 0, 0),
        ((3, 1), (9,), 0, 24),
        ((3, 1, 9), (3, 4, 1), 0, 96),
        ((1, 3, 1), (4, 3, 9), 0, 0),
        ((2, 2, 2, 2), (1,), 0, 16),
    ],
)
def test_blocks_of_a_sum_are_those_of_the_runtime(a_shape, b_shape, in_sixteens, in_eights):
    """Elements that differ from "ref" in LiteRT 2.3.0 on x86-64."""
    for pair, count in ((A_TIE, in_sixteens), (ANOTHER, in_eights)):
        ref, opt = (sums_at(pair, a_shape, b_shape, kernels) for kernels in ("ref", "opt"))
        assert ((opt != ref).sum(), (opt == ref - np.sign(ref)).sum()) == (count, count)


@pytest.mark.parametrize("dtype, a, a_scale", [(np.int8, 6, 0.75 * 2.0**-22), (np.int16, 6, 0.75 * 2.0**-17)])
def test_a_far_finer_scale_is_floored_before_it_is_rounded(dtype, a, a_scale):
    """LiteRT 2.3.0 on x86-64: sixteen elements give -1, the seventeenth 0."""
    a, b = np.full(17, a, dtype), np.full(17, -1, dtype)
    assert add(a, a_scale, 0, b, 1.0, 0, 2.0, 0, kernels="opt").tolist() == [-1] * 16 + [0]
    assert add(a, a_scale, 0, b, 1.0, 0, 2.0, 0, kernels="ref").tolist() == [0] * 17


def high(n, m):
    return math.floor(n * m + Fraction(1, 2))


def half_away(v):
    return int(math.copysign(math.floor(abs(v) + Fraction(1, 2)), v))


TO_GRID = {  # n · m · s in whole numbers, m of 31 bits and s a power of two
    "rest": lambda n, m, s: half_away(high(n, m) * s),
    "sixteen": lambda n, m, s: high(math.floor(n * s), m),
    "eight": lambda n, m, s: math.floor(high(n, m) * s),
}


def exact_sums(a, b, scales, y_scale, bits, rule):
    """An array of the sums of int(a) and int(b), zero points 0."""

    def constants(real):
        mantissa, shift = math.frexp(real)
        return Fraction(math.floor(mantissa * 2**31 + 0.5), 2**31), Fraction(2) ** shift

    step = 2 * max(scales)
    grid_a, grid_b, grid_y = (
        constants(real) for real in (*np.divide(scales, step), step / 2**bits / y_scale)
    )

    def one(a, b):
        fine = [TO_GRID[rule](int(v) << bits, *grid) for v, grid in ((a, grid_a), (b, grid_b))]
        return TO_GRID["rest"](sum(fine), *grid_y)

    return np.vectorize(one)(a, b)


@pytest.mark.parametrize("dtype, bits", [(np.int8, 20), (np.int16, 15)])
@pytest.mark.parametrize("scales", [(0.1, 0.3), (0.3, 0.4), (0.7, 0.1), (0.75 * 2.0**-24, 1.0)])
def test_sums_are_those_of_exact_fractions(dtype, bits, scales):
    rng = np.random.default_rng(8)
    a, b = rng.integers(-60, 61, (2, 24, 19)).astype(dtype)
    f32 = np.float32(scales).astype(float)

    def opt(a, b):
        return add(a, scales[0], 0, b, scales[1], 0, 2.0, 0, kernels="opt")

    rest = exact_sums(a, b, f32, 2.0, bits, "rest")
    in_blocks = exact_sums(a, b, f32, 2.0, bits, "sixteen")
    rows = np.stack([opt(p, q) for p, q in zip(a, b, strict=True)])
    assert np.array_equal(rows, np.concatenate([in_blocks[:, :16], rest[:, 16:]], axis=1))
    assert np.array_equal(add(a, scales[0], 0, b, scales[1], 0, 2.0, 0), rest)
    if dtype == np.int8:
        b = b[:, :1]
        rest, in_blocks = (exact_sums(a, b, f32, 2.0, bits, rule) for rule in ("rest", "eight"))
        assert np.array_equal(opt(a, b), np.concatenate([in_blocks[:, :16], rest[:, 16:]], axis=1))


def test_sums_of_int16_in_blocks_round_their_inputs_once():
    """LiteRT 2.3.0 on x86-64: sixteen elements give 4897, the seventeenth 4896; broadcast ones give 4896."""
    constants = (np.float32(0.1028525), 0), (np.float32(0.19014227), 0, np.float32(0.029687762), 0)
    a, b = np.full(17, -2541, np.int16), np.full(17, 2139, np.int16)
    assert add(a, *constants[0], b, *constants[1], kernels="opt").tolist() == [4897] * 16 + [4896]
    assert add(a, *constants[0], b[:1], *constants[1], kernels="opt").tolist() == [4896] * 17
    assert add(a, *constants[0], b[None], *constants[1], kernels="opt").tolist() == [[4897] * 16 + [4896]]
    assert add(np.stack([a, a]), *constants[0], b, *constants[1], kernels="opt").tolist() == [[4896] * 17] * 2
    assert add(a, *constants[0], b, *constants[1], kernels="ref").tolist() == [4896] * 17
    a, b = np.full(17, -2, np.int16), np.ones(1, np.int16)  # 1/2, which blocks of eight would floor
    assert add(a, 0.1, 0, b, 0.7, 0, 1.0, 0, kernels="opt").tolist() == [1] * 17


def test_outside_its_range_of_scales_xnnpack_leaves_the_work_to_the_optimized_kernel():
    a, b = np.full(16, 127, np.int8), np.full(16, 127, np.int8)
    assert add(a, 255.0, 0, b, 255.0, 0, 1.0, 0, kernels="xnnpack").tolist() == [127] * 16
    assert add(a, 256.0, 0, b, 1.0, 0, 1.0, 58, kernels="xnnpack").tolist() == [127] * 16  # 32,639 + 58 fits
    assert add(a, 300.0, 0, b, 1.0, 0, 1.0, 58, kernels="xnnpack").tolist() == [-128] * 16
    tie, zero = np.array([-1], np.int8), np.zeros(1, np.int8)  # -1/2, beside a scale that XNNPACK refuses
    assert add(tie, 0.5, 0, zero, 2.0**-10, 0, 1.0, 0, kernels="xnnpack").tolist() == [0]
    assert add(tie, 0.5, 0, zero, 2.0**-11, 0, 1.0, 0, kernels="xnnpack").tolist() == [-1]
    # 200 · 250 · 9.9999e-6 is 0.499995; two roundings make it 1, which XNNPACK would not
    a_tie, b_tie = np.array([100], np.int8), np.array([125], np.int8)
    assert mul(a_tie, 9.9999e-6, -100, b_tie, 1.0, -125, 1.0, 0, kernels="xnnpack").tolist() == [1]
    assert mul(a, 255.0, 0, b, 1.0, 0, 1.0, 58, kernels="xnnpack").tolist() == [127] * 16
    assert mul(a, 256.0, 0, b, 1.0, 0, 1.0, 58, kernels="xnnpack").tolist() == [-128] * 16


def test_what_xnnpack_leaves_is_limited_as_the_optimized_kernel_does():
    """LiteRT 2.3.0: 6 / 4 + 1 is 2 or, where XNNPACK refuses a scale, 3."""
    a, b, zero = np.array([100], np.int8), np.array([100], np.int8), np.zeros(1, np.int8)
    for operator in (add, sub):
        assert operator(a, 2.0, 0, zero, 1.0, 0, 4.0, 1, "relu6", "xnnpack") == 2
        assert operator(a, 2.0, 0, zero, 2.0**-13, 0, 4.0, 1, "relu6", "xnnpack") == 3
    assert mul(a, 2.0, 0, b, 1.0, 0, 4.0, 1, "relu6", "xnnpack") == 2
    assert mul(a, 2.0, 0, b, 1024.0, 0, 4.0, 1, "relu6", "xnnpack") == 3


@pytest.mark.parametrize("axes, sum_of_minus_half, product_of_half", [(6, 0, 0), (7, -1, 1)])
def test_xnnpack_takes_no_more_than_six_axes(axes, sum_of_minus_half, product_of_half):
    """LiteRT 2.3.0."""
    one, shape = np.ones(1, np.int8), (1,) * axes
    for operator in (add, sub):
        y = operator(-one.reshape(shape), 0.5, 0, one - one, 0.5, 0, 1.0, 0, kernels="xnnpack")
        assert (y.shape, y.item()) == (shape, sum_of_minus_half)
    for a, b in ((one.reshape(shape), one), (one, one.reshape(shape))):
        assert mul(a, 0.5, 0, b, 1.0, 0, 1.0, 0, kernels="xnnpack").item() == product_of_half


@pytest.mark.parametrize(
    ("a_shape", "b_shape", "run"),
    [
        ((50,), (1,), 50),
        ((3, 19), (1, 19), 19),
        ((3, 19), (3, 1), 19),
        ((2, 3, 4, 5), (2, 3, 1, 1), 20),
        ((2, 3, 4, 5), (3, 4, 5), 60),
        ((2, 3, 4, 5), (3, 1, 1), 0),
        ((5, 1, 20), (4, 1), 0),
        ((2, 1, 3, 20), (2, 2, 3, 20), 60),
    ],
)
def test_runs_of_the_optimized_loop_are_those_of_the_runtime(a_shape, b_shape, run):
    """Seen in LiteRT 2.3.0: which elements of an ADD far out of range wrapped around."""
    assert run_length(a_shape, b_shape) == run
    assert run_length(b_shape, a_shape) == run


@pytest.mark.parametrize("kernels", KERNELS)
def test_broadcasting_is_that_of_repeated_inputs(kernels):
    rng = np.random.default_rng(2)
    a, b = rng.integers(-128, 128, (4, 5, 7)).astype(np.int8), rng.integers(-128, 128, (5, 1)).astype(np.int8)
    repeated = np.broadcast_to(b, a.shape)
    for operator in (add, sub, mul):
        constants = (0.1, 3, b, 0.2, -4, 0.3, 5, "relu", kernels)
        y = operator(a, *constants)
        assert np.array_equal(y, operator(a, 0.1, 3, repeated, 0.2, -4, 0.3, 5, "relu", kernels))
    assert add(a[:0], *constants).shape == (0, 5, 7)


def test_inputs_of_two_dtypes_are_refused():
    with pytest.raises(TypeError, match="b must have the dtype of a, got int16 and int8"):
        add(np.zeros(3, np.int8), 1.0, 0, np.zeros(3, np.int16), 1.0, 0, 1.0, 0)
    with pytest.raises(TypeError, match="a must be int8 or int16, got uint8"):
        mul(np.zeros(3, np.uint8), 1.0, 0, np.zeros(3, np.int8), 1.0, 0, 1.0, 0)


def naive_pools(x, window, stride, padding):
    """Lists of the taps inside the image, for each output."""
    n, h, w, c = x.shape
    (kh, kw), (sh, sw) = window, stride
    if padding == "SAME":
        oh, ow = -(-h // sh), -(-w // sw)
        top, left = max((oh - 1) * sh + kh - h, 0) // 2, max((ow - 1) * sw + kw - w, 0) // 2
    else:
        oh, ow, top, left = (h - kh) // sh + 1, (w - kw) // sw + 1, 0, 0
    for image, i, j, channel in np.ndindex(n, oh, ow, c):
        rows = [r for r in range(i * sh - top, i * sh - top + kh) if 0 <= r < h]
        columns = [q for q in range(j * sw - left, j * sw - left + kw) if 0 <= q < w]
        yield [int(x[image, r, q, channel]) for r in rows for q in columns]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_pools_are_those_of_a_plain_loop(padding, dtype):
    rng = np.random.default_rng(6)
    x = rng.integers(-20, 21, (2, 5, 6, 3)).astype(dtype)
    for window, stride in (((2, 2), (2, 2)), ((3, 2), (1, 2)), ((1, 4), (3, 1))):
        means, maxima = [], []
        for taps in naive_pools(x, window, stride, padding):
            mean = Fraction(sum(taps), len(taps))
            rounded = int(abs(mean) + Fraction(1, 2))
            means.append(rounded if mean > 0 else -rounded)
            maxima.append(max(taps))
        for kernels in KERNELS:
            assert average_pool_2d(x, window, stride, padding, kernels=kernels).ravel().tolist() == means
            assert max_pool_2d(x, window, stride, padding, kernels=kernels).ravel().tolist() == maxima


def test_pools_clip_to_the_activation():
    x = np.array([-100, -100, 50, 50], np.int8).reshape(1, 1, 4, 1)
    assert average_pool_2d(x, (1, 2), None, "VALID", 0.5, -10, "relu6").ravel().tolist() == [-10, 2]
    assert max_pool_2d(x, (1, 2), None, "VALID", 0.5, -10, "relu").ravel().tolist() == [-10, 50]


def test_pools_want_images():
    with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, C\)"):
        max_pool_2d(np.zeros((4, 4), np.int8), 2)


@pytest.mark.parametrize("operator", [add, sub, mul])
@pytest.mark.parametrize(
    "error, match, changed",
    [
        (TypeError, "zero_point must be an integer", dict(y_zero_point=2.7)),
        (TypeError, "zero_point must be an integer", dict(y_zero_point=True)),
        (ValueError, "zero_point must lie within", dict(y_zero_point=1000)),
        (ValueError, "a_zero_point must lie within", dict(a_zero_point=-129)),
        (TypeError, "b_zero_point must be an integer", dict(b_zero_point=[1, 2])),
        (ValueError, r"y_scale must be one number, got shape \(2,\)", dict(y_scale=[1.0, 2.0])),
        (ValueError, r"a_scale must be one number, got shape \(2,\)", dict(a_scale=[1.0, 2.0])),
        (
            ValueError,
            r"a and b must broadcast together, got shapes \(2,\) and \(3,\)",
            dict(b=np.zeros(3, np.int8)),
        ),
    ],
)
def test_two_inputs_are_checked(operator, error, match, changed):
    x = np.zeros(2, np.int8)
    arguments = dict(a=x, a_scale=1.0, a_zero_point=0, b=x, b_scale=1.0, b_zero_point=0)
    arguments |= dict(y_scale=1.0, y_zero_point=0)
    with pytest.raises(error, match=match):
        operator(**(arguments | changed))


@pytest.mark.parametrize("pool", [average_pool_2d, max_pool_2d])
def test_pools_check_scale_and_zero_point(pool):
    x = np.zeros((1, 2, 2, 1), np.int8)
    with pytest.raises(TypeError, match="zero_point must be an integer"):
        pool(x, 2, zero_point=2.7, activation="relu")
    with pytest.raises(ValueError, match="scale must be one number"):
        pool(x, 2, scale=[1.0, 2.0])


def test_sums_and_products_at_extreme_scales_are_refused_without_a_warning():
    x = np.array([1, -1], np.int8)
    for operator, scales in ((mul, (1e38, 1e38, 1e38)), (add, (3e38, 1e-38, 1e-38))):
        with pytest.raises(ValueError, match="real must be at least 0 and below"):
            operator(x, scales[0], 0, x, scales[1], 0, scales[2], 0, kernels="xnnpack")
    for operator in (add, sub):
        with pytest.raises(ValueError, match=r"y_scale must be below 2\^108, got"):
            operator(x, 3e38, 0, x, 3e38, 0, 3.4e38, 0)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_sums_and_products_are_the_same_in_parts_as_in_one(monkeypatch, kernels, dtype):
    rng = np.random.default_rng(5)
    shapes = [((7, 45), (7, 45)), ((3, 5, 70), (70,)), ((9, 50), (9, 1)), ((4, 1, 6), (5, 1)), ((0, 3), (3,))]
    pairs = [[rng.integers(-128, 128, shape).astype(dtype) for shape in pair] for pair in shapes]
    calls = [
        lambda f=f, a=a, b=b: f(a, 0.9, 0, b, 0.7, 0, 0.004, 100 * (dtype == np.int8), kernels=kernels)
        for f in (add, sub, mul)
        for a, b in pairs
    ]
    whole = [call() for call in calls]
    monkeypatch.setattr("qbref.conventions.parts.LARGEST", 16 * 32)  # two blocks of sixteen
    for call, expected in zip(calls, whole, strict=True):
        assert np.array_equal(call(), expected)


@pytest.mark.parametrize("pool", [average_pool_2d, max_pool_2d])
def test_pools_are_the_same_in_parts_as_in_one(monkeypatch, pool):
    x = np.random.default_rng(3).integers(-128, 128, (3, 9, 8, 2)).astype(np.int8)
    whole = pool(x, 3, 1, "SAME"), pool(x, (2, 3))
    monkeypatch.setattr("qbref.conventions.parts.LARGEST", 400)
    assert np.array_equal(pool(x, 3, 1, "SAME"), whole[0]) and np.array_equal(pool(x, (2, 3)), whole[1])
