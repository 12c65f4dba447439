import numpy as np
import pytest

from qbref.binary import QUANTIZERS, Quantizer, channel_scale, ede_gradient, sign
from tests.binary.kinks import kinks

LARQ = [  # the quantizers in the __all__ of larq/quantizers.py, lower-case names
    "approx_sign",
    "dorefa_quantizer",
    "magnitude_aware_sign",
    "ste_heaviside",
    "ste_sign",
    "ste_tern",
    "swish_sign",
]
ALL = QUANTIZERS | {"ede": Quantizer(sign, lambda x: ede_gradient(x, k=2.0, t=0.5))}

FORWARD = {  # one number at a time
    "ste_sign": lambda v: -1 if v < 0 else 1,
    "ste_heaviside": lambda v: 1 if v > 0 else 0,
    "ste_tern": lambda v: 0 if abs(v) < 0.05 else (1 if v > 0 else -1),
    "dorefa_quantizer": lambda v: 1 if v > 0.5 else 0,
}
FORWARD["approx_sign"] = FORWARD["swish_sign"] = FORWARD["ste_sign"]

BACKWARD = {
    "ste_sign": lambda v: 1 if -1 <= v <= 1 else 0,
    "approx_sign": lambda v: 2 - 2 * abs(v) if -1 <= v <= 1 else 0,
    "dorefa_quantizer": lambda v: 1 if 0 <= v <= 1 else 0,
}
BACKWARD["ste_heaviside"] = BACKWARD["ste_tern"] = BACKWARD["ste_sign"]


def test_every_quantizer_of_larq_is_here():
    assert sorted(QUANTIZERS) == LARQ


@pytest.mark.parametrize("name", FORWARD)
def test_forward_at_every_kink(name):
    x = kinks(np.float64, 0.05)  # in float64 the literal 0.05 is the threshold itself
    result = QUANTIZERS[name].forward(x)
    assert result.dtype == np.float64
    assert result.tolist() == [FORWARD[name](v) for v in x.tolist()]


@pytest.mark.parametrize("name", BACKWARD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backward_at_every_kink(name, dtype):
    x = kinks(dtype, 0.05)
    factor = QUANTIZERS[name].gradient(x)
    assert factor.dtype == dtype
    assert factor.tolist() == [dtype(BACKWARD[name](v)) for v in x.tolist()]


def test_the_other_two_surrogates_by_hand():
    assert QUANTIZERS["swish_sign"].gradient([0.0]).tolist() == [5]  # β (2 − 0) / (1 + 1), β = 5
    magnitude_aware = QUANTIZERS["magnitude_aware_sign"]
    assert magnitude_aware.forward([[0.5, -1.5]]).tolist() == [[1, -1]]
    assert magnitude_aware.gradient([[0.5, -1.5]]).tolist() == [[1, 0]]


@pytest.mark.parametrize("name", ALL)
def test_a_surrogate_differs_from_the_true_difference_quotient(name):
    rng = np.random.default_rng(1)
    x = rng.uniform(0.1, 0.9, (2, 6)) * rng.choice([-1, 1], (2, 6))  # off every jump by more than h
    x[np.abs(np.abs(x) - 0.5) < 0.02] += 0.05
    upstream, h = rng.normal(size=x.shape), 1e-3
    forward, gradient = ALL[name]
    quotient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        quotient[index] = (upstream * (forward(x + step) - forward(x - step))).sum() / (2 * h)
    if name == "magnitude_aware_sign":  # alpha moves with the weights, the signs do not
        along_signs = (upstream * sign(x)).sum(axis=1, keepdims=True)
        # linear in the step, so only cancellation, 2⁻⁵³ / h
        np.testing.assert_allclose(quotient, sign(x) * along_signs / 6, atol=1e-11)
        assert (channel_scale(x + h) != channel_scale(x - h)).all()
    else:
        assert (quotient == 0).all()
    surrogate = upstream * gradient(x)
    assert np.abs(surrogate - quotient).max() > 0.1
