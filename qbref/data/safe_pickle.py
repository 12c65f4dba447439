"""Reading a pickle of lists, text and uint8 arrays from a stranger, so that nothing in it can run.

A pickle is a program: it may name any importable function and call it. Here it reaches only three stand-ins,
which keep the bytes they are given and call nothing. Limiting the names is the recipe of the section
"Restricting Globals" in the documentation of Python's pickle module; stand-ins go further, since even NumPy's
own functions would allocate whatever the file asks for.
"""

import io
import pickle

import numpy as np

UINT8_NAMES = ("u1", b"u1", "|u1", b"|u1")  # bytes when Python 2 wrote them


class _ForbiddenGlobal(Exception):
    pass


class _Array:
    """Stands for numpy.ndarray and for the empty array that its pickles begin with."""

    def __init__(self, *ignored):
        self.array = None

    def __setstate__(self, state):
        _version, shape, dtype, fortran_order, content = state
        if not isinstance(dtype, _Dtype) or dtype.name not in UINT8_NAMES:
            raise ValueError("an array that is not uint8")
        content = content if isinstance(content, bytes) else content.encode("latin1")
        order = "F" if fortran_order else "C"
        self.array = np.frombuffer(content, np.uint8).reshape(shape, order=order)


class _Dtype:
    """Stands for numpy.dtype: only its name is kept."""

    def __init__(self, name, *ignored):
        self.name = name

    def __setstate__(self, state):
        pass  # byte order and the like, of no meaning to uint8


class _Encode:
    """Stands for _codecs.encode, by which Python 3 writes bytes into old pickles."""

    def __new__(cls, text, encoding):
        if encoding != "latin1":
            raise ValueError("bytes that are not latin1")
        return text.encode("latin1")

    def __setstate__(self, state):
        raise ValueError("a state for bytes")


STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,  # its name since NumPy 2
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encode,
}


# The unpickler in Python, since the one in C allocates whatever sizes a file declares.
class _PlainUnpickler(pickle._Unpickler):
    def find_class(self, module, name):
        if (module, name) not in STAND_INS:
            raise _ForbiddenGlobal(f"{module}.{name}")
        return STAND_INS[module, name]


def load_plain(path):
    """The object in a pickle file, built from numbers, text, containers and uint8 arrays alone.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    object
        Text that Python 2 wrote comes back as bytes. Arrays are found where they are values of an
        outermost dictionary.

    Raises
    ------
    ValueError
        If the file is damaged, has trailing bytes, or names anything else that is to be imported.
    """
    stream = io.BytesIO(path.read_bytes())
    try:
        loaded = _PlainUnpickler(stream, encoding="bytes").load()
    except _ForbiddenGlobal as error:
        raise ValueError(
            f"{path.name} must hold only text, numbers and uint8 arrays, got the global {error}"
        ) from None
    except Exception as error:  # a damaged program can fail in any way
        raise ValueError(
            f"{path.name} must be an intact pickle, got {type(error).__name__}: {error}"
        ) from error
    if stream.read(1):
        raise ValueError(f"{path.name} must end with its pickle, got trailing bytes")
    if isinstance(loaded, dict):
        return {key: value.array if isinstance(value, _Array) else value for key, value in loaded.items()}
    return loaded
