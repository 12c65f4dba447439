"""IDX, the file format of MNIST: two zero bytes, a type code, the number of axes, sizes, data.

Everything is big endian. Nothing is allocated on the word of a header alone: sizes are compared with the
file's length first. Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from qbref.data.images import DIGIT_NAMES, ImageData

IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
# "The maximum compression factor is 1032:1" (zlib technical details, J.-l. Gailly and M. Adler).
DEFLATE_MAX_RATIO = 1032


def read_idx(path):
    """Array stored in one IDX file, plain or gzip-compressed (told by its content, not its name).

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    ndarray
        uint8, int8, int16, int32, float32 or float64 as the file says, in native byte order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not IDX, or longer or shorter than its header says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be an IDX file, got {path}: no such file")
    capacity = path.stat().st_size
    with open(path, "rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        if not compressed:
            return _read(stream, path.name, capacity)
        try:
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _read(unpacked, path.name, capacity * DEFLATE_MAX_RATIO)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path.name} must be intact gzip, got {error}") from error


def _read(stream, name, capacity):
    """The array in `stream`, which can hold at most `capacity` bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_DTYPES or not 1 <= magic[3] <= 64:
        raise ValueError(
            f"{name} must begin with 00 00, an IDX type and 1 to 64 axes, got {magic.hex(' ')!r}"
        )
    dtype, ndim = np.dtype(IDX_DTYPES[magic[2]]), magic[3]
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"{name} must declare {ndim} sizes of 4 bytes, got {len(sizes)} bytes")
    shape = struct.unpack(f">{ndim}I", sizes)
    expected = math.prod(shape) * dtype.itemsize
    if expected > capacity:
        raise ValueError(
            f"{name} must hold the declared {shape} {dtype.name}, got room for {capacity} bytes at most"
        )
    content = stream.read(expected + 1)
    if len(content) != expected:
        found = "more" if len(content) > expected else len(content)
        raise ValueError(f"{name} must hold {expected} bytes of data for {shape} {dtype.name}, got {found}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_mnist_folder(folder, class_names=DIGIT_NAMES):
    """MNIST, or any set in its layout, from a folder with the four official files.

    Parameters
    ----------
    folder : str or os.PathLike
        Holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte; also found as train-images.idx3-ubyte and so on, and with .gz.
    class_names : sequence of str
        `DIGIT_NAMES` for MNIST, `FASHION_NAMES` for Fashion-MNIST.

    Returns
    -------
    ImageData

    Raises
    ------
    FileNotFoundError
        If one of the files is missing, with the names that were looked for.
    ValueError
        If a file is damaged, is not of its kind, or two of them do not belong together.
    """
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"class_names must be a sequence of names, got {class_names!r}")
    folder = Path(folder)
    halves = []
    for half in ("train", "t10k"):
        images = _read_kind(folder, f"{half}-images", ndim=3)
        labels = _read_kind(folder, f"{half}-labels", ndim=1)
        if len(images) != len(labels):
            raise ValueError(
                f"{half}-labels must hold {len(images)} labels, one per image, got {len(labels)}"
            )
        if labels.size and labels.max() >= len(class_names):
            raise ValueError(f"{half}-labels must be below {len(class_names)}, got {labels.max()}")
        halves += [images, labels]
    if halves[0].shape[1:] != halves[2].shape[1:]:
        raise ValueError(f"t10k-images must be of size {halves[0].shape[1:]}, got {halves[2].shape[1:]}")
    return ImageData(*halves, tuple(class_names))


def _read_kind(folder, stem, ndim):
    """The first of the four spellings of this file that exists; it must hold `ndim` axes of bytes."""
    names = [f"{stem}{mark}idx{ndim}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            array = read_idx(folder / name)
            if array.ndim != ndim or array.dtype != np.uint8:
                raise ValueError(
                    f"{name} must hold uint8 with {ndim} axes, got {array.dtype} with {array.ndim}"
                )
            return array
    raise FileNotFoundError(f"folder must hold one of {', '.join(names)}, got {folder}")
