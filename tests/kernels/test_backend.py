import sys
import warnings

import pytest

import qbref.kernels
from qbref.kernels import default


@pytest.fixture
def fresh():
    """default() as in a new process."""
    default.cache_clear()
    yield
    default.cache_clear()


def test_default_is_the_compiled_module_where_it_was_built(fresh):
    qbref_core = pytest.importorskip("qbref_core", reason="qbref_core is not compiled", exc_type=ImportError)
    assert default() is qbref_core


def test_default_falls_back_to_numpy_and_says_so_once(fresh, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "qbref_core"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("im2col", "int8_matmul", "lut_matmul", "pack_bits", "requantize", "xnor_matmul"):
        monkeypatch.setitem(
            sys.modules, f"qbref_core.{name}", None
        )  # importing it raises ModuleNotFoundError
    with pytest.warns(RuntimeWarning, match="qbref_core is not compiled; .*pip install.*NumPy kernels"):
        assert default() is qbref.kernels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert default() is qbref.kernels
    monkeypatch.delitem(sys.modules, "qbref_core", raising=False)
