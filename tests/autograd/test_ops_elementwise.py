import numpy as np
import pytest

from qbref import autograd as ag
from qbref.autograd import Tensor, grad_check

RNG = np.random.default_rng(0)
POSITIVE = RNG.uniform(0.5, 2.0, (3, 4))
# Away from 0, ±1 and ties, where there is no derivative to compare with.
SIGNED = RNG.choice([-1.0, 1.0], (3, 4)) * RNG.choice([0.3, 0.7, 1.4, 2.2], (3, 4)) + RNG.uniform(
    0, 0.1, (3, 4)
)


def gradient(fn, *arrays, dtype=np.float64):
    """Gradients of Σ fn, element by element."""
    leaves = [Tensor(np.asarray(a, dtype), requires_grad=True) for a in arrays]
    y = fn(*leaves)
    y.backward(np.ones_like(y.data))
    return [leaf.grad.tolist() for leaf in leaves]


BINARY = {
    "add": (lambda a, b: a + b, np.add),
    "subtract": (lambda a, b: a - b, np.subtract),
    "multiply": (lambda a, b: a * b, np.multiply),
    "divide": (lambda a, b: a / b, np.divide),
    "power": (lambda a, b: a**b, np.power),
    "maximum": (ag.maximum, np.maximum),
    "minimum": (ag.minimum, np.minimum),
    "where": (lambda a, b: ag.where(MASK, a, b), lambda a, b: np.where(MASK, a, b)),
}
MASK = RNG.random((3, 4)) < 0.5


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3, 4)), ((2, 1, 1), (3, 4))]
)
def test_binary_operation_broadcasts_forward_and_backward(name, shapes):
    fn, reference = BINARY[name]
    a, b = (RNG.uniform(0.5, 2.0, shape) for shape in shapes)
    assert np.array_equal(fn(Tensor(a), Tensor(b)).data, reference(a, b))
    assert grad_check(fn, [a, b])


UNARY = {
    "negative": (lambda x: -x, np.negative, SIGNED),
    "exp": (ag.exp, np.exp, SIGNED),
    "log": (ag.log, np.log, POSITIVE),
    "sqrt": (ag.sqrt, np.sqrt, POSITIVE),
    "abs": (ag.abs, np.abs, SIGNED),
    "clip": (lambda x: ag.clip(x, -1, 1), lambda x: np.minimum(np.maximum(x, -1), 1), SIGNED),
    "clip below": (lambda x: x.clip(lo=-1), lambda x: np.maximum(x, -1), SIGNED),
    "clip above": (lambda x: x.clip(hi=0.5), lambda x: np.minimum(x, 0.5), SIGNED),
    "square": (lambda x: x**2, np.square, SIGNED),
    "cube": (lambda x: x**3, lambda x: x * x * x, SIGNED),
    "reciprocal": (lambda x: x**-1, lambda x: 1 / x, SIGNED),
    "root": (lambda x: x**0.5, np.sqrt, POSITIVE),
    "power of two": (lambda x: 2**x, np.exp2, SIGNED),
    "scalar first": (lambda x: 3 / (2 - x), lambda x: 3 / (2 - x), SIGNED),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary_operation_matches_numpy_and_its_gradient_the_difference_quotient(name):
    fn, reference, x = UNARY[name]
    # rtol: different but equally rounded formulas (x³ as a power or a product)
    np.testing.assert_allclose(fn(Tensor(x)).data, reference(x), rtol=4e-16)
    assert grad_check(fn, [x])


@pytest.mark.parametrize("name", UNARY)
def test_float32_stays_float32_in_both_directions(name):
    fn, _, x = UNARY[name]
    leaf = Tensor(x.astype(np.float32), requires_grad=True)
    y = fn(leaf)
    y.backward(np.ones_like(y.data))
    assert y.dtype == leaf.grad.dtype == np.float32


# The conventions below are those of PyTorch 2.13, read off torch.autograd in float64.


def test_abs_has_no_slope_at_zero():
    assert gradient(ag.abs, [-2.0, -0.0, 0.0, 3.0]) == [[-1, 0, 0, 1]]


def test_clip_passes_the_upstream_at_its_bounds():
    assert gradient(lambda x: ag.clip(x, -1, 1), [-1.5, -1, 0, 1, 1.5]) == [[0, 1, 1, 1, 0]]


def test_clip_of_nan_is_nan_with_gradient_zero():
    assert np.isnan(ag.clip(Tensor([np.nan]), 0, 1).data[0])
    assert gradient(lambda x: ag.clip(x, 0, 1), [np.nan]) == [[0]]


def test_clip_bounds_are_checked():
    with pytest.raises(ValueError, match="lo must be at most hi, got 2 and 1"):
        ag.clip(Tensor([0.0]), 2, 1)
    with pytest.raises(ValueError, match="lo and hi must not both be None"):
        ag.clip(Tensor([0.0]))


def test_maximum_and_minimum_share_the_upstream_between_equals():
    a, b = [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]
    assert gradient(ag.maximum, a, b) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert gradient(ag.minimum, a, b) == [[1, 0.5, 0], [0, 0.5, 1]]


def test_power_at_base_zero():
    assert gradient(lambda x: x**0, [0.0, 2.0]) == [[0, 0]]
    assert gradient(lambda x: x**1, [0.0, 2.0]) == [[1, 1]]
    assert gradient(lambda x: x**2, [0.0, 2.0]) == [[0, 4]]
    assert gradient(lambda x: x**0.5, [0.0]) == [[np.inf]]
    assert gradient(lambda e: 0.0**e, [0.0, 2.0]) == [[0, 0]]


def test_infinite_slopes_are_returned_without_a_warning():
    assert gradient(ag.sqrt, [0.0, 4.0]) == [[np.inf, 0.25]]
    assert ag.log(Tensor([0.0])).data.tolist() == [-np.inf]
    assert gradient(ag.log, [0.0, 4.0]) == [[np.inf, 0.25]]


def test_where_keeps_nan_of_the_branch_not_taken_out_of_result_and_gradient():
    x = Tensor(np.array([0.0, 4.0]), requires_grad=True)
    y = ag.where(x.data > 0, x, np.nan)
    assert y.data[1] == 4.0
    y.backward(np.array([np.inf, 1.0]))
    assert x.grad.tolist() == [0.0, 1.0]


def test_where_needs_a_bool_condition():
    with pytest.raises(TypeError, match="condition must be bool, got int64"):
        ag.where(np.array([1, 0]), 1.0, 2.0)


def test_two_uses_of_one_operand_both_count():
    assert gradient(lambda x: x * x, [3.0]) == [[6]]
    assert gradient(lambda x: x - x, [3.0]) == [[0]]
    assert gradient(lambda x: x / x, [3.0]) == [[0]]


def test_constant_operands_get_no_gradient():
    x, constant = Tensor([2.0], requires_grad=True), Tensor([3.0])
    for fn in (BINARY[name][0] for name in BINARY if name != "where"):
        fn(x, constant).backward()
        fn(constant, x).backward()
    assert constant.grad is None


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        Tensor(np.ones(3)) + Tensor(np.ones(4))


def test_integer_operands_are_refused():
    with pytest.raises(TypeError, match="data must be float32 or float64, got int64"):
        Tensor([1.0]) * np.array([2])
