# cython: wraparound=True
# Which variant of each kernel runs here, and why not another.
#
# A variant must be built (the compiler knew its instructions), usable (the processor has them and the
# operating system saves their registers) and wanted (QBREF_KERNELS, or use() below). The fastest such is
# chosen.

"""The processor's instruction sets, and the variants of the kernels that use them."""

import os
from contextlib import contextmanager
from typing import NamedTuple

cdef extern from "cpu.h" nogil:
    void qb_detect(int *processor, int *usable)
    void qb_processor_name(char *name)
    enum:
        QB_SSE2, QB_POPCNT, QB_AVX2, QB_AVXVNNI, QB_AVX512, QB_AVX512VNNI, QB_AVX512VPOPCNTDQ, QB_AMX

cdef extern from *:
    """
    #if defined(__clang__) || defined(__GNUC__)
    #define QB_COMPILER __VERSION__
    #elif defined(_MSC_VER)
    #define QB_STRING(x) #x
    #define QB_NUMBER(x) QB_STRING(x)
    #define QB_COMPILER "MSVC " QB_NUMBER(_MSC_VER)
    #else
    #define QB_COMPILER "unknown"
    #endif
    #if defined(__clang__)
    #define QB_COMPILER_NAME ""
    #elif defined(__GNUC__)
    #define QB_COMPILER_NAME "gcc "
    #else
    #define QB_COMPILER_NAME ""
    #endif
    static const int qb_built = 0
    #ifdef QB_BUILD_SSE2
        | QB_SSE2
    #endif
    #ifdef QB_BUILD_POPCNT
        | QB_POPCNT
    #endif
    #ifdef QB_BUILD_AVX2
        | QB_AVX2
    #endif
    #ifdef QB_BUILD_AVXVNNI
        | QB_AVXVNNI
    #endif
    #ifdef QB_BUILD_AVX512
        | QB_AVX512
    #endif
    #ifdef QB_BUILD_AVX512VNNI
        | QB_AVX512VNNI
    #endif
    #ifdef QB_BUILD_AVX512VPOPCNTDQ
        | QB_AVX512VPOPCNTDQ
    #endif
    #ifdef QB_BUILD_AMX
        | QB_AMX
    #endif
        ;
    """
    const char *QB_COMPILER
    const char *QB_COMPILER_NAME
    const int qb_built

# name -> bit of cpu.h, slowest first
INSTRUCTION_SETS = {
    "generic": 0,
    "sse2": QB_SSE2,
    "popcnt": QB_POPCNT,
    "avx2": QB_AVX2,
    "avxvnni": QB_AVXVNNI,
    "avx512": QB_AVX512,
    "avx512vnni": QB_AVX512VNNI,
    "avx512vpopcntdq": QB_AVX512VPOPCNTDQ,
    "amx": QB_AMX,
}

# the variants of each kernel, slowest first
VARIANTS = {
    "int8_matmul": ("generic", "sse2", "avx2", "avxvnni", "avx512vnni", "amx"),
    "xnor_matmul": ("generic", "popcnt", "avx2", "avx512vpopcntdq"),
    "int4_matmul": ("generic", "avx2"),
    "lut_matmul": ("generic", "avx2"),
}

cdef int _processor = 0, _usable = 0, _in_use = 0
qb_detect(&_processor, &_usable)


cdef const int* flags() noexcept nogil:
    return &_in_use


class InstructionSet(NamedTuple):
    """What `instruction_sets` says of one: the first False is why it does not run."""

    name: str
    built: bool
    processor: bool
    system: bool
    wanted: bool


def processor():
    """Return the processor's name as it gives it, or '' where it gives none."""
    cdef char[49] name
    qb_processor_name(name)
    return (<bytes>name).decode("ascii", "replace").strip("\0 ")


def compiler():
    """Return the name and version of the C compiler that built the kernels."""
    return (QB_COMPILER_NAME + QB_COMPILER).decode()


def instruction_sets():
    """Return an `InstructionSet` for each that some kernel has a variant for, slowest first."""
    return [
        InstructionSet(
            name,
            not bit or bool(qb_built & bit),
            not bit or bool(_processor & bit),
            not bit or bool(_usable & bit),
            not bit or name in _wanted,
        )
        for name, bit in INSTRUCTION_SETS.items()
    ]


def variants(kernel):
    """Return the names of the variants of `kernel` that can run now, slowest first."""
    return [n for n in VARIANTS[kernel] if not INSTRUCTION_SETS[n] or _in_use & INSTRUCTION_SETS[n]]


def kernel_in_use(kernel=None):
    """Return the variant that a kernel runs with.

    Parameters
    ----------
    kernel : str or None
        A key of `VARIANTS`; None for a dict of all.

    Examples
    --------
    >>> with use("generic"):
    ...     kernel_in_use("int8_matmul")
    'generic'
    """
    if kernel is None:
        return {name: variants(name)[-1] for name in VARIANTS}
    if kernel not in VARIANTS:
        raise ValueError(f"kernel must be one of {', '.join(VARIANTS)}, got {kernel!r}")
    return variants(kernel)[-1]


@contextmanager
def use(*names):
    """Within the block, run only these instruction sets (and generic); weights packed before keep theirs.

    Meant for tests and measurements: it holds for all threads.
    """
    global _in_use, _wanted
    before = _in_use, _wanted
    _want("names", names)
    try:
        yield
    finally:
        _in_use, _wanted = before


def _want(argument, names):
    global _in_use, _wanted
    unknown = [name for name in names if name not in INSTRUCTION_SETS]
    if unknown:
        raise ValueError(f"{argument} must list some of {', '.join(INSTRUCTION_SETS)}, got {unknown[0]!r}")
    _wanted = frozenset(names)
    _in_use = qb_built & _usable & sum(INSTRUCTION_SETS[name] for name in _wanted)


_wanted = frozenset()
_asked = [name.strip() for name in os.environ.get("QBREF_KERNELS", "").split(",") if name.strip()]
_want("QBREF_KERNELS", _asked or INSTRUCTION_SETS)
