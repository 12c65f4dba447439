"""State on disk: a NumPy .npz archive of plain arrays, without pickle, so a file can only hold numbers."""

import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qbref.nn.module import BUFFER_KINDS, Module

# The last bytes of a zip file without comment: signature, disk, disk, entries on this disk, entries, ...
END_RECORD = struct.Struct("<4s4H2LH")


def save(state_or_module, path):
    """Write all arrays of a state to one file; an existing file is replaced only once all is written.

    Parameters
    ----------
    state_or_module : Module or dict of str to ndarray
        Arrays of bool, integers or floats.
    path : str or Path
        Used as given; nothing is appended to the name.

    Raises
    ------
    TypeError
        If a name is not a string or a value not such an array.
    ValueError
        If a name is empty or not printable.
    FileNotFoundError
        If the directory does not exist.

    Notes
    -----
    ``numpy.load`` reads the file too. The same state always gives the same bytes. Nothing is compressed.

    Examples
    --------
    >>> import tempfile
    >>> from qbref import nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(nn.Linear(3, 2), f"{folder}/layer.npz")
    ...     list(load(f"{folder}/layer.npz"))
    ['weight', 'bias']
    """
    state = state_or_module.state_dict() if isinstance(state_or_module, Module) else state_or_module
    _check_state(state)
    path = Path(path).resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in an existing directory, got {path}")
    if path.is_dir():
        raise IsADirectoryError(f"path must name a file, got the directory {path}")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            _write(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path):
    """Read what :func:`save` wrote: {name: ndarray}, in the order of saving.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to ndarray
        For :meth:`qbref.nn.Module.load_state_dict`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or is not an archive of plain, uncompressed arrays. Every byte is read and
        compared with its checksum before anything is returned.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must name an existing file, got {path}")
    with open(path, "rb") as file:
        try:
            return _read(file)
        # Damaged bytes make zipfile and numpy.lib.format raise a dozen kinds of exception.
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"path must be an undamaged file written by save, got {path} ({reason})"
            ) from error


def _check_state(state):
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be a Module or a dict of arrays, got {type(state).__name__}")
    for name, array in state.items():
        if not isinstance(name, str):
            raise TypeError(f"names must be strings, got {name!r}")
        if not name or not name.isprintable():
            raise ValueError(f"names must be printable, got {name!r}")
        if not isinstance(array, np.ndarray) or array.dtype.kind not in BUFFER_KINDS:
            kind = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"{name} must be an ndarray of bool, integers or floats, got {kind}")


def _write(state, file):
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in state.items():
            # A ZipInfo of its own has a constant date, and so the bytes depend on the state only.
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _read(file):
    state = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename or name in state:
                raise ValueError(f"entry {info.filename!r} is not an array with a name of its own")
            if info.compress_type != zipfile.ZIP_STORED:  # a small file could unpack without bound
                raise ValueError(f"entry {info.filename!r} is compressed")
            with archive.open(info) as entry:
                array = np.lib.format.read_array(entry, allow_pickle=False)
                if entry.read():
                    raise ValueError(f"entry {info.filename!r} is longer than its array")
            if array.dtype.kind not in BUFFER_KINDS:
                raise ValueError(f"entry {info.filename!r} holds {array.dtype}")
            state[name] = array
    # A damaged length in the directory can hide the entries that follow; zipfile does not compare the count.
    file.seek(-END_RECORD.size, os.SEEK_END)
    declared = END_RECORD.unpack(file.read())[4]
    if declared != len(state):
        raise ValueError(f"{len(state)} entries found where {declared} were written")
    return state
