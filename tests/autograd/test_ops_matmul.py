import numpy as np
import pytest

from qbref.autograd import Tensor, grad_check, matmul

SHAPES = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 2, 3), (2, 3, 1)),
    ((0, 4), (4, 2)),
    ((2, 0, 4), (4, 2)),
    ((3, 0), (0, 2)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_product_matches_einsum_and_its_gradient_the_difference_quotient(shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    subscripts = {(1, 1): "k,k->", (1, 2): "k,kn->n", (2, 1): "mk,k->m"}.get((a.ndim, b.ndim))
    if subscripts is None:
        left, right = "...k" if a.ndim == 1 else "...mk", "...k" if b.ndim == 1 else "...kn"
        subscripts = f"{left},{right}->...{left[3:-1]}{right[4:]}"
    y = matmul(Tensor(a), Tensor(b))
    expected = np.einsum(subscripts, a, b)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-14)  # rtol, atol: the order of summation
    assert grad_check(lambda a, b: a @ b, [a, b])


def test_scalars_and_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"must have at least one axis, got shapes \(\) and \(3,\)"):
        matmul(Tensor(2.0), Tensor(np.ones(3)))
    with pytest.raises(ValueError, match=r"agree in the summed length, got shapes \(2, 3\) and \(4, 2\)"):
        Tensor(np.ones((2, 3))) @ Tensor(np.ones((4, 2)))
    with pytest.raises(ValueError):
        Tensor(np.ones((2, 3, 4))) @ Tensor(np.ones((3, 4, 2)))


def test_float32_stays_float32_and_constants_get_no_gradient():
    a, b = Tensor(np.ones((2, 3), np.float32)), Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    y = a @ b
    y.sum().backward()
    assert y.dtype == b.grad.dtype == np.float32
    assert a.grad is None
