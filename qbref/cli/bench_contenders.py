"""What competes in `qbref bench`: NumPy, variants of the compiled kernels, functions of the user's."""

from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np

from qbref import kernels
from qbref.cli.bench_rounds import Contender
from qbref.cli.machine import up_to
from qbref.quant import pack_int4

KINDS = ("float64", "int8", "xnor", "int4")
DEEPEST = 131_071  # sums of more products of int8 could leave int32


class Backend:
    """The compiled kernels, and how to hold them to a variant."""

    def __init__(self, core, cpu):
        self.core, self.cpu = core, cpu

    def held(self, kernel):
        """(variant, context manager factory) for each variant of a kernel that runs here, slowest first."""
        for variant in self.cpu.variants(kernel):
            yield variant, partial(self.cpu.use, *up_to(variant, self.cpu.INSTRUCTION_SETS))

    @contextmanager
    def threads(self, n, hold=nullcontext):
        """Context manager: kernels use up to n threads, and are held to what `hold` says."""
        before = self.core.get_num_threads()
        self.core.set_num_threads(n)
        try:
            with hold():
                yield
        finally:
            self.core.set_num_threads(before)


def products(backend, shape, kinds, factories=()):
    """Contenders for a product (M, K) by (K, N), NumPy's float32 first.

    Parameters
    ----------
    backend : Backend
    shape : (M, K, N)
    kinds : sequence of str
        Some of `KINDS`.
    factories : sequence of (name, callable)
        The callable gets int8 matrices (M, K) and (K, N), and returns the function to be timed.

    Returns
    -------
    list of Contender
    """
    m, k, n = shape
    rng = np.random.default_rng(0)
    lhs, rhs = (rng.integers(-128, 128, size, np.int8) for size in ((m, k), (k, n)))
    expected = kernels.int8_matmul(lhs, rhs)
    found = [_numpy_float32(lhs, rhs)]
    if "float64" in kinds:
        call = partial(kernels.int8_matmul, lhs, kernels.pack_rhs(rhs))
        found.append(Contender("numpy int8 in float64", "float64", None, call, expected, *_bytes(shape, 8)))
    if "int8" in kinds:
        found += _int8(backend, lhs, rhs, expected)
    if "int4" in kinds:
        found += _int4(backend, lhs, rng.integers(-8, 8, (n, k), np.int8))
    if "xnor" in kinds:
        found += _xnor(backend, *(rng.normal(size=s).astype(np.float32) for s in ((m, k), (n, k))))
    return found + [_of_the_users(name, factory, lhs, rhs, expected) for name, factory in factories]


def _bytes(shape, lhs_bytes, rhs_bytes=None):
    """Bytes of the right-hand side, and of everything with results of four bytes; from bytes per element."""
    m, k, n = shape
    weights = round(k * n * (lhs_bytes if rhs_bytes is None else rhs_bytes))
    return weights, round(m * k * lhs_bytes) + weights + 4 * m * n


def _numpy_float32(lhs, rhs):
    x, w = lhs.astype(np.float32), rhs.astype(np.float32)
    moved = _bytes((*x.shape, w.shape[1]), 4)
    return Contender("numpy float32", "float32", None, partial(np.matmul, x, w), None, *moved)


def _int8(backend, lhs, rhs, expected):
    moved = _bytes((*lhs.shape, rhs.shape[1]), 1)
    for variant, hold in backend.held("int8_matmul"):
        with hold():
            call = partial(backend.core.int8_matmul, lhs, backend.core.pack_rhs(rhs))
        yield Contender(f"int8 {variant}", "int8", variant, call, expected, *moved, hold)


def _int4(backend, lhs, weights):
    packed, expected = pack_int4(weights), kernels.int8_matmul(lhs, np.ascontiguousarray(weights.T))
    moved = _bytes((*lhs.shape, len(weights)), 1, 0.5)
    for variant, hold in backend.held("int4_matmul"):
        call = partial(backend.core.int4_matmul, lhs, packed)
        yield Contender(f"int4 weights, {variant}", "int4", variant, call, expected, *moved, hold)


def _xnor(backend, x, w):
    core, k = backend.core, x.shape[1]
    expected = (signs(x) @ signs(w).T).astype(np.int32)
    a, b = core.pack_bits(x), core.pack_bits(w)
    shape = (*x.shape, len(w))
    for variant, hold in backend.held("xnor_matmul"):
        call = partial(core.xnor_matmul, a, b, k)
        yield Contender(f"xnor {variant}", "xnor", variant, call, expected, *_bytes(shape, 1 / 8), hold)

    def packing_too():
        return core.xnor_matmul(core.pack_bits(x), b, k)

    name = f"xnor {variant}, packing x"
    yield Contender(name, "xnor", variant, packing_too, expected, *_bytes(shape, 4, 1 / 8), hold)


def _of_the_users(name, factory, lhs, rhs, expected):
    moved = _bytes((*lhs.shape, rhs.shape[1]), 1)
    try:
        call = factory(lhs.copy(), rhs.copy())
    except Exception as error:  # a user's function may raise anything
        call = partial(_raise, error)
    if not callable(call):
        call = partial(
            _raise, TypeError(f"it must return a function without arguments, got {type(call).__name__}")
        )
    return Contender(name, "against", None, call, expected, *moved)


def _raise(error):
    raise error


def signs(x):
    """+1.0 or -1.0 in float32, as `pack_bits` understands x."""
    return np.where(x < 0, np.float32(-1), np.float32(1))
