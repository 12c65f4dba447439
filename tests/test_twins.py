"""Every NumPy kernel and its compiled twin: same name, same signature, same bits, same errors.

The pairs are found by file name, so a kernel without a twin, or a twin without cases here, fails.
"""

import importlib
import inspect
import os
from pathlib import Path

import numpy as np
import pytest

import qbref.kernels
from tests.twins.arrays import Packed

PURE = os.environ.get("QBREF_PURE", "0") not in ("", "0")
if PURE:
    pytest.skip("QBREF_PURE is set: there are no compiled twins to compare", allow_module_level=True)

FOLDER = Path(qbref.kernels.__file__).parent
FILES = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem != "backend" and not p.stem.startswith("_"))
TYPES = {"PackedFilters", "PackedRhs", "Requantization", "Threshold"}
SETTINGS = {"get_num_threads", "set_num_threads", "kernel_in_use"}  # what only the compiled package has


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


def collected(table):
    """The CASES or BAD_CALLS of all files in tests/twins."""
    files = [importlib.import_module(f"tests.twins.{file}") for file in FILES]
    return {name: value for file in files for name, value in getattr(file, table).items()}


CASES, BAD_CALLS = collected("CASES"), collected("BAD_CALLS")


# the comparison


def assert_same(expected, result):
    if hasattr(expected, "unpack"):  # packed operands differ inside, but hold the same
        assert result.shape == expected.shape
        assert result.dtype == expected.dtype
        expected, result = expected.unpack(), result.unpack()
    assert type(result) is type(expected)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert np.array_equal(result, expected)
    assert result.dtype.kind != "f" or result.tobytes() == expected.tobytes()  # 0.0 is not -0.0


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

    functions = set(qbref.kernels.__all__) - {"default"} - TYPES
    assert set(qbref_core.__all__) - SETTINGS - TYPES == functions == set(TWINS)
    for name, (reference, twin) in TWINS.items():
        assert getattr(qbref.kernels, name) is reference
        assert getattr(qbref_core, name) is twin


def test_every_function_has_cases_and_bad_calls():
    assert set(CASES) == set(BAD_CALLS) == set(TWINS)


def runnable_here():
    """Every set of instructions that this processor can be held to, from none to all it has."""
    from qbref_core import cpu

    usable = [s.name for s in cpu.instruction_sets() if s.built and s.system and s.wanted]
    return ["+".join(usable[: n + 1]) for n in range(len(usable))]


def arrays_in(arguments):
    for a in arguments:
        if isinstance(a, np.ndarray):
            yield a
        elif isinstance(a, tuple):
            yield from arrays_in(a)


def packed_by(backend, arguments):
    """Operands that the cases want packed, packed by one of the backends."""
    return [getattr(backend, a.pack)(a.array) if isinstance(a, Packed) else a for a in arguments]


@pytest.fixture
def poisoned(monkeypatch):
    """Memory from np.empty holds 0xA5 in every byte: a result that is not written, or not all, shows."""
    empty = np.empty

    def poisoned_empty(*arguments, **options):
        array = empty(*arguments, **options)
        array.reshape(-1).view(np.uint8)[...] = 0xA5
        return array

    monkeypatch.setattr(np, "empty", poisoned_empty)
    assert np.empty(2, np.int16).tolist() == [-23131, -23131]


@pytest.mark.parametrize("instructions", runnable_here())
@pytest.mark.parametrize("name", CASES)
def test_twins_return_the_same_bits(name, instructions, poisoned):
    import qbref_core
    from qbref_core import cpu

    reference, twin = TWINS[name]
    with cpu.use(*instructions.split("+")):
        for arguments in CASES[name]():
            before = [a.copy() for a in arrays_in(arguments)]
            assert_same(
                reference(*packed_by(qbref.kernels, arguments)), twin(*packed_by(qbref_core, arguments))
            )
            for old, new in zip(before, arrays_in(arguments), strict=True):
                assert old.tobytes() == new.tobytes(), "an argument was changed"


@pytest.mark.parametrize("name", BAD_CALLS)
def test_twins_refuse_the_same_calls_in_the_same_words(name):
    import qbref_core

    reference, twin = TWINS[name]
    for arguments in BAD_CALLS[name]:
        expected = outcome(reference, packed_by(qbref.kernels, arguments))
        result = outcome(twin, packed_by(qbref_core, arguments))
        assert isinstance(expected, (TypeError, ValueError)), arguments
        assert type(result) is type(expected), arguments
        assert str(result) == str(expected)


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
