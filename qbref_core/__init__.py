"""The compiled twins of `qbref.kernels`: same functions, same arguments, same bits."""

try:
    from qbref_core.int8_matmul import int8_matmul
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("qbref_core"):
        raise
    raise ImportError(
        "qbref_core is not compiled; with a C compiler at hand, `pip install -e .` in the checkout builds it."
    ) from error

__all__ = [
    "int8_matmul",
]
