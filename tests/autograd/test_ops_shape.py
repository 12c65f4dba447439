import numpy as np
import pytest

from qbref import autograd as ag
from qbref.autograd import Tensor, grad_check

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("shape", [(6, 4), (-1,), (2, -1, 2), (24, 1)])
def test_reshape_matches_numpy(shape):
    for y in (ag.reshape(Tensor(X), *shape), Tensor(X).reshape(shape)):
        assert np.array_equal(y.data, X.reshape(shape))
    assert grad_check(lambda x: x.reshape(shape) * np.arange(24.0).reshape(shape), [X])


def test_reshape_to_another_size_is_refused():
    with pytest.raises(ValueError, match=r"shape must hold the 24 elements of \(2, 3, 4\), got \(5, 5\)"):
        Tensor(X).reshape(5, 5)


@pytest.mark.parametrize("axes", [(), (2, 0, 1), (0, -1, 1)])
def test_transpose_matches_numpy(axes):
    for y in (ag.transpose(Tensor(X), *axes), Tensor(X).transpose(axes)):
        assert np.array_equal(y.data, X.transpose(axes or None))
    assert grad_check(lambda x: x.transpose(*axes), [X])


def test_transpose_needs_every_axis_once():
    with pytest.raises(ValueError, match="axes must name each of 3 axes once"):
        Tensor(X).transpose(0, 1)
    with pytest.raises(ValueError, match="twice"):
        Tensor(X).transpose(0, 1, 1)


INDICES = {
    "integer": 1,
    "slices": np.s_[:, ::-2, 1:3],
    "new axis and ellipsis": np.s_[..., None, 2],
    "single element": np.s_[1, 2, 3],
    "repeated rows": np.array([1, 0, 1, 1]),
    "repeated elements": (np.array([0, 1, 0]), np.array([2, 2, 2])),
    "list": np.s_[:, [0, 0]],
    "mask": X % 5 == 1,
    "empty": np.s_[:0],
    "numpy integer": np.int64(1),
}


@pytest.mark.parametrize("name", INDICES)
def test_indexing_matches_numpy(name):
    index = INDICES[name]
    assert np.array_equal(Tensor(X)[index].data, X[index])
    assert grad_check(lambda x: x[index], [X])


def test_elements_taken_several_times_collect_every_upstream():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[np.array([2, 0, 2, 2])].backward(np.array([1, 10, 100, 1000], np.float32))
    assert x.grad.tolist() == [10, 0, 1101]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_and_stack_match_numpy(axis):
    shapes = [(2, 2, 2), (2, 2, 2), (2, 2, 2)]
    shapes[1] = tuple(3 if i == axis % 3 else n for i, n in enumerate(shapes[1]))
    arrays = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    assert np.array_equal(ag.concatenate(arrays, axis=axis).data, np.concatenate(arrays, axis=axis))
    assert grad_check(lambda *t: ag.concatenate(t, axis=axis), arrays)
    assert np.array_equal(ag.stack([arrays[0], arrays[2]], axis=axis).data, np.stack(arrays[::2], axis=axis))
    assert grad_check(lambda *t: ag.stack(t, axis=axis), arrays[::2])


def test_joining_nothing_or_along_no_axis_is_refused():
    for join in (ag.concatenate, ag.stack):
        with pytest.raises(ValueError, match="tensors must hold at least one tensor"):
            join([])
        with pytest.raises(ValueError, match="axis must be in"):
            join([Tensor(X)], axis=7)


def test_the_same_tensor_joined_twice_gets_both_gradients():
    x = Tensor([1.0], requires_grad=True)
    ag.concatenate([x, x]).backward(np.array([1, 10], np.float32))
    ag.stack([x, x]).backward(np.array([[100], [1000]], np.float32))
    assert x.grad.tolist() == [1111]


def test_pad_matches_numpy():
    widths = ((0, 1), (2, 0), (1, 3))
    assert np.array_equal(ag.pad(Tensor(X), widths, value=-7.0).data, np.pad(X, widths, constant_values=-7))
    assert grad_check(lambda x: ag.pad(x, widths, value=2.0), [X])


def test_pad_widths_are_checked():
    for widths in (((0, 1),), ((0, 1), (-1, 0), (0, 0))):
        with pytest.raises(ValueError, match="widths must be 3 pairs of non-negative integers"):
            ag.pad(Tensor(X), widths)


def test_float32_stays_float32():
    x = Tensor(X.astype(np.float32), requires_grad=True)
    y = ag.pad(ag.stack([x, x]), ((1, 1),) * 4)[0].transpose().reshape(-1)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32
