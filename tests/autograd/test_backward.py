import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

from qbref.autograd import Tensor, conv2d, is_grad_enabled, max_pool2d, no_grad


def leaf(values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


def test_gradient_through_a_diamond_adds_both_ways():
    x = leaf([3.0])
    y = x * x
    (y * x + y).backward()  # x³ + x²
    assert x.grad.tolist() == [27.0 + 6.0]


def test_gradients_accumulate_over_calls_until_zero_grad():
    x = leaf([2.0])
    for _ in range(3):
        (x * 5).backward()
    assert x.grad.tolist() == [15.0]
    x.zero_grad()
    assert x.grad is None


def test_only_leaves_that_require_a_gradient_get_one():
    x, constant = leaf([2.0]), Tensor(np.array([3.0]))
    middle = x * constant
    (middle * 2).backward()
    assert constant.grad is None
    assert middle.grad is None
    assert x.grad.tolist() == [6.0]


def test_backward_from_a_leaf_gives_it_the_upstream():
    x = leaf([1.0, 2.0])
    x.backward(np.array([5.0, 7.0]))
    assert x.grad.tolist() == [5.0, 7.0]


def test_upstream_is_required_unless_there_is_one_element():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="upstream must be given unless there is one element, got shape"):
        (x * 2).backward()
    leaf([[1.0]]).backward()


def test_upstream_shape_and_dtype_are_checked():
    y = leaf([1.0, 2.0]) * 2
    with pytest.raises(ValueError, match=r"upstream must have the tensor's shape \(2,\), got \(1,\)"):
        y.backward(np.ones(1))
    with pytest.raises(TypeError, match="upstream must be float64 as the tensor is, got float32"):
        y.backward(np.ones(2, np.float32))
    with pytest.raises(TypeError, match="got int64"):
        y.backward(np.ones(2, np.int64))


def test_upstream_may_be_a_tensor_or_a_number():
    x = leaf([1.0])
    (x * 2).backward(Tensor(np.array([3.0])))
    (x * 2).sum().backward(4)
    assert x.grad.tolist() == [14.0]


def test_backward_without_anything_that_requires_a_gradient_is_an_error():
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        Tensor([1.0]).backward()


def test_second_backward_names_the_remedy_and_leaves_gradients_alone():
    x, other = leaf([2.0]), leaf([1.0])
    middle = x * x
    y = middle + other
    y.backward()
    for again in (y, middle, middle * 3 + other):
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            again.backward()
    assert (x.grad.tolist(), other.grad.tolist()) == ([4.0], [1.0])


def test_retained_graph_can_be_walked_twice():
    x = leaf([2.0])
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_a_chain_of_50000_operations_needs_no_recursion():
    x = leaf([1.0])
    y = x
    for _ in range(50_000):
        y = y + x
    y.backward()
    assert x.grad.tolist() == [50_001.0]
    y = x
    for _ in range(50_000):
        y = y * 1.0
    del y  # a graph that is dropped unused is torn down without recursion too


def test_no_gradient_ever_aliases_another_array():
    x, z = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    upstream = np.array([3.0, 4.0])
    (x + z).backward(upstream)
    (x.reshape(2) + 0.0).backward(upstream)
    x.backward(upstream)
    arrays = [x.grad, z.grad, upstream, x.data, z.data]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[i + 1 :])
    assert upstream.tolist() == [3.0, 4.0]
    assert z.grad.tolist() == [3.0, 4.0]
    assert x.grad.tolist() == [9.0, 12.0]


def test_accumulating_does_not_write_into_a_gradient_someone_kept():
    x = leaf([1.0])
    (x * 2).backward()
    kept = x.grad
    (x * 2).backward()
    assert kept.tolist() == [2.0]


def test_gradients_of_scalars_are_arrays_too():
    x = leaf(3.0)
    for _ in range(2):
        y = x * 1.0
        Tensor.from_op((y * y).data, (y, y), lambda upstream: (upstream[...], upstream[...])).backward()
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray)
    assert x.grad == 16


def test_gradients_are_writable_and_contiguous():
    x = leaf(np.ones((2, 3)))
    (x.T.sum() + x.mean(axis=0).sum()).backward()
    x.grad *= 2
    assert x.grad.flags.c_contiguous


def test_backward_releases_every_saved_array():
    x = leaf(np.ones((2, 1, 6, 6)))
    middle = conv2d(x, leaf(np.ones((2, 1, 3, 3))), padding=1).relu()
    y = (max_pool2d(middle, 2).exp() ** 2).mean()
    saved = [weakref.ref(cell.cell_contents) for cell in middle._backward.__closure__]
    node = weakref.ref(middle)
    del middle
    y.backward()
    gc.disable()  # released by reference counting, not by the cycle collector
    try:
        assert node() is None
        assert all(ref() is None for ref in saved)
    finally:
        gc.enable()


def test_memory_of_backward_does_not_grow_with_depth():
    n = 100_000  # 800 kB for each array
    x = leaf(np.ones(n))
    y = x
    for _ in range(30):
        y = y.tanh()
    y = y.sum()
    tracemalloc.start()
    y.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 8 * n  # a few temporaries; thirty kept gradients would be 30 · 8 n


def test_no_grad_keeps_no_graph_and_restores_the_mode():
    x = leaf([1.0])
    with no_grad():
        assert not is_grad_enabled()
        with no_grad():
            pass
        y = x * 2
        assert not is_grad_enabled()
    assert is_grad_enabled()
    assert not y.requires_grad
    assert y._parents == ()
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert is_grad_enabled()


def test_no_grad_works_as_a_decorator_also_recursively():
    @no_grad()
    def countdown(n):
        return is_grad_enabled() or (n > 0 and countdown(n - 1))

    assert not countdown(3)
    assert is_grad_enabled()


def test_no_grad_concerns_its_own_thread_only():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_custom_operation_with_a_wrong_gradient_shape_is_refused():
    x = leaf([1.0, 2.0])
    y = Tensor.from_op(x.data * 2, (x,), lambda upstream: (upstream[:1],))
    with pytest.raises(ValueError, match=r"backward must return a gradient of shape \(2,\), got \(1,\)"):
        y.backward(np.ones(2))


def test_custom_operation_must_return_one_gradient_per_parent():
    x = leaf([1.0])
    with pytest.raises(ValueError):
        Tensor.from_op(x.data, (x, x), lambda upstream: (upstream,)).backward()


def test_custom_operation_may_return_none_for_no_gradient():
    x, z = leaf([1.0]), leaf([1.0])
    y = Tensor.from_op(x.data + z.data, (x, z * 2), lambda upstream: (upstream, None))
    y.backward()
    assert x.grad.tolist() == [1.0]
    assert z.grad is None


def test_custom_operation_must_hold_floats():
    with pytest.raises(TypeError, match="data must be float32 or float64, got int64"):
        Tensor.from_op(np.array([1]), (), None)


def test_backward_is_linear_in_the_upstream():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4))
    x = leaf(rng.normal(size=4))
    y = (x.tanh() * x).exp()
    grads = []
    for upstream in (a, b, 2 * a - b):
        x.zero_grad()
        y.backward(upstream, retain_graph=True)
        grads.append(x.grad)
    # rtol: a handful of float64 roundings
    np.testing.assert_allclose(grads[2], 2 * grads[0] - grads[1], rtol=1e-13, atol=1e-14)


def test_a_tensor_used_twice_is_visited_once():
    x = leaf([1.0])
    y = x
    for _ in range(100):
        y = y + y  # 2¹⁰⁰ ways back to x
    y.backward()
    assert x.grad.tolist() == [2.0**100]
