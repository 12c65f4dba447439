"""Optimizers against hand-computed steps and the papers' equations, one number at a time."""

import math

import numpy as np
import pytest

from qbref import nn, optim


def parameter(values, grad=None, dtype=np.float64):
    p = nn.Parameter(np.array(values, dtype))
    p.grad = None if grad is None else np.array(grad, dtype)
    return p


def run(make, gradients, start):
    """The values of a parameter after each step, with the given gradients."""
    p = parameter(start)
    optimizer = make([p])
    path = []
    for g in gradients:
        p.grad = np.array(g)
        optimizer.step()
        path.append(p.data.copy())
    return np.array(path)


RNG = np.random.default_rng(0)
START = [1.0, -2.0, 0.5]
GRADIENTS = RNG.normal(size=(6, 3))


def sgd(w, gs, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    v, path = None, []
    for g in gs:
        g = g + weight_decay * w
        v = g if v is None else momentum * v + (1 - dampening) * g
        w = w - lr * (g + momentum * v if nesterov else v if momentum else g)
        path.append(w)
    return path


def adam(w, gs, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0
    path = []
    for t, g in enumerate(gs, start=1):
        if not decoupled:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        w = w - lr * m_hat / (math.sqrt(v_hat) + eps) - (lr * weight_decay * w if decoupled else 0)
        path.append(w)
    return path


CASES = [
    (optim.SGD, sgd, dict(lr=0.1)),
    (optim.SGD, sgd, dict(lr=0.1, weight_decay=0.3)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    (optim.Adam, adam, dict(lr=0.1)),
    (optim.Adam, adam, dict(lr=0.1, betas=(0.5, 0.7), eps=0.1, weight_decay=0.3)),
    (optim.AdamW, adam, dict(lr=0.1, weight_decay=0.3, decoupled=True)),
    (optim.AdamW, adam, dict(lr=0.1, betas=(0.0, 0.5), weight_decay=0.0, decoupled=True)),
]


@pytest.mark.parametrize("optimizer, rewritten, options", CASES)
def test_several_steps_follow_the_equations(optimizer, rewritten, options):
    arguments = {k: v for k, v in options.items() if k != "decoupled"}
    path = run(lambda params: optimizer(params, **arguments), GRADIENTS, START)
    expected = np.array([rewritten(w, GRADIENTS[:, i], **options) for i, w in enumerate(START)]).T
    # Six steps of some ten float64 roundings on numbers around 1.
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-14)


def test_sgd_with_momentum_by_hand():
    # v: 2, 0.5*2 + 2 = 3, 0.5*3 + 2 = 3.5;  w: 1 - 0.5*2 = 0, 0 - 0.5*3 = -1.5, -1.5 - 0.5*3.5 = -3.25
    path = run(lambda p: optim.SGD(p, lr=0.5, momentum=0.5), [[2.0]] * 3, [1.0])
    assert path.ravel().tolist() == [0, -1.5, -3.25]


def test_nesterov_by_hand():
    # g + 0.5 v: 2 + 1 = 3, then v = 3 and 2 + 1.5 = 3.5
    path = run(lambda p: optim.SGD(p, lr=0.5, momentum=0.5, nesterov=True), [[2.0]] * 2, [1.0])
    assert path.ravel().tolist() == [-0.5, -2.25]


def test_adam_moves_by_lr_at_first_whatever_the_gradient():
    path = run(lambda p: optim.Adam(p, lr=0.25, eps=0.0), [[1e-6, -1e6, 3.0]], [0.0, 0.0, 0.0])
    # m_hat / sqrt(v_hat) = g / |g|, up to float64 rounding.
    np.testing.assert_allclose(path[0], [-0.25, 0.25, -0.25], rtol=1e-14)


def test_weight_decay_is_decoupled_in_adamw_only():
    adam_w = run(lambda p: optim.AdamW(p, lr=0.5, weight_decay=0.5), [[0.0]], [4.0])
    l2 = run(lambda p: optim.Adam(p, lr=0.5, weight_decay=0.5), [[0.0]], [4.0])
    assert adam_w.item() == 3.0  # 4 - 0.5 * 0.5 * 4
    assert l2.item() == pytest.approx(3.5)  # g = 2, and Adam's first step is lr long


def test_bop_flips_where_gradient_and_weight_agree_beyond_the_threshold():
    # m = 0.5 g at first: 0.5, 0.5, 0.05, -0.5, 0.1;  w m = 0.5, -0.5, 0.05, 0.5, 0.1: flips above 0.1 only
    p = parameter([1, -1, 1, -1, 1], grad=[1, 1, 0.1, -1, 0.2])
    bop = optim.Bop([p], lr=0.5, threshold=0.1)
    bop.step()
    assert p.data.tolist() == [-1, -1, 1, 1, 1]
    # m = 0.5 m + 0.5 * 0: 0.25, 0.25, ..., -0.25; w m = -0.25, -0.25, .025, -0.25, .05: nothing flips
    p.grad[:] = 0
    bop.step()
    assert p.data.tolist() == [-1, -1, 1, 1, 1]
    assert bop.state[0]["m"].tolist() == [0.25, 0.25, 0.025, -0.25, 0.05]


def test_bop_takes_binary_weights_only():
    with pytest.raises(ValueError, match=r"params must hold only -1 and \+1, got 0.5"):
        optim.Bop([parameter([1.0, 0.5], grad=[0, 0])]).step()
    with pytest.raises(ValueError, match=r"lr must be in \(0, 1\], got 2"):
        optim.Bop([parameter([1.0])], lr=2)


MAKERS = [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda p: optim.SGD(p, lr=np.float64(0.1), nesterov=True, momentum=np.float64(0.9)),
    lambda p: optim.Adam(p, weight_decay=0.1),
    lambda p: optim.AdamW(p, lr=np.float64(0.1)),
    lambda p: optim.Bop(p),
]


@pytest.mark.parametrize("make", MAKERS)
def test_updates_are_in_place_and_keep_dtype_and_gradient(make):
    p = parameter([1.0, -1.0], grad=[0.5, 0.25], dtype=np.float32)
    array, grad = p.data, p.grad
    optimizer = make([p])
    optimizer.step()
    optimizer.step()
    assert p.data is array and p.dtype == np.float32
    assert array.tolist() != [1.0, -1.0]
    assert p.grad is grad and grad.tolist() == [0.5, 0.25]
    assert all(a.dtype == np.float32 for a in optimizer.state[0].values() if isinstance(a, np.ndarray))


def test_a_numpy_learning_rate_gives_the_same_bits_as_a_python_one():
    results = []
    for lr in (0.1, np.float64(0.1)):
        p = parameter([0.3], grad=[0.7], dtype=np.float32)
        optim.SGD([p], lr=lr).step()
        results.append(p.data.item())
    assert results[0] == results[1]


@pytest.mark.parametrize("make", MAKERS)
def test_a_parameter_without_gradient_is_skipped(make):
    p, q = parameter([1.0], grad=[1.0]), parameter([1.0])
    optimizer = make([q, p])
    optimizer.step()
    assert q.data.tolist() == [1.0] and p.data.tolist() != [1.0]
    assert optimizer.state[0] == {}


def test_zero_grad_forgets_all_gradients():
    p = parameter([1.0], grad=[1.0])
    optim.SGD([p]).zero_grad()
    assert p.grad is None


def test_a_diverged_run_shows_infinities_without_warnings():
    p = parameter([1.0], grad=[1e30], dtype=np.float32)
    optim.Adam([p]).step()
    optim.SGD([p], lr=1e30).step()
    assert math.isinf(p.data.item())


def test_training_reduces_a_real_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    for make in (lambda p: optim.SGD(p, lr=0.1, momentum=0.5), lambda p: optim.Adam(p, lr=0.1)):
        layer = nn.Linear(3, 1, rng=np.random.default_rng(1))
        optimizer = make(layer.parameters())
        for _ in range(150):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(layer(x), y)
            loss.backward()
            optimizer.step()
        assert loss.item() < 1e-3  # from about 5
        np.testing.assert_allclose(layer.weight.data, [[1, -2, 0.5]], atol=0.05)


P = parameter([1.0])
REJECTED = [
    (lambda: optim.SGD(P), TypeError, "params must be an iterable of Tensors, got a single one"),
    (lambda: optim.SGD([]), ValueError, "params must hold at least one parameter, got none"),
    (lambda: optim.SGD([P, np.ones(1)]), TypeError, "params must be Tensors, got ndarray at position 1"),
    (lambda: optim.SGD([P, P]), ValueError, "params must hold every parameter once"),
    (lambda: optim.SGD([P], lr=-1), ValueError, "lr must not be negative or infinite, got -1"),
    (lambda: optim.SGD([P], lr=math.nan), ValueError, "lr must not be negative or infinite, got nan"),
    (lambda: optim.SGD([P], momentum=1.0), ValueError, r"momentum must be in \[0, 1\), got 1.0"),
    (
        lambda: optim.SGD([P], nesterov=True),
        ValueError,
        "nesterov must have momentum above 0 and dampening 0",
    ),
    (lambda: optim.SGD([P], 0.1, 0.9, 0.1, nesterov=True), ValueError, "nesterov must have"),
    (lambda: optim.Adam([P], betas=(0.9, 1.0)), ValueError, r"beta2 must be in \[0, 1\), got 1.0"),
    (lambda: optim.Adam([P], eps=-1e-8), ValueError, "eps must not be negative"),
    (lambda: optim.AdamW([P], weight_decay=-1), ValueError, "weight_decay must not be negative"),
    (
        lambda: optim.Optimizer([parameter([1.0], grad=[1.0])], 0.1).step(),
        NotImplementedError,
        "must define update",
    ),
]


@pytest.mark.parametrize("call, error, message", REJECTED)
def test_optimizers_reject_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_learning_rate_set_later_is_checked_too():
    optimizer = optim.SGD([P])
    with pytest.raises(ValueError, match="lr must not be negative"):
        optimizer.lr = -0.1
    assert optimizer.lr == 1e-3
