import numpy as np
import pytest

from qbref.binary import heaviside, sign

SMALLEST = np.float32(1e-45)  # subnormal


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_of_either_sign_and_nan_give_plus_one(dtype):
    x = np.array([-np.inf, -2.0, -1e-45, -0.0, 0.0, np.nan, -np.nan, 1e-45, 3.0, np.inf], dtype)
    x[2], x[7] = -SMALLEST, SMALLEST
    result = sign(x)
    assert result.dtype == dtype
    assert result.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3)])
def test_shape_is_kept(shape):
    assert sign(np.full(shape, -2, np.float32)).shape == shape


def test_strided_input_and_python_numbers():
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    assert (sign(x.T[::2]) == sign(x)[:, ::2].T).all()
    assert sign([-1, 0]).tolist() == [-1, 1]


def test_the_difference_quotient_is_zero_away_from_zero():
    x = np.array([-3.0, -0.5, 0.01, 2.0])
    assert (sign(x + 1e-3) == sign(x - 1e-3)).all()


def test_integer_arrays_are_refused():
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        sign(np.zeros(3, np.int8))


@pytest.mark.parametrize("at_zero", [1, 0, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_at_zero_can_be_chosen_and_nothing_else_changes(dtype, at_zero):
    x = np.array([-np.inf, -2.0, -SMALLEST, -0.0, 0.0, np.nan, SMALLEST, 3.0, np.inf], dtype)
    result = sign(x, at_zero)
    assert result.dtype == dtype
    assert result.tolist() == [-1, -1, -1, at_zero, at_zero, at_zero, 1, 1, 1]


def test_other_values_at_zero_are_refused():
    with pytest.raises(ValueError, match=r"at_zero must be one of \(1, 0, -1\), got 2"):
        sign([0.0], at_zero=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_heaviside_is_zero_at_zero_and_nan(dtype):
    x = np.array([-np.inf, -SMALLEST, -0.0, 0.0, np.nan, SMALLEST, 1.0, np.inf], dtype)
    result = heaviside(x)
    assert result.dtype == dtype
    assert result.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        heaviside(np.zeros(3, np.int8))
