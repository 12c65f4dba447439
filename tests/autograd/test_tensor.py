import copy
import pickle

import numpy as np
import pytest

from qbref.autograd import Tensor, as_tensor


def test_numbers_and_lists_become_float32():
    for data in (2, 2.5, True, [1, 2], [[1.5], [2.0]], (1, 2), np.array(1.0).tolist()):
        assert Tensor(data).dtype == np.float32


def test_float_arrays_are_shared_and_keep_their_dtype():
    for dtype in (np.float32, np.float64):
        array = np.ones(3, dtype)
        assert Tensor(array).data is array


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, complex])
def test_other_arrays_are_refused(dtype):
    with pytest.raises(TypeError, match=f"data must be float32 or float64, got {np.dtype(dtype)}"):
        Tensor(np.ones(2, dtype))


def test_an_integer_numpy_scalar_is_refused_as_an_array_is():
    with pytest.raises(TypeError, match="data must be float32 or float64, got int64"):
        Tensor(np.int64(3))


def test_dtype_converts_whatever_real_numbers_are_given():
    assert Tensor(np.array([1, 2]), dtype=np.float64).data.tolist() == [1.0, 2.0]
    assert Tensor(np.ones(2), dtype=np.float32).dtype == np.float32


def test_wrong_dtype_and_wrong_data_are_refused():
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got int32"):
        Tensor([1.0], dtype=np.int32)
    with pytest.raises(TypeError, match="data must hold real numbers, got"):
        Tensor(["a"])
    with pytest.raises(TypeError, match="got a Tensor"):
        Tensor(Tensor([1.0]))


def test_scalars_do_not_upcast_a_float32_graph():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for scalar in (2, 2.0, np.float64(2), np.int64(2), np.float32(2), True):
        for y in (x + scalar, scalar - x, x * scalar, scalar / x, x**scalar, scalar**x):
            assert y.dtype == np.float32
            y.backward(np.ones(2, np.float32))
    assert x.grad.dtype == np.float32


def test_float64_operand_promotes_and_its_gradient_comes_back_as_float32():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * np.array([3.0, 4.0])
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [3.0, 4.0]


def test_operators_work_with_ndarrays_on_the_left():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    left = np.array([[5.0, 7.0]])
    for y, expected in (
        (left + x, [[6, 9]]),
        (left - x, [[4, 5]]),
        (left * x, [[5, 14]]),
        (left / x, [[5, 3.5]]),
        (left**x, [[5, 49]]),
        (left @ x, [19]),
    ):
        assert isinstance(y, Tensor)
        assert y.data.tolist() == expected


def test_detach_shares_data_and_cuts_the_graph():
    x = Tensor([1.0], requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert x.detach().data is x.data
    assert x.numpy() is x.data


def test_item_float_and_bool_need_one_element():
    assert Tensor([[3.0]]).item() == 3.0
    assert float(Tensor(2.5)) == 2.5
    assert not Tensor(0.0)
    for convert in (Tensor.item, float, bool):
        with pytest.raises(ValueError, match=r"item must be called on one element, got shape \(2,\)"):
            convert(Tensor([1.0, 2.0]))


def test_attributes_iteration_and_transpose():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
    assert [row.data.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]
    assert x.T.data.tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(TypeError):
        iter(Tensor(1.0))


def test_numpy_does_not_convert_silently():
    with pytest.raises(TypeError, match="must be converted by .data"):
        np.asarray(Tensor([1.0]))
    with pytest.raises(TypeError):
        np.exp(Tensor([1.0]))


def test_repr_shows_dtype_and_requires_grad_when_not_the_default():
    assert repr(Tensor([1.0])) == "Tensor([1.])"
    assert (
        repr(Tensor(np.array([1.0]), requires_grad=True)) == "Tensor([1.], dtype=float64, requires_grad=True)"
    )


def test_leaves_can_be_copied_and_results_cannot():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.data is not x.data
        assert twin.data.tolist() == [1.0, 2.0]
        assert twin.requires_grad
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(x * 2)


def test_as_tensor_keeps_tensors_and_gives_numbers_the_dtype_asked_for():
    x = Tensor([1.0])
    assert as_tensor(x) is x
    assert as_tensor(1.0, np.float64).dtype == np.float64
    assert as_tensor(np.ones(2)).dtype == np.float64
