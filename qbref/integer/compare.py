"""Simulated and integer networks, output for output."""

import numpy as np

from qbref.autograd import no_grad


def count_differences(q, model, x, kernels=None, batch_size=64):
    """Number of outputs in which the integer model differs, in any bit, from the `qnn` model it came from.

    Equal float outputs mean equal integers: they are the same integers times the same scales.

    Parameters
    ----------
    q : Module
        A `qnn` model in evaluation mode.
    model : IntegerModel
    x : ndarray (N, …)
        As for :meth:`IntegerModel.run`.
    kernels : module or None
        As for :meth:`IntegerModel.run`.
    batch_size : int

    Returns
    -------
    int
        0 unless something is wrong.

    Examples
    --------
    >>> from qbref import integer, nn, ptq
    >>> x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)
    >>> q = ptq.quantize_static(nn.Sequential(nn.Linear(4, 2)), [x])
    >>> integer.count_differences(q, integer.convert(q), x)
    0
    """
    if q.training:
        raise ValueError("q must be in evaluation mode, got training mode")
    differences = 0
    with no_grad():
        for i in range(0, len(x), batch_size):
            batch = x[i : i + batch_size]
            simulated, result = q(batch).data, model.run(batch, kernels)
            if simulated.shape != result.shape:
                raise ValueError(f"model must give outputs of shape {simulated.shape}, got {result.shape}")
            differences += int(np.count_nonzero(simulated.view(np.uint32) != result.view(np.uint32)))
    return differences
