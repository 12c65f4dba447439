"""Sums of products uint8 · int8, as wide as the processor keeps them on the way."""

import numpy as np

from qbref.conventions import onnx
from qbref.conventions.differences.search import Family, Rule
from qbref.conventions.products import saturating_matmul

LEVELS = 256


def model(operands, count, two_products_are_kept_in):
    """count · a · w, by the named property.

    Parameters
    ----------
    operands : int array, shape (n, 2)
        a of uint8 and w of int8.
    count : int
    two_products_are_kept_in : {"int32", "int16, which saturates"}
    """
    product = operands[:, 0] * operands[:, 1]
    if two_products_are_kept_in == "int32":
        return count * product
    pairs, single = divmod(count, 2)
    lowest, highest = -(2**15), 2**15 - 1
    return pairs * np.clip(2 * product, lowest, highest) + single * np.clip(product, lowest, highest)


def _by(matmul):
    """Rows that hold one a each, times columns that hold one w each."""

    def function(operands, count):
        rows, columns = np.arange(LEVELS, dtype=np.uint8), np.arange(-128, 128).astype(np.int8)
        table = matmul(np.repeat(rows[:, None], count, axis=1), np.repeat(columns[None], count, axis=0))
        return table[operands[:, 0], operands[:, 1] + 128]

    return function


def _operands(setting, rules):
    a, w = np.indices((LEVELS, LEVELS)).reshape(2, -1) - [[0], [128]]
    return np.stack([a, w], axis=1)[np.lexsort((w < 0, np.abs(w), a))]


ACCUMULATE = Family(
    "sum of uint8 · int8",
    "1 product, then 2, 3, 4 equal ones; then the least uint8, then the least |int8|",
    (
        Rule("ONNX and Runtime", _by(onnx.matmul_integer), {"two_products_are_kept_in": "int32"}),
        Rule(
            "ONNX Runtime on x86 without VNNI",
            _by(saturating_matmul),
            {"two_products_are_kept_in": "int16, which saturates"},
        ),
    ),
    ((1,), (2,), (3,), (4,)),
    _operands,
    model,
    lambda setting, x: f"{setting[0]} times {x[0]} · {x[1]}",
)
