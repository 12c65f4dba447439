"""A table of vectors in few bits."""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor


def dequantize_rows(q, scale):
    """float32(scale * q), one scale for every row (…,) of q (…, E), or one for all."""
    return q.astype(np.float32) * (scale[..., None] if scale.ndim else scale)


def checked_indices(indices, count):
    """`indices` as integers in [0, count)."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got {indices.dtype}")
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ValueError(f"indices must be in [0, {count}), got {indices.min()} to {indices.max()}")
    return indices


class QuantizedEmbedding(nn.Embedding):
    """y[..., :] = s_i q[i, :] for i = indices[...], with a scale s_i for each row of the table.

    A lookup has no product, so nothing else is quantized: the rows come out as real numbers.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> q = ptq.quantize_dynamic(nn.Sequential(nn.Embedding(2, 2)))
    >>> q[0].weight.data[:] = [[1.27, 0.004], [2.54, -0.02]]
    >>> q[0](np.array([1, 0])).data
    array([[ 2.54, -0.02],
           [ 1.27,  0.  ]], dtype=float32)
    """

    @classmethod
    def from_float(cls, layer, scheme, rounding):
        """The quantized form of an ``nn.Embedding``, its rows under `scheme`."""
        # Its initial weights are replaced at once, so they do not come from the shared generator.
        made = cls(layer.num_embeddings, layer.embedding_dim, layer.padding_idx, np.random.default_rng(0))
        made.weight.data[...] = layer.weight.data
        made.weight_quantizer = scheme.weight_quantizer(layer.weight.data, rounding)
        return made

    def quantized_weight(self):
        """The rows in use, as a Tensor of few levels."""
        return self.weight_quantizer(self.weight)

    def forward(self, indices):
        """Integers (...) → float32 (..., embedding_dim)."""
        indices = checked_indices(indices, self.num_embeddings)
        levels = self.weight_quantizer.levels(self.weight.data)
        scale = levels.scale[indices] if levels.scale.ndim else levels.scale
        return Tensor(dequantize_rows(levels.q[indices], scale))
