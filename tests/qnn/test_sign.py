import numpy as np
import pytest

import qbref as qb
from qbref import qnn

X = np.array([-1.5, -1.0, -0.25, -0.0, 0.0, 0.5, 1.0, 1.5], np.float32)
SURROGATES = {"ste_sign": [0, 1, 1, 1, 1, 1, 1, 0], "approx_sign": [0, 0, 1.5, 2, 2, 1, 0, 0]}


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_sign_is_plus_one_from_zero_up_and_its_gradient_is_the_surrogate(surrogate):
    for function in (qnn.Sign(surrogate), getattr(qnn, surrogate)):
        x = qb.Tensor(X, requires_grad=True)
        y = function(x)
        y.backward(np.full(8, 2.0, np.float32))
        assert y.data.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
        assert x.grad.tolist() == [2 * g for g in SURROGATES[surrogate]]


def test_the_true_difference_quotient_of_sign_is_zero():
    h = 1e-3
    plus, minus = (qnn.ste_sign(qb.Tensor(np.array([-0.5, 0.7], np.float32) + s * h)).data for s in (1, -1))
    assert (plus == minus).all()
