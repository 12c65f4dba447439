import math

import numpy as np
import pytest

import qbref as qb
from qbref import qnn
from tests.binary.kinks import kinks

W = np.array([[1.0, -2.0, 0.5, 0.1], [0.0, 0.3, -0.3, 0.06]], np.float32)


def forward_backward(quantizer, w, upstream):
    leaf = qb.Tensor(w, requires_grad=True)
    y = quantizer(leaf)
    y.backward(upstream)
    return y.data, leaf.grad


def finite(dtype, *places):
    values = kinks(dtype, *places)
    return values[np.isfinite(values)].reshape(2, -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.05, 0.3])
def test_fixed_threshold_and_its_window_at_every_kink(threshold, dtype):
    w = finite(dtype, threshold)
    upstream = np.random.default_rng(0).normal(size=w.shape).astype(dtype)
    y, dw = forward_backward(qnn.SteTern(threshold), w, upstream)
    delta = float(dtype(threshold))
    assert y.dtype == dw.dtype == dtype
    assert y.ravel().tolist() == [0 if abs(v) < delta else math.copysign(1, v) for v in w.ravel().tolist()]
    assert (dw == upstream * [[abs(v) <= 1 for v in row] for row in w.tolist()]).all()


def test_fixed_threshold_levels_and_clip():
    quantizer, w = qnn.SteTern(), W.copy()
    levels = quantizer.levels(w)
    assert levels.q.tolist() == [[1, -1, 1, 1], [0, 1, -1, 1]]
    assert (levels.scale, levels.n_bits) == (1, 2)
    quantizer.constrain(w)
    assert w[0].tolist() == [1, -1, 0.5, np.float32(0.1)]


def twn_by_definition(rows):
    """(q, alpha) of each row, from Δ = 0.7 mean |w| and alpha = mean of the kept magnitudes."""
    for row in rows:
        delta = 0.7 * math.fsum(map(abs, row)) / len(row)
        kept = [abs(v) for v in row if abs(v) > delta]
        yield [math.copysign(abs(v) > delta, v) for v in row], math.fsum(kept) / len(kept)


@pytest.mark.parametrize("axis", [0, None])
def test_twn_by_its_definition_and_with_the_gradient_unchanged(axis):
    upstream = np.random.default_rng(0).normal(size=W.shape).astype(np.float32)
    y, dw = forward_backward(qnn.TWN(axis), W, upstream)
    rows = W.tolist() if axis == 0 else [W.ravel().tolist()]
    expected = np.array([[alpha * v for v in q] for q, alpha in twn_by_definition(rows)]).reshape(W.shape)
    np.testing.assert_allclose(y, expected, rtol=2**-23)  # alpha's rounding
    assert (dw == upstream).all()
    levels = qnn.TWN(axis).levels(W)
    assert levels.n_bits == 2 and levels.scale.shape == ((2,) if axis == 0 else ())
    assert (levels.q * levels.scale.reshape(-1, 1) == y).all()


@pytest.mark.parametrize("form", ["paper", "released"])
def test_bitnet_rounds_by_the_mean_magnitude_with_the_gradient_unchanged(form):
    w = np.array([[1.0, -0.25], [0.5, 0.26]])  # γ = 0.5025
    upstream = np.random.default_rng(0).normal(size=w.shape)
    y, dw = forward_backward(qnn.BitNet(form), w, upstream)
    np.testing.assert_allclose(y, 0.5025 * np.array([[1, 0], [1, 1]]), rtol=2**-50)  # s, and 1 / s
    assert (dw == upstream).all()
    levels = qnn.BitNet(form).levels(w.astype(np.float32))
    assert levels.q.tolist() == [[1, 0], [1, 1]] and levels.n_bits == 2
    assert levels.scale == pytest.approx(0.5025, rel=2**-22)


def test_the_two_forms_of_bitnet_part_where_epsilon_matters():
    w = np.array([[1.0, -0.2500025], [0.5, 0.2499975]])
    paper, released = (qnn.BitNet(form).levels(w).q.tolist() for form in ("paper", "released"))
    assert paper == [[1, 0], [1, 0]] and released == [[1, -1], [1, 0]]


@pytest.mark.parametrize("quantizer", [qnn.TWN(), qnn.TWN(None), qnn.BitNet(), qnn.BitNet("paper")], ids=repr)
def test_weights_that_are_all_zero_stay_zero_with_a_positive_scale(quantizer):
    levels = quantizer.levels(np.zeros((2, 3), np.float32))
    assert not levels.q.any() and (levels.scale > 0).all()
    assert not quantizer(qb.Tensor(np.zeros((2, 3), np.float32))).data.any()


def test_unknown_options_are_refused():
    for make in (lambda: qnn.SteTern(1.0), lambda: qnn.SteTern(-0.1)):
        with pytest.raises(ValueError, match=r"threshold_value must be in \[0, 1\)"):
            make()
    with pytest.raises(ValueError, match="axis must be 0 or None, got 1"):
        qnn.TWN(1)
    with pytest.raises(ValueError, match="form must be 'released' or 'paper'"):
        qnn.BitNet("printed")
