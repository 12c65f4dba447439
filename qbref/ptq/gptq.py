"""GPTQ: round column after column, and let the columns still to come make up for the error."""

import numpy as np

from qbref.ptq.layerwise import choose_integers
from qbref.quant.rounding import ROUNDINGS


def gptq(
    q,
    calibration_batches,
    damping=0.01,
    block_size=128,
    act_order=False,
    samples=8192,
    progress=None,
    rng=None,
):
    """Minimize |W X - W_hat X|^2 greedily: each rounding error is spread over the weights not yet rounded.

    For every layer in turn, the columns of X being its inputs in the quantized network,
    :func:`gptq_integers` rounds the weights by the Hessian ``H = 2 X X^T`` of that objective (Frantar et al.
    2022, arXiv:2210.17323). One pass, no iterations and no gradients.

    Parameters
    ----------
    q : Module
        From :func:`qbref.ptq.quantize_static`; not changed.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
    damping, block_size, act_order
        As for :func:`gptq_integers`.
    samples : int
        About as many rows of X (images of a Linear, output positions of a Conv2d) are drawn per layer.
    progress : callable or None
        ``progress(fraction, note)``.
    rng : numpy.random.Generator or None
        Draws the rows.

    Returns
    -------
    Module
        As :func:`qbref.ptq.adaround` returns it. The error in `report` is that of the output behind the
        fused activation against the float network, not the objective.

    Notes
    -----
    Figures stand beside those of :func:`qbref.ptq.adaround`, which takes longer.

    Examples
    --------
    >>> from qbref import nn, ptq, qnn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(16, 4, rng=rng))
    >>> x = 4 * rng.random((256, 16), dtype=np.float32)
    >>> q = ptq.quantize_static(model, [x], qnn.QuantConfig(weights=qnn.int_weights(3)))
    >>> def error(q):
    ...     return float(np.square(q(x).data - model(x).data).mean())
    >>> error(gptq(q, [x], rng=rng)) < error(q)
    True
    """

    def choose(problem, report):
        chosen = []
        for weight, scale, rows in zip(problem.weight, problem.scale, problem.x_hat, strict=True):
            x = rows.astype(np.float64)
            grid = scale, problem.qmin, problem.qmax, problem.rounding
            chosen.append(gptq_integers(weight, 2 * x.T @ x, *grid, damping, block_size, act_order))
            report(len(chosen) / len(problem.weight))
        return np.stack(chosen), ""

    return choose_integers(q, calibration_batches, choose, "GPTQ", samples, progress, rng)


def gptq_integers(
    weight,
    hessian,
    scale,
    qmin,
    qmax,
    rounding="half_even",
    damping=0.01,
    block_size=128,
    act_order=False,
):
    """Integers q for which ``scale * q`` does the work of `weight` on inputs with the given Hessian.

    Rounding column j leaves an error; the least squares optimal change of the columns F still to come is
    ``-(w_j - w_hat_j) / [H_F^-1]_jj * [H_F^-1]_j,:``. All these rows of inverses of ever smaller matrices are
    the rows of one upper triangular factor, ``H^-1 = U^T U`` (algorithm 1 of the paper)::

        w_hat_j = scale round(w_j / scale)
        e_j     = (w_j - w_hat_j) / U_jj
        w_k     = w_k - e_j U_jk            for k > j

    Parameters
    ----------
    weight : float32 ndarray (O, K)
    hessian : float ndarray (K, K)
        2 X^T X of rows X (R, K); a common factor changes nothing.
    scale : float32 ndarray (O, 1)
    qmin, qmax, rounding
        The grid and its tie rule.
    damping : float
        Share of the mean diagonal that is added to the diagonal.
    block_size : int
        Columns behind a block are updated once per block, by one matrix product; the result is the same up
        to the order of float64 sums.
    act_order : bool
        Round columns of large diagonal first, while there are many others to make up for them.

    Returns
    -------
    int32 ndarray (O, K)

    Notes
    -----
    A weight that has taken over errors of others may end more than one step from where it began. Columns
    whose input is always zero touch no other column and are rounded to nearest; the authors' code sets
    them to zero.

    Examples
    --------
    Two inputs that are always equal: where one weight is rounded down, the other one is rounded up.

    >>> x = np.array([[1.0, 1.0], [2.0, 2.0]])
    >>> weight, scale = np.array([[1.4, 1.4]], np.float32), np.ones((1, 1), np.float32)
    >>> gptq_integers(weight, 2 * x.T @ x, scale, -8, 7)
    array([[1, 2]], dtype=int32)
    """
    if not damping > 0:
        raise ValueError(f"damping must be positive, got {damping}")
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")
    columns = weight.shape[1]
    H = np.array(hessian, np.float64)
    diagonal = np.einsum("kk->k", H)  # a view
    diagonal += damping * diagonal.mean() or 1.0  # all inputs zero: any H rounds to nearest
    order = np.argsort(-diagonal, kind="stable") if act_order else np.arange(columns)
    U = np.linalg.cholesky(np.linalg.inv(H[np.ix_(order, order)])).T
    W = weight[:, order].astype(np.float64)
    q = np.empty(W.shape, np.int32)
    for start in range(0, columns, block_size):
        stop = min(start + block_size, columns)
        errors = np.empty((len(W), stop - start))
        for j in range(start, stop):
            level = ROUNDINGS[rounding](W[:, j].astype(np.float32) / scale[:, 0])
            q[:, order[j]] = level = np.clip(level, qmin, qmax)
            errors[:, j - start] = error = (W[:, j] - scale[:, 0] * level) / U[j, j]
            W[:, j + 1 : stop] -= np.outer(error, U[j, j + 1 : stop])
        W[:, stop:] -= errors @ U[start:stop, stop:]
    return q
