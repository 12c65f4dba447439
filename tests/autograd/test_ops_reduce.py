import numpy as np
import pytest

from qbref import autograd as ag
from qbref.autograd import Tensor, grad_check

X = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 5  # no ties
AXES = [None, 0, -1, (0, 2), (1,), (2, 1, 0), ()]
REDUCTIONS = {
    "sum": (ag.sum, np.sum),
    "mean": (ag.mean, np.mean),
    "var": (ag.var, np.var),
    "max": (ag.max, np.max),
    "min": (ag.min, np.min),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduction_matches_numpy_and_its_gradient_the_difference_quotient(name, axis, keepdims):
    fn, reference = REDUCTIONS[name]
    y = fn(Tensor(X), axis=axis, keepdims=keepdims)
    expected = reference(X, axis=axis, keepdims=keepdims)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-14, atol=1e-15)  # atol, rtol: the order of summation
    assert grad_check(lambda x: fn(x, axis=axis, keepdims=keepdims), [X])


def test_var_with_correction_is_the_unbiased_estimate():
    x = np.array([[1.0, 2.0, 6.0]])
    assert ag.var(Tensor(x), axis=1, correction=1).data.tolist() == [7.0]  # (4 + 1 + 9) / 2
    assert grad_check(lambda x: x.var(axis=(0, 2), correction=1), [X])


def test_var_of_a_large_offset_does_not_cancel():
    x = Tensor(np.array([1e8, 1e8 + 2]))
    assert x.var().item() == 1.0


def test_var_needs_more_elements_than_its_correction():
    with pytest.raises(ValueError, match="correction must be less than the 1 elements reduced, got 1"):
        ag.var(Tensor(np.ones((3, 1))), axis=1, correction=1)


def gradient(fn, x):
    x = Tensor(np.array(x, np.float64), requires_grad=True)
    fn(x).sum().backward()
    return x.grad.tolist()


def test_max_and_min_over_one_axis_give_the_upstream_to_the_first_of_equals():
    x = [[1, 3, 3], [2, 2, 2]]
    assert gradient(lambda t: t.max(axis=1), x) == [[0, 1, 0], [1, 0, 0]]
    assert gradient(lambda t: t.max(axis=-1, keepdims=True), x) == [[0, 1, 0], [1, 0, 0]]
    assert gradient(lambda t: -t.min(axis=1), x) == [[-1, 0, 0], [-1, 0, 0]]


def test_max_and_min_over_all_or_several_axes_share_the_upstream_evenly():
    x = [[1, 3, 3], [3, 2, 3]]
    share = [[0, 0.25, 0.25], [0.25, 0, 0.25]]
    assert gradient(lambda t: t.max(), x) == share
    assert gradient(lambda t: t.max(axis=(0, 1)), x) == share
    assert gradient(lambda t: -t.min(axis=(1,)), [[1, 1, 3]]) == [[-0.5, -0.5, 0]]


def test_max_of_nan_is_nan_and_divides_nothing_by_zero():
    assert np.isnan(Tensor([np.nan, 1.0]).max().data)
    assert gradient(lambda t: t.max(), [np.nan, 1.0]) == [0, 0]


@pytest.mark.parametrize("name", ["mean", "max", "min"])
def test_reducing_no_elements_is_refused(name):
    with pytest.raises(ValueError, match=r"x must have elements along axes \(1,\), got shape \(2, 0\)"):
        REDUCTIONS[name][0](Tensor(np.zeros((2, 0))), axis=1)


def test_sum_of_no_elements_is_zero():
    assert ag.sum(Tensor(np.zeros((2, 0))), axis=1).data.tolist() == [0, 0]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_axes_are_checked(name):
    fn = REDUCTIONS[name][0]
    with pytest.raises(ValueError, match=r"axis must be in \[-3, 2\] for 3 dimensions, got 3"):
        fn(Tensor(X), axis=3)
    with pytest.raises(ValueError, match="axis must not name an axis twice"):
        fn(Tensor(X), axis=(0, -3))
    with pytest.raises(TypeError, match="axis must be an integer, got 1.0"):
        fn(Tensor(X), axis=1.0)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_float32_stays_float32(name):
    x = Tensor(X.astype(np.float32), requires_grad=True)
    y = REDUCTIONS[name][0](x)
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32
