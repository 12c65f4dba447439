"""A model that holds only integers between its first and its last layer."""

import numpy as np

from qbref.integer.attention import Embedding
from qbref.integer.border import Quantize
from qbref.integer.file import read, write
from qbref.integer.fuse import fused
from qbref.kernels.backend import default


class IntegerModel:
    """Integer layers in order, run on the kernels of a backend.

    Made by :func:`qbref.integer.convert` or :func:`qbref.integer.load`.

    Attributes
    ----------
    layers : tuple of Layer
    report : Report
        Every layer of the `qnn` model and what became of it.
    nbytes : int
        Of all constants.
    weight_bytes : int
        Of the stored weights alone.
    """

    def __init__(self, layers, report):
        self.layers, self.report = tuple(layers), report
        self._steps = fused(self.layers)

    def run(self, x, kernels=None, batch_size=256):
        """Real inputs to real outputs, integers in between.

        Parameters
        ----------
        x : float32 ndarray (N, …)
            Finite, at least one sample. Integers, where the model begins with an embedding.
        kernels : module or None
            A backend: ``qbref.kernels`` (the NumPy definitions), ``qbref_core`` (their compiled twins),
            or any module with the same functions. Default: the compiled ones, if they were built.
        batch_size : int
            Samples at a time; bounds the memory and does not change the result.

        Returns
        -------
        float32 ndarray (N, …)
        """
        self._check_input(x, batch_size)
        kernels = default() if kernels is None else kernels
        parts = [self._run(x[i : i + batch_size], kernels) for i in range(0, len(x), batch_size)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, x, kernels):
        for step in self._steps:
            try:
                x = step.run(x, kernels)
            except (TypeError, ValueError) as error:
                raise ValueError(f"x must suit the model, but at layer {step.path!r} {error}") from error
        return x

    def _check_input(self, x, batch_size):
        looks_up = isinstance(self.layers[0], Embedding)
        if not isinstance(x, np.ndarray) or (x.dtype.kind not in "iu" if looks_up else x.dtype != np.float32):
            kind = "an integer" if looks_up else "a float32"
            raise TypeError(f"x must be {kind} array, got {getattr(x, 'dtype', type(x).__name__)}")
        if x.ndim < 2 or len(x) == 0:
            raise ValueError(f"x must hold at least one sample, got shape {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError("x must be finite, got NaN or infinity")
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")

    def trace(self, x, kernels=None):
        """Like :meth:`run`, but yields ``(layer, its output)`` after every layer: the integers themselves."""
        self._check_input(x, len(x))
        kernels = default() if kernels is None else kernels
        for layer in self.layers:
            x = layer.run(x, kernels)
            yield layer, x

    def save(self, path):
        """Write the model to `path`, whole or not at all; an existing file is replaced.

        The file is an .npz of plain arrays, with a version and a checksum; see :mod:`qbref.integer.file`.
        """
        write(path, self.layers, self.report)

    @property
    def nbytes(self):
        """Bytes of all constants: weights, biases, multipliers, thresholds, tables."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def weight_bytes(self):
        """Bytes of the stored weights alone, tables included."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def has_float_layers(self):
        """Whether some layer has float borders: true for dynamically quantized models."""
        return not isinstance(self.layers[0], Quantize)

    def summary(self):
        """A table of layers and their bytes, as text."""
        rows = [("path", "layer", "bytes", "")]
        for layer in self.layers:
            rows.append((layer.path, type(layer).__name__, f"{layer.nbytes:,}", layer.describe()))
        rows.append(("", "total", f"{self.nbytes:,}", f"{self.weight_bytes:,} of them weights"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = (f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows)
        return "\n".join(lines)

    def __repr__(self):
        return f"IntegerModel({len(self.layers)} layers, {self.nbytes:,} bytes)"


def load(path):
    """Read an :class:`IntegerModel` that :meth:`IntegerModel.save` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    IntegerModel

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated, altered, of another format or version, or describes layers that do not
        fit together.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from qbref import integer, nn, ptq
    >>> x = np.ones((4, 3), np.float32)
    >>> m = integer.convert(ptq.quantize_static(nn.Sequential(nn.Linear(3, 2)), [x]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     m.save(pathlib.Path(folder) / "model.npz")
    ...     loaded = integer.load(pathlib.Path(folder) / "model.npz")
    >>> bool((loaded.run(x) == m.run(x)).all())
    True
    """
    return IntegerModel(*read(path))
