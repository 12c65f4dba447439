"""Embedding: a table of vectors, looked up by index."""

import numpy as np

from qbref.nn import functional as F
from qbref.nn import init
from qbref.nn.checks import integer
from qbref.nn.module import Module
from qbref.nn.parameter import Parameter


class Embedding(Module):
    """y[..., :] = weight[indices[...]].

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        Rows and columns of the table.
    padding_idx : int or None
        A row that starts at 0 and gets no gradient.
    rng : numpy.random.Generator or None
        Source of the initial weights, N(0, 1).

    Examples
    --------
    >>> from qbref import nn
    >>> nn.Embedding(256, 64)(np.array([[104, 105]])).shape
    (1, 2, 64)
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, rng=None):
        super().__init__()
        self.num_embeddings = integer("num_embeddings", num_embeddings)
        self.embedding_dim = integer("embedding_dim", embedding_dim)
        self.padding_idx = None if padding_idx is None else integer("padding_idx", padding_idx, minimum=0)
        if padding_idx is not None and padding_idx >= num_embeddings:
            raise ValueError(
                f"padding_idx must be below num_embeddings ({num_embeddings}), got {padding_idx}"
            )
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        init.normal_(self.weight, rng=rng)
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, indices):
        """Map integers (...) to vectors (..., embedding_dim)."""
        indices = np.asarray(indices)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers, got {indices.dtype}")
        if indices.size and not 0 <= indices.min() <= indices.max() < self.num_embeddings:
            raise ValueError(
                f"indices must be in [0, {self.num_embeddings}), got {indices.min()} to {indices.max()}"
            )
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self):
        """The constructor's arguments."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
