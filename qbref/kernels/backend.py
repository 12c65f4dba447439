"""Which implementation of the kernels runs when nobody says: the compiled one, if it was built."""

import warnings
from functools import cache


@cache
def default():
    """Return the module `qbref_core`, or `qbref.kernels` after one RuntimeWarning if it was not built.

    A backend is any module with these functions, so this is only the value to use where none is given.

    Examples
    --------
    >>> import numpy as np
    >>> kernels = default()
    >>> kernels.int8_matmul(np.array([[2]], np.int8), np.array([[3]], np.int8))
    array([[6]], dtype=int32)
    """
    try:
        import qbref_core
    except ImportError as error:
        import qbref.kernels

        warnings.warn(f"{error} Until then the much slower NumPy kernels run.", RuntimeWarning, stacklevel=2)
        return qbref.kernels
    return qbref_core
