"""Multi-head attention and the transformer layer built from it."""

import math

from qbref.nn import functional as F
from qbref.nn import init
from qbref.nn.activation import GELU, ReLU
from qbref.nn.checks import choice, float_input, integer, probability
from qbref.nn.dropout import Dropout
from qbref.nn.linear import Linear
from qbref.nn.module import Module
from qbref.nn.norm import LayerNorm


class MultiheadAttention(Module):
    """y = out_proj(concat_h softmax(Q_h K_h^T / sqrt(E / heads)) V_h), with Q = q_proj(query) and so on.

    Parameters
    ----------
    embed_dim : int
        E, the width of queries, keys, values and output.
    num_heads : int
        Divides `embed_dim`; head h uses the h-th slice of the projected features.
    dropout : float in [0, 1)
        Of the attention weights, while training.
    bias : bool
        Of the four projections.
    causal : bool
        Position i looks at positions 0..i only.
    rng : numpy.random.Generator or None
        Source of the initial weights and of the dropout masks.

    Attributes
    ----------
    q_proj, k_proj, v_proj, out_proj : Linear
        Ordinary layers, each of which can be quantized as such. PyTorch keeps the first three stacked:
        ``q, k, v = numpy.split(in_proj_weight, 3)``, and the same for ``in_proj_bias``.

    Notes
    -----
    Vaswani et al., arXiv:1706.03762, section 3.2. The batch comes first. Weights start as in PyTorch:
    Xavier-uniform over the three stacked projections, biases 0.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.MultiheadAttention(8, num_heads=2, causal=True)(np.ones((4, 5, 8), np.float32)).shape
    (4, 5, 8)
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, causal=False, rng=None):
        super().__init__()
        self.embed_dim = integer("embed_dim", embed_dim)
        self.num_heads = integer("num_heads", num_heads)
        if self.embed_dim % self.num_heads:
            raise ValueError(f"num_heads must divide embed_dim ({embed_dim}), got {num_heads}")
        self.dropout, self.causal, self.rng = probability("dropout", dropout), bool(causal), rng
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            projection = Linear(embed_dim, embed_dim, bias, rng)
            if name != "out_proj":
                # The stacked matrix has fan_in E and fan_out 3E: sqrt(6 / 4E) is 1/sqrt(2) of sqrt(6 / 2E).
                init.xavier_uniform_(projection.weight, gain=math.sqrt(0.5), rng=rng)
            if bias:
                init.zeros_(projection.bias)
            setattr(self, name, projection)

    def forward(self, query, key=None, value=None, mask=None):
        """Attend from `query` to `key` and `value`.

        Parameters
        ----------
        query : Tensor, shape (N, L, E)
        key, value : Tensor, shape (N, S, E), or None
            None: the key is the query (self-attention), the value is the key.
        mask : bool ndarray that broadcasts to (N, heads, L, S), or None
            True where a query may look at a key. (PyTorch's MultiheadAttention means the opposite.)

        Returns
        -------
        Tensor, shape (N, L, E)
        """
        key = query if key is None else key
        value = key if value is None else value
        q = self._heads("query", self.q_proj, query)
        k = self._heads("key", self.k_proj, key)
        v = self._heads("value", self.v_proj, value)
        dropout_p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout_p, self.causal, self.rng)
        N, heads, L, E_h = y.shape
        return self.out_proj(y.transpose(0, 2, 1, 3).reshape(N, L, heads * E_h))

    def _heads(self, name, projection, x):
        """(N, L, E) projected and split: (N, heads, L, E / heads)."""
        x = float_input(x, projection.weight, name)
        if x.ndim != 3 or x.shape[2] != self.embed_dim:
            raise ValueError(f"{name} must have shape (N, L, {self.embed_dim}), got {x.shape}")
        N, L, E = x.shape
        return projection(x).reshape(N, L, self.num_heads, E // self.num_heads).transpose(0, 2, 1, 3)

    def extra_repr(self):
        """The constructor's arguments; those at their defaults are left out."""
        dropout = f", dropout={self.dropout:g}" if self.dropout else ""
        return (
            f"{self.embed_dim}, num_heads={self.num_heads}{dropout}{', causal=True' if self.causal else ''}"
        )


class TransformerEncoderLayer(Module):
    """x = norm1(x + attention(x)); y = norm2(x + linear2(activation(linear1(x)))).

    Parameters
    ----------
    d_model, nhead : int
        Width and number of heads.
    dim_feedforward : int
        Width between linear1 and linear2.
    dropout : float in [0, 1)
        Of the attention weights, of the activation and of both branches.
    activation : {"relu", "gelu"}
    layer_norm_eps : float
    norm_first : bool
        Normalize at the entry of each branch instead of after its sum:
        x = x + attention(norm1(x)); y = x + linear2(activation(linear1(norm2(x)))).
    causal : bool
        Position i looks at positions 0..i only. An argument of the layer, not of the call, so that the
        layer can stand in a Sequential.
    rng : numpy.random.Generator or None

    Notes
    -----
    Vaswani et al., arXiv:1706.03762, section 3.1; norm_first: Xiong et al., arXiv:2002.04745.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, norm_first=True)
    >>> layer(np.ones((4, 5, 8), np.float32)).shape
    (4, 5, 8)
    """

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        norm_first=False,
        causal=False,
        rng=None,
    ):
        super().__init__()
        choice("activation", activation, ("relu", "gelu"))
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, causal=causal, rng=rng)
        self.linear1 = Linear(d_model, dim_feedforward, rng=rng)
        self.activation = ReLU() if activation == "relu" else GELU()
        self.linear2 = Linear(dim_feedforward, d_model, rng=rng)
        self.norm1 = LayerNorm(d_model, layer_norm_eps)
        self.norm2 = LayerNorm(d_model, layer_norm_eps)
        self.dropout = Dropout(dropout, rng)
        self.norm_first = bool(norm_first)

    def forward(self, x, mask=None):
        """Map (N, L, d_model) to the same shape; `mask` as in :meth:`MultiheadAttention.forward`."""
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, mask))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x, mask):
        return self.dropout(self.self_attn(x, mask=mask))

    def _feed_forward(self, x):
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def extra_repr(self):
        """Where the normalization stands."""
        return f"norm_first={self.norm_first}"
