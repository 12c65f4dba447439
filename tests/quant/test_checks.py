import numpy as np
import pytest

from qbref.quant import QuantParams, quantize
from qbref.quant.checks import as_float_array


def test_numbers_beyond_float32_become_infinite_without_a_warning():
    assert as_float_array([1e39, -1e39]).tolist() == [np.inf, -np.inf]
    assert quantize([1e39, -1e39], QuantParams(1.0, 0, -128, 127)).tolist() == [127, -128]


def test_only_floats_are_taken():
    with pytest.raises(TypeError, match="x must be float32 or float64, got int64"):
        as_float_array(np.array([1]))
