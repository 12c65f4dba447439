import numpy as np
import pytest

from qbref.autograd import Tensor, grad_check


def wrong(factor, only=None):
    """x³ with a gradient that is off by `factor`, in all elements or in one."""

    def cube(x):
        def backward(upstream):
            grad = 3 * x.data**2 * upstream
            grad[... if only is None else only] *= factor
            return (grad,)

        return Tensor.from_op(x.data**3, (x,), backward)

    return cube


X = np.array([[0.5, -1.0, 2.0], [1.5, 0.7, -0.3]])


def test_right_gradient_passes():
    assert grad_check(wrong(1.0), [X]) is True


def test_gradient_wrong_by_a_thousandth_is_caught():
    with pytest.raises(AssertionError, match="gradient of cube by input 0"):
        grad_check(wrong(1.001), [X])


def test_gradient_wrong_in_one_element_is_caught_and_named_with_both_numbers():
    with pytest.raises(AssertionError) as error:
        grad_check(lambda a, x: wrong(0.999, only=(1, 0))(x) + a, [X, X], rng=np.random.default_rng(0))
    message = str(error.value)
    assert "input 1 " in message
    assert "element (1, 0)" in message
    assert "1 of 6 elements differ" in message
    analytic, numeric = (
        float(message.split(word + " ")[1].split()[0].rstrip(",")) for word in ("analytic", "numeric")
    )
    assert analytic / numeric == pytest.approx(0.999, abs=1e-6)  # abs: the truncation error of the quotient
    assert 0.5 <= abs(numeric) / (3 * 1.5**2) <= 1.5  # the cotangent's magnitude


def test_swapped_gradients_are_caught_although_their_sum_is_right():
    def reversed_gradient(x):
        return Tensor.from_op(x.data * 2, (x,), lambda upstream: (2 * upstream[::-1],))

    with pytest.raises(AssertionError):
        grad_check(reversed_gradient, [np.array([1.0, 2.0, 3.0])])


def test_missing_and_nan_gradients_are_caught():
    with pytest.raises(AssertionError, match="analytic 0, numeric"):
        grad_check(lambda x: x.detach() * 2, [X])
    with pytest.raises(AssertionError, match="analytic nan"):
        grad_check(wrong(np.nan, only=(0, 1)), [X])


def test_unused_input_passes():
    assert grad_check(lambda a, b: a * 2, [X, X])


def test_inputs_are_copied_to_float64_and_a_single_one_needs_no_list():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert grad_check(lambda t: t * t, x)
    assert x.grad is None
    assert x.data.tolist() == [1.0, 2.0]
    assert grad_check(lambda t: t * t, X.astype(np.float32))


def test_scalar_and_empty_inputs_pass():
    assert grad_check(lambda t: t * t, [np.array(3.0)])
    assert grad_check(lambda t: t * t, [np.zeros((0, 2))])


def test_random_and_float32_functions_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="fn must return the same value"):
        grad_check(lambda x: x * rng.random(), [X])
    with pytest.raises(TypeError, match="fn must return a float64 Tensor, got float32"):
        grad_check(lambda x: Tensor(x.data.astype(np.float32)), [X])
    with pytest.raises(TypeError, match="fn must return a float64 Tensor, got ndarray"):
        grad_check(lambda x: x.data, [X])
