"""Every NumPy kernel and its compiled twin: same name, same signature, same bits, same errors.

The pairs are found by file name, so a kernel without a twin, or a twin without cases here, fails.
"""

import importlib
import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qbref.kernels

PURE = os.environ.get("QBREF_PURE", "0") not in ("", "0")
if PURE:
    pytest.skip("QBREF_PURE is set: there are no compiled twins to compare", allow_module_level=True)

FOLDER = Path(qbref.kernels.__file__).parent
FILES = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem != "backend" and not p.stem.startswith("_"))
MODES = ("single", "double", "half_up_twice", "float32", "float64")
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def public_functions(module):
    """Functions defined in a module, Python or Cython, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and inspect.isroutine(value) and value.__module__ == module.__name__
    }


def pairs():
    for file in FILES:
        reference = public_functions(importlib.import_module(f"qbref.kernels.{file}"))
        twin = public_functions(importlib.import_module(f"qbref_core.{file}"))
        yield file, reference, twin


TWINS = {name: (reference[name], twin.get(name)) for _, reference, twin in pairs() for name in reference}


# cases: tuples of arguments


def layouts(x):
    """The same values as `x`, contiguous, read-only, transposed in memory, and in strides of both signs."""
    yield x
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen
    yield np.asfortranarray(x)
    spread = np.zeros([2 * n for n in x.shape], x.dtype)[tuple(slice(None, None, -2) for _ in x.shape)]
    spread[...] = x
    yield spread


def int8_values(rng, shape, dtype):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def int8_matmul_cases():
    rng = np.random.default_rng(1)
    shapes = [
        (0, 3, 2),
        (3, 0, 2),
        (3, 2, 0),
        (0, 0, 0),
        (1, 1, 1),
        (1, 5, 17),
        (2, 7, 3),
        (3, 8, 32),
        (4, 9, 16),
    ]
    shapes += [(5, 16, 16), (5, 64, 33), (6, 6, 16), (7, 27, 16), (13, 63, 15), (50, 65, 31), (25, 2, 1)]
    dtypes = (np.int8, np.uint8)
    for (m, k, n), lhs_dtype, rhs_dtype in itertools.product(shapes, dtypes, dtypes):
        lhs, rhs = int8_values(rng, (m, k), lhs_dtype), int8_values(rng, (k, n), rhs_dtype)
        rows, columns = int8_values(rng, m, lhs_dtype), int8_values(rng, n, rhs_dtype)
        yield lhs, rhs
        yield lhs, rhs, int(np.iinfo(lhs_dtype).max), int(np.iinfo(rhs_dtype).min)
        yield lhs, rhs, rows, columns
        yield lhs, rhs, rows.astype(np.int32), np.array(3, np.int32)
        for a, b in zip(layouts(lhs), layouts(rhs), strict=True):
            yield a, b, 5, columns
            yield lhs, b, 0, 7
    for lhs, rhs in itertools.product((-128, 127), repeat=2):  # the deepest sums that are allowed
        yield np.full((1, 131_071), lhs, np.int8), np.full((131_071, 1), rhs, np.int8)
        yield np.full((5, 131_071), lhs, np.int8), np.full((131_071, 2), rhs, np.int8)
        yield np.full((5, 65_793), 255, np.uint8), np.full((65_793, 17), rhs, np.int8)
        yield np.full((5, 33_025), 255, np.uint8), np.full((33_025, 16), 255, np.uint8)


def requantize_cases():
    rng = np.random.default_rng(2)
    ranges = [
        (-128, 127),
        (-7, 7),
        (0, 255),
        (3, 200),
        (-(2**15), 2**15 - 1),
        (0, 2**16 - 1),
        (INT32_MIN, INT32_MAX),
    ]
    multipliers = [0, 1, 2**30, 3 * 2**29, 2**31 - 1, 1_527_099_520, 1_389_471_203]
    for mode, shift in itertools.product(MODES, range(-31, 31)):
        multiplier = multipliers[shift % len(multipliers)]
        x = near_ties(rng, multiplier, shift)
        for qmin, qmax in ranges:
            yield x, multiplier, shift, 0, qmin, qmax, mode
            yield x, multiplier, shift, rng.integers(qmin, qmax, endpoint=True), qmin, qmax, mode
        yield x, multiplier, shift, INT32_MAX, -128, 127, mode
        yield x, multiplier, shift, INT32_MIN, 0, 255, mode
    for mode, channels in itertools.product(MODES, (1, 3, 8, 10, 32, 600)):
        multiplier = rng.integers(2**30, 2**31, channels)
        shift = rng.integers(-12, 1, channels).astype(np.int32)
        x = np.stack([near_ties(rng, m, s)[:40] for m, s in zip(multiplier, shift, strict=True)], axis=-1)
        for qmin, qmax in ranges:
            zero_point = min(max(11, qmin), qmax)
            yield x, multiplier.astype(np.int32), shift, zero_point, qmin, qmax, mode
            yield x, multiplier, -5, zero_point, qmin, qmax, mode
            yield x, 2**30, shift, zero_point, qmin, qmax, mode
        for layout in layouts(x):
            yield layout, multiplier, shift, 3, -128, 127, mode
            yield layout.reshape(2, 20, channels), multiplier, shift, 3, 0, 255, mode
            yield layout, 2**30 + 1, -7, 3, -128, 127, mode
        for shape in ((0,), (channels,), (0, channels), (2, 0, channels)):
            yield np.zeros(shape, np.int32), 2**30, -3, 1, -128, 127, mode
            yield np.zeros(shape, np.int32), np.full(shape[-1], 2**30), -3, 1, -128, 127, mode


def near_ties(rng, multiplier, shift):
    """Accumulators whose exact product lies at or beside a half, the extreme ones, and random ones."""
    half_odd = rng.integers(-400, 400, 40) + 0.5
    ties = np.rint(half_odd * 2.0 ** (31 - shift) / max(multiplier, 1))
    ties = np.clip(ties, INT32_MIN + 1, INT32_MAX - 1).astype(np.int64)
    extreme = [INT32_MIN, INT32_MIN + 1, -3, -2, -1, 0, 1, 2, 3, INT32_MAX - 1, INT32_MAX]
    return np.concatenate([ties - 1, ties, ties + 1, extreme, rng.integers(INT32_MIN, INT32_MAX, 40)]).astype(
        np.int32
    )


def pack_bits_cases():
    rng = np.random.default_rng(3)
    special = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-45, -1e-45]
    for dtype in (np.float32, np.float64):
        yield (np.array(special, np.float64).astype(dtype),)
        yield (np.array(special * 13, np.float64).astype(dtype),)
    shapes = [(0,), (1,), (7,), (63,), (64,), (65,), (3, 130), (2, 0), (0, 65), (2, 3, 192)]
    for shape, dtype in itertools.product(shapes, (np.float32, np.float64, np.int8, np.bool_)):
        x = rng.integers(-2, 2, shape).astype(dtype)
        for layout in layouts(x):
            yield (layout,)
    yield (np.array([-128, -1, 0, 1, 127] * 30, np.int8),)


def words_of(rng, shape):
    return qbref.kernels.pack_bits(rng.random(shape) < 0.5)


def unpack_bits_cases():
    rng = np.random.default_rng(4)
    for shape in [(0,), (1,), (63,), (64,), (65,), (3, 130), (2, 0), (0, 65), (2, 3, 192)]:
        for layout in layouts(words_of(rng, shape)):
            yield layout, shape[-1]
            yield layout, np.int64(shape[-1])


def xnor_matmul_cases():
    rng = np.random.default_rng(5)
    for k, m, n in itertools.product((0, 1, 63, 64, 65, 128, 200, 1000), (0, 1, 3, 8), (0, 1, 4, 7)):
        a, b = words_of(rng, (m, k)), words_of(rng, (n, k))
        yield a, b, k
        for first, second in zip(layouts(a), layouts(b), strict=True):
            yield first, second, k
    yield words_of(rng, (3, 2560)), words_of(rng, (101, 2560)), 2560  # more rows than a block holds
    ones = qbref.kernels.pack_bits(np.ones((2, 130), np.bool_))
    yield ones, np.zeros((5, 3), np.uint64), 130


def im2col_cases():
    rng = np.random.default_rng(6)
    geometries = [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (2, 3, 0, 1), (3, 1, 2, 2), (5, 2, 4, 1)]
    geometries += [
        ((1, 3), (2, 1), (0, 1), (1, 1)),
        ((2, 3), (1, 2), (3, 2), (2, 1)),
        ((3, 1), 1, (0, 2), (1, 3)),
    ]
    for shape, geometry in itertools.product(
        [(0, 7, 6, 2), (1, 7, 6, 1), (2, 7, 6, 3), (2, 5, 9, 16), (1, 6, 6, 0)], geometries
    ):
        for dtype, pad_value in ((np.int8, -128), (np.uint8, 255), (np.uint64, 2**64 - 1), (np.uint64, 0)):
            x = rng.integers(0, 100, shape).astype(dtype)
            for layout in layouts(x):
                yield layout, *geometry, pad_value
    yield np.arange(1, 4, dtype=np.int8).reshape(1, 1, 3, 1), (1, 3), 1, (0, 5)  # columns of padding alone
    yield np.arange(1, 4, dtype=np.int8).reshape(1, 3, 1, 1), 3, 2, 4, 1, 9


def lut_matmul_cases():
    rng = np.random.default_rng(7)
    shapes = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 5, 17), (7, 27, 16), (13, 64, 33), (4, 9, 3)]
    for (m, k, n), dtype in itertools.product(shapes, (np.int8, np.uint8)):
        lhs, table = int8_values(rng, (m, k), dtype), int8_values(rng, 16, np.int8)
        codes = int8_values(rng, (n, (k + 1) // 2), np.uint8)  # the spare nibble of an odd k is not zero
        yield lhs, codes, table
        yield lhs, codes, table, int8_values(rng, m, dtype)
        for a, b in zip(layouts(lhs), layouts(codes), strict=True):
            yield a, b, table[::-1], int(np.iinfo(dtype).max)
    yield np.full((2, 65_793), 255, np.uint8), np.zeros((3, 32_897), np.uint8), np.full(16, -128, np.int8)


CASES = {
    "im2col": im2col_cases,
    "int8_matmul": int8_matmul_cases,
    "lut_matmul": lut_matmul_cases,
    "pack_bits": pack_bits_cases,
    "requantize": requantize_cases,
    "unpack_bits": unpack_bits_cases,
    "xnor_matmul": xnor_matmul_cases,
}


# calls that must fail, in both in the same way


def int8(*shape):
    return np.ones(shape, np.int8)


def words(*shape):
    return np.ones(shape, np.uint64)


def acc(*shape):
    return np.ones(shape, np.int32)


BAD_CALLS = {
    "im2col": [
        ([[[[1]]]], 1),
        (int8(1, 3, 3), 1),
        (np.ones((1, 3, 3, 1), np.int16), 1),
        (np.ones((1, 3, 3, 1), np.float32), 1),
        (int8(1, 3, 3, 1), 4),
        (int8(1, 3, 3, 1), (1, 2), 1, 0, (1, 3)),
        (int8(1, 3, 3, 1), 0),
        (int8(1, 3, 3, 1), 1.0),
        (int8(1, 3, 3, 1), (1, 1, 1)),
        (int8(1, 3, 3, 1), 1, 0),
        (int8(1, 3, 3, 1), 1, 1, -1),
        (int8(1, 3, 3, 1), 1, 1, 0, 0),
        (int8(1, 3, 3, 1), 1, 1, 0, 1, 128),
        (int8(1, 3, 3, 1).view(np.uint8), 1, 1, 0, 1, -1),
        (int8(1, 3, 3, 1), 1, 1, 0, 1, 0.0),
    ],
    "int8_matmul": [
        ([[1]], int8(1, 1)),
        (int8(1, 1), None),
        (int8(1, 1), np.ones((1, 1), np.int16)),
        (np.ones((1, 1), np.float32), int8(1, 1)),
        (int8(1), int8(1, 1)),
        (int8(1, 1), int8(1, 1, 1)),
        (int8(2, 3), int8(4, 5)),
        (int8(2, 3), int8(3, 5), 128),
        (int8(2, 3), int8(3, 5).view(np.uint8), 0, -1),
        (int8(2, 3), int8(3, 5), 0.0),
        (int8(2, 3), int8(3, 5), "0"),
        (int8(2, 3), int8(3, 5), [1.0, 2.0]),
        (int8(2, 3), int8(3, 5), [1, 2, 3]),
        (int8(2, 3), int8(3, 5), [1, 128]),
        (int8(2, 3), int8(3, 5), 0, [1, 2]),
        (int8(1, 131_072), int8(131_072, 1)),
        (int8(1, 65_794).view(np.uint8), int8(65_794, 1)),
        (int8(2, 65_794), int8(65_794, 1), [0, 127]),
    ],
    "lut_matmul": [
        ([[1]], np.ones((1, 1), np.uint8), int8(16)),
        (int8(1, 2), int8(1, 1), int8(16)),
        (int8(1, 2), np.ones((1, 1), np.uint8), np.ones(16, np.uint8)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(15)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(4, 4)),
        (int8(1, 2), np.ones((1, 2), np.uint8), int8(16)),
        (int8(1, 2), np.ones(1, np.uint8), int8(16)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(16), 128),
        (int8(1, 131_072), np.ones((1, 65_536), np.uint8), int8(16)),
    ],
    "pack_bits": [
        ([1.0],),
        (np.float32(1),),
        (np.array(1.0),),
        (np.ones(3, np.int32),),
        (np.ones(3, np.float16),),
        (np.ones(3, ">f4"),),
    ],
    "requantize": [
        ([1], 2**30, 0, 0, 0, 1),
        (int8(3), 2**30, 0, 0, 0, 1),
        (np.ones(3), 2**30, 0, 0, 0, 1),
        (np.array(3, np.int32), 2**30, 0, 0, 0, 1),
        (acc(3), -1, 0, 0, 0, 1),
        (acc(3), 2**31, 0, 0, 0, 1),
        (acc(3), 0.5, 0, 0, 0, 1),
        (acc(3), [1.0, 2.0, 3.0], 0, 0, 0, 1),
        (acc(3), [1, 2], 0, 0, 0, 1),
        (acc(3), [1, 2, -3], 0, 0, 0, 1),
        (acc(3, 0), [1], 0, 0, 0, 1),
        (acc(3), 2**30, 31, 0, 0, 1),
        (acc(3), 2**30, [0, 0, -32], 0, 0, 1),
        (acc(3), 2**30, 0, 0.0, 0, 1),
        (acc(3), 2**30, 0, 2**31, 0, 1),
        (acc(3), 2**30, 0, 0, 2, 1),
        (acc(3), 2**30, 0, 0, 0, 2**31),
        (acc(3), 2**30, 0, 0, 0, 1, "half_even"),
        (acc(3), 2**30, 0, 0, 0, 1, None),
    ],
    "unpack_bits": [
        ([1], 1),
        (np.ones(1, np.int64), 1),
        (words(1), 65),
        (words(2), 64),
        (words(1), 0),
        (words(1), -1),
        (words(1), 1.0),
        (np.array(1, np.uint64), 1),
        (np.array([4], np.uint64), 2),
    ],
    "xnor_matmul": [
        ([[1]], words(1, 1), 64),
        (words(1, 1), np.ones((1, 1), np.int64), 64),
        (words(1), words(1, 1), 64),
        (words(1, 1), words(1, 2), 64),
        (words(1, 1), words(1, 1), 65),
        (words(1, 1), words(1, 1), -1),
        (words(1, 1), words(1, 1), 3.0),
        (words(2, 1) << np.uint64(3), words(1, 1), 3),
        (words(1, 1), words(2, 1) << np.uint64(63), 63),
    ],
}


# the comparison


def assert_same(expected, result):
    assert type(result) is type(expected)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert np.array_equal(result, expected)


def outcome(function, arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return error


def test_every_kernel_file_has_a_twin_with_the_same_functions_and_signatures():
    assert {"int8_matmul", "requantize", "xnor_matmul"} <= set(FILES)
    for file, reference, twin in pairs():
        assert reference.keys() == twin.keys(), file
        for name in reference:
            assert inspect.signature(reference[name]) == inspect.signature(twin[name]), name


def test_both_packages_export_the_same_functions():
    import qbref_core

    assert set(qbref_core.__all__) == set(qbref.kernels.__all__) - {"default"} == set(TWINS)
    for name, (reference, twin) in TWINS.items():
        assert getattr(qbref.kernels, name) is reference
        assert getattr(qbref_core, name) is twin


def test_every_function_has_cases_and_bad_calls():
    assert set(CASES) == set(BAD_CALLS) == set(TWINS)


@pytest.mark.parametrize("name", CASES)
def test_twins_return_the_same_bits(name):
    reference, twin = TWINS[name]
    for arguments in CASES[name]():
        before = [np.copy(a) for a in arguments]
        assert_same(reference(*arguments), twin(*arguments))
        assert all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(before, arguments, strict=True)
        )


@pytest.mark.parametrize("name", BAD_CALLS)
def test_twins_refuse_the_same_calls_in_the_same_words(name):
    reference, twin = TWINS[name]
    for arguments in BAD_CALLS[name]:
        expected, result = outcome(reference, arguments), outcome(twin, arguments)
        assert isinstance(expected, (TypeError, ValueError)), arguments
        assert type(result) is type(expected), arguments
        assert str(result) == str(expected)


def test_baseline_instructions_return_the_same_bits():
    """The same comparison, in a process where the processor is not asked for anything newer."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        "same_bits and not baseline",
    ]
    environment = {**os.environ, "QBREF_BASELINE": "1"}
    finished = subprocess.run(command, env=environment, cwd=FOLDER.parents[1], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout
    assert f"{len(CASES)} passed" in finished.stdout


@pytest.mark.parametrize(
    "result",
    [
        np.array([1, 2], np.int16),
        np.array([1, 3], np.int32),
        np.array([[1, 2]], np.int32),
        np.array([1], np.int32),
        [1, 2],
    ],
    ids=["dtype", "value", "shape", "length", "type"],
)
def test_the_comparison_notices_a_difference_in(result):
    with pytest.raises(AssertionError):
        assert_same(np.array([1, 2], np.int32), result)
