"""Every gradient that stands in for one of zero: its formula at every kink, and that it is a stand-in."""

import math

import numpy as np
import pytest

import qbref as qb
from qbref import qnn
from tests.binary.kinks import kinks


def swish(z, beta):
    """Derivative of 2σ(βx)(1 + βx(1 − σ(βx))) − 1, as BNN+ prints it, by its two sigmoids."""
    if abs(beta * z) > 700:
        return 0.0
    s = 1 / (1 + math.exp(-beta * z))
    return 2 * beta * s * (1 - s) * (2 + beta * z * (1 - 2 * s))


FACTORS = {  # name, options: the factor of one Python float
    ("ste_sign", ()): lambda x: float(-1 <= x <= 1),
    ("ste_sign", (("boundary", "exclusive"),)): lambda x: float(-1 < x < 1),
    ("ste_sign", (("clip_value", 2.0),)): lambda x: float(-2 <= x <= 2),
    ("approx_sign", ()): lambda x: 2 - 2 * abs(x) if abs(x) <= 1 else 0.0,
    ("swish_sign", ()): lambda x: swish(x, 5.0),
    ("swish_sign", (("beta", 2.0),)): lambda x: swish(x, 2.0),
    ("ede", ()): lambda x: 1 / math.cosh(0.1 * x) ** 2 if abs(x) < 300 else 0.0,
    ("ede", (("k", 2.0), ("t", 3.0))): lambda x: 6 / math.cosh(3 * x) ** 2 if abs(x) < 10 else 0.0,
}
CASES = [
    pytest.param(name, dict(options), f, id=f"{name} {dict(options)}")
    for (name, options), f in FACTORS.items()
]


def gradient(op, x, upstream):
    leaf = qb.Tensor(x, requires_grad=True)
    y = op(leaf)
    y.backward(upstream)
    return y.data, leaf.grad


def finite_kinks(dtype):
    values = kinks(dtype, 2)
    return values[np.isfinite(values)].reshape(-1, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, options, factor", CASES)
def test_signs_of_activations_and_weights_take_the_surrogate_at_every_kink(name, options, factor, dtype):
    x = finite_kinks(dtype)
    upstream = np.random.default_rng(0).normal(size=x.shape).astype(dtype)
    expected = upstream * np.vectorize(factor, otypes=[float])(x.astype(float))
    ops = [qnn.Sign(name, **options), qnn.BinaryConnect(name, **options)]
    if name != "ede":
        ops.append(lambda t: getattr(qnn, name)(t, **options))
    for op in ops:
        y, dx = gradient(op, x, upstream)
        assert y.dtype == dx.dtype == dtype
        assert (y == np.where(x < 0, -1, 1)).all()
        # 1 − tanh² and the like cancel: a rounding is absolute, of factors up to 6 and upstreams up to 3
        np.testing.assert_allclose(dx, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


WEIGHTS = [
    *(qnn.BinaryConnect(name) for name in ("ste_sign", "approx_sign", "swish_sign", "ede")),
    qnn.BinaryWeights(),
    *(qnn.XNORNet(form) for form in ("ste", "paper", "released", "released_sgd", "product_rule")),
    qnn.IRNet(),
    qnn.SteTern(),
    qnn.TWN(),
    qnn.TWN(axis=None),
    qnn.TTQ(0.5, 0.75),
    qnn.BitNet(),
    qnn.BitNet("paper"),
]
ACTIVATIONS = [
    qnn.Sign("ste_sign"),
    qnn.Sign("approx_sign"),
    qnn.Sign("swish_sign"),
    qnn.Sign("ede"),
    qnn.RSign(4),
]


def quotient(op, x, upstream, h=1e-6):
    """Central differences of Σ upstream · op(x), element by element."""
    result = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        ends = [(upstream * op(qb.Tensor(x + s * step)).data).sum() for s in (1, -1)]
        result[index] = (ends[0] - ends[1]) / (2 * h)
    return result


@pytest.mark.parametrize("op", ACTIVATIONS + WEIGHTS, ids=repr)
def test_the_surrogate_is_not_the_true_derivative(op):
    """Which is 0 for values, and at most the movement of a scale for weights; no sign changes within h."""
    rng = np.random.default_rng(1)
    x, upstream = rng.uniform(-0.9, 0.9, (3, 4)), rng.normal(size=(3, 4))
    _, dx = gradient(op, x, upstream)
    true = quotient(op, x, upstream)
    scaled = isinstance(op, (qnn.BinaryWeights, qnn.TWN, qnn.BitNet))
    assert scaled or not true.any()
    assert np.abs(dx - true).max() > 0.1 * np.abs(upstream).max()


def test_the_derivative_of_the_scale_alone_is_what_the_product_rule_adds():
    rng = np.random.default_rng(2)
    w, upstream = rng.uniform(-0.9, 0.9, (3, 4)), rng.normal(size=(3, 4))
    _, product_rule = gradient(qnn.XNORNet("product_rule"), w, upstream)
    _, ste = gradient(qnn.XNORNet("ste"), w, upstream)
    # cancellation, 2⁻⁵³ · 10 / h; the loss is linear in the step
    np.testing.assert_allclose(product_rule - ste, quotient(qnn.BinaryWeights(), w, upstream), atol=1e-8)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("tanh", {}, "surrogate must be one of"),
        (
            "ste_sign",
            {"beta": 2.0},
            r"options of ste_sign must be among \['clip_value', 'boundary'\], got 'beta'",
        ),
        ("ste_sign", {"boundary": "open"}, "boundary must be one of"),
        ("swish_sign", {"beta": -1.0}, "beta must be positive"),
        ("ede", {"k": 0.0}, "k and t must be positive"),
    ],
)
def test_bad_surrogates_are_refused_when_the_layer_is_made(name, options, message):
    for layer in (qnn.Sign, qnn.BinaryConnect, lambda *a, **o: qnn.RSign(3, *a, **o)):
        with pytest.raises(ValueError, match=message):
            layer(name, **options)


def test_the_schedule_reaches_weights_and_activations():
    model = qb.nn.Sequential(qnn.Sign("ede"), qnn.Linear(3, 2, weight_quantizer=qnn.IRNet()), qnn.Sign())
    assert qnn.set_ede(model, 10, 10) is model
    assert model[0].surrogate.options == {"k": 1.0, "t": 10.0}
    assert (model[1].weight_quantizer.k, model[1].weight_quantizer.t) == (1.0, 10.0)
    assert model[2].surrogate.options == {}
    _, dx = gradient(model[0], np.array([0.0, 0.5]), np.ones(2))
    assert dx == pytest.approx([10.0, 10 / math.cosh(5.0) ** 2])
    with pytest.raises(ValueError, match="model must hold IRNet weights or a Sign with surrogate 'ede'"):
        qnn.set_ede(qb.nn.Sequential(qnn.Sign()), 0, 10)
