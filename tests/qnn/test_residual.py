"""Residual sum and average pooling against the real sum and mean, in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

import qbref as qb
from qbref import nn, qnn
from qbref.qnn.residual import AddArithmetic
from qbref.quant import QuantParams

A = QuantParams(scale=0.05, zero_point=-20, qmin=-128, qmax=127)
B = QuantParams(scale=0.013, zero_point=33, qmin=-128, qmax=127)
Y = QuantParams(scale=0.041, zero_point=-5, qmin=-128, qmax=127)
# Three multipliers, each within 2**-31 of its value, on sums below 2**9 units of the output: far from a
# tie by this much, the exact sum and the integer sum round alike.
MARGIN = Fraction(1, 10**4)


def fraction(params):
    return Fraction(float(params.scale)), int(params.zero_point)


@pytest.mark.parametrize("mode", ["single", "double", "half_up_twice", "float64"])
def test_the_integer_sum_is_the_rounded_real_sum(mode):
    rng = np.random.default_rng(0)
    q_a, q_b = rng.integers(-128, 128, (2, 400), np.int8)
    q_y = AddArithmetic.from_params(A, B, Y, (0.0, 4.1), mode)(q_a, q_b)
    (s_a, z_a), (s_b, z_b), (s_y, z_y) = map(fraction, (A, B, Y))
    checked = 0
    for a, b, y in zip(q_a.tolist(), q_b.tolist(), q_y.tolist(), strict=True):
        exact = (s_a * (a - z_a) + s_b * (b - z_b)) / s_y
        if abs(exact % 1 - Fraction(1, 2)) > MARGIN:
            checked += 1
            assert y == min(max(round(exact) + z_y, -5), 95)  # the bounds 0 and 4.1 are -5 and -5 + 100
    assert checked > 390


def test_terms_of_more_than_8_bits_are_refused():
    wide = QuantParams(scale=0.1, zero_point=0, qmin=-256, qmax=255)
    with pytest.raises(ValueError, match="at most 8 bits, got 9"):
        AddArithmetic.from_params(A, wide, Y, (-np.inf, np.inf), "single")


def test_the_integer_mean_is_the_rounded_real_mean():
    rng = np.random.default_rng(1)
    source, target = (qnn.FakeQuantize(qnn.Uniform(8), None) for _ in range(2))
    source.scale, source.zero_point = np.array(A.scale), np.array(A.zero_point)
    target.scale, target.zero_point = np.array(Y.scale), np.array(Y.zero_point)
    pool = qnn.AvgPool2d.from_float(nn.AvgPool2d((2, 3)), source, target, "single").eval()
    q = rng.integers(-128, 128, (10, 3, 4, 6))
    y = pool(qb.Tensor(((q + 20) * A.scale).astype(np.float32))).data
    (s_a, z_a), (s_y, z_y) = map(fraction, (A, Y))
    checked = 0
    for n, c, i, j in np.ndindex(y.shape):
        window = q[n, c, 2 * i : 2 * i + 2, 3 * j : 3 * j + 3]
        exact = s_a * int((window - z_a).sum()) / (6 * s_y)
        if abs(exact % 1 - Fraction(1, 2)) > MARGIN:
            checked += 1
            q_y = min(max(round(exact) + z_y, -128), 127)
            assert y[n, c, i, j] == np.float32((q_y - z_y) * Y.scale)
    assert checked > 110
