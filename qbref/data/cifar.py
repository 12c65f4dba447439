"""CIFAR-10 from its official batches: the binary layout, and the Python one without trusting pickle.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; the layouts are described at
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from pathlib import Path

import numpy as np

from qbref.data.images import ImageData
from qbref.data.safe_pickle import load_plain

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGE_BYTES = 3 * 32 * 32
RECORD_BYTES = 1 + IMAGE_BYTES


def read_cifar10_folder(folder):
    """CIFAR-10 from a folder with data_batch_1 ... data_batch_5 and test_batch, in either layout.

    Parameters
    ----------
    folder : str or os.PathLike
        The unpacked cifar-10-batches-py or cifar-10-batches-bin (batches ending in .bin).

    Returns
    -------
    ImageData
        Images (n, 3, 32, 32), channels red, green, blue.

    Raises
    ------
    FileNotFoundError
        If a batch is missing.
    ValueError
        If a batch is damaged.
    """
    folder = Path(folder)
    binary = (folder / "test_batch.bin").is_file()
    read, suffix = (read_cifar10_binary, ".bin") if binary else (read_cifar10_python, "")
    batches = [read(folder / f"data_batch_{number}{suffix}") for number in range(1, 6)]
    x_train, y_train = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    x_test, y_test = read(folder / f"test_batch{suffix}")
    return ImageData(x_train, y_train, x_test, y_test, CIFAR10_NAMES)


def read_cifar10_binary(path):
    """Images and labels of one binary batch: records of a label byte and 3,072 pixel bytes.

    Parameters
    ----------
    path : str or os.PathLike
        For example data_batch_1.bin.

    Returns
    -------
    images : ndarray of uint8, (n, 3, 32, 32)
    labels : ndarray of uint8, (n,)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a whole number of records, or a label is not 0..9.
    """
    path = _existing(path)
    size = path.stat().st_size
    if size == 0 or size % RECORD_BYTES:
        raise ValueError(
            f"{path.name} must hold records of {RECORD_BYTES} bytes, at least one, got {size} bytes"
        )
    records = np.fromfile(path, np.uint8).reshape(-1, RECORD_BYTES)
    return _checked(records[:, 1:], records[:, 0], path.name)


def read_cifar10_python(path):
    """Images and labels of one Python batch, read without executing anything the file asks for.

    Parameters
    ----------
    path : str or os.PathLike
        For example data_batch_1: a pickled dictionary whose "data" is uint8 (n, 3072) and whose "labels"
        is a list of n integers.

    Returns
    -------
    images : ndarray of uint8, (n, 3, 32, 32)
    labels : ndarray of uint8, (n,)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a pickle, or names a global that these batches have no need of.
    """
    path = _existing(path)
    batch = load_plain(path)
    if not isinstance(batch, dict):
        raise ValueError(f"{path.name} must hold a dictionary, got {type(batch).__name__}")
    # Batches written by Python 2 have keys of bytes.
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != IMAGE_BYTES:
        found = getattr(data, "shape", type(data).__name__)
        raise ValueError(f"{path.name} must hold data of shape (n, {IMAGE_BYTES}), got {found}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError(f"{path.name} must hold labels as a list of integers, got {type(labels).__name__}")
    return _checked(data, labels, path.name)


def _existing(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be a CIFAR-10 batch, got {path}: no such file")
    return path


def _checked(data, labels, name):
    if len(labels) != len(data):
        raise ValueError(f"{name} must hold one label for each of the {len(data)} images, got {len(labels)}")
    wrong = [label for label in labels if not 0 <= label < len(CIFAR10_NAMES)]
    if wrong:
        raise ValueError(f"{name} must hold labels in [0, 9], got {wrong[0]}")
    return data.reshape(-1, 3, 32, 32).copy(), np.array(labels, np.uint8)
