"""The error function for arrays, which NumPy lacks."""

import numpy as np


def erf(x):
    from math import erf as f
    return np.array([f(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)
