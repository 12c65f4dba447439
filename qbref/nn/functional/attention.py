"""Scaled dot-product attention."""

import math

import numpy as np

from qbref import autograd
from qbref.autograd import as_tensor


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, rng=None):
    """y = softmax(Q K^T / sqrt(E)) V, the softmax over the keys.

    Parameters
    ----------
    query : Tensor, shape (..., L, E)
    key : Tensor, shape (..., S, E)
    value : Tensor, shape (..., S, V)
    attn_mask : bool ndarray that broadcasts to (..., L, S), or None
        True where a query may look at a key.
    dropout_p : float in [0, 1)
        Probability with which an attention weight is dropped; 0 in evaluation.
    is_causal : bool
        Query i looks at keys 0..i only, in addition to what `attn_mask` says.
    rng : numpy.random.Generator or None

    Returns
    -------
    Tensor, shape (..., L, V)

    Raises
    ------
    ValueError
        Among others, if a query may look at no key at all: its softmax has no value.

    Notes
    -----
    Vaswani et al., arXiv:1706.03762, eq. 1.

    Examples
    --------
    >>> x = np.eye(2, dtype=np.float32)
    >>> scaled_dot_product_attention(x, x, x, is_causal=True).numpy().round(2)
    array([[1.  , 0.  ],
           [0.33, 0.67]], dtype=float32)
    """
    query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
    if min(query.ndim, key.ndim, value.ndim) < 2 or query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query and key must be (..., L, E) and (..., S, E), got {query.shape} and {key.shape}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"value must have one row for each of {key.shape[-2]} keys, got shape {value.shape}")
    transposed = (*range(key.ndim - 2), key.ndim - 1, key.ndim - 2)
    scores = query @ key.transpose(*transposed) * (1 / math.sqrt(query.shape[-1]))
    allowed = _allowed(attn_mask, is_causal, scores.shape)
    if allowed is not None:
        scores = autograd.where(allowed, scores, -np.inf)
    weights = autograd.softmax(scores, -1)
    if dropout_p:
        weights = autograd.dropout(weights, dropout_p, True, rng)
    return weights @ value


def _allowed(attn_mask, is_causal, shape):
    """The mask of all allowed (query, key) pairs, or None where every pair is."""
    if attn_mask is None and not is_causal:
        return None
    allowed = np.ones(shape, bool) if attn_mask is None else _broadcast_mask(np.asarray(attn_mask), shape)
    if is_causal:
        allowed = allowed & np.tri(*shape[-2:], dtype=bool)
    if not allowed.any(axis=-1).all():
        raise ValueError("attn_mask must allow at least one key for every query, got a query without keys")
    return allowed


def _broadcast_mask(attn_mask, shape):
    if attn_mask.dtype != bool:
        raise TypeError(f"attn_mask must be bool, True where attention is allowed, got {attn_mask.dtype}")
    try:
        return np.broadcast_to(attn_mask, shape)
    except ValueError:
        raise ValueError(f"attn_mask must broadcast to {shape}, got shape {attn_mask.shape}") from None
