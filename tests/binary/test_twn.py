import itertools
import math

import numpy as np
import pytest

from qbref.binary import twn, twn_optimum


def error(w, q, alpha):
    return ((w - alpha * q) ** 2).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threshold_levels_and_scale_by_hand(dtype):
    w = np.array([[[1.0, -3.0], [0.0, 4.0]], [[-0.5, 0.5], [0.5, -0.5]]], dtype)
    q, alpha, delta = twn(w)  # mean |w| = 2 and 0.5
    assert q.dtype == np.int8 and alpha.dtype == delta.dtype == dtype
    assert q.tolist() == [[[0, -1], [0, 1]], [[-1, 1], [1, -1]]]
    assert alpha.tolist() == [3.5, 0.5]
    assert delta.tolist() == [dtype(1.4), dtype(0.35)]


def test_one_threshold_for_the_layer():
    w = np.array([[1.0, -3.0, 0.0, 4.0], [-0.5, 0.5, 0.5, -0.5]])  # mean |w| = 1.25, Δ = 0.875
    q, alpha, delta = twn(w, axis=None)
    assert q.tolist() == [[1, -1, 0, 1], [0, 0, 0, 0]]
    assert alpha.shape == delta.shape == ()
    assert alpha == pytest.approx(8 / 3, rel=1e-15) and delta == pytest.approx(0.875, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_weight_at_the_threshold_is_zero_and_the_next_one_is_not(dtype):
    # ten weights whose mean magnitude is 1 to the last bit, with 0.7 and its neighbours among them
    at = dtype(0.7)
    above, below = np.nextafter(at, dtype(1)), np.nextafter(at, dtype(0))
    w = np.array([[at, -at, above, -above, below, -below, 0, 0, 0, 0]], dtype)
    w[0, 6] = dtype(10) - dtype(math.fsum(abs(v) for v in w[0].tolist()))
    q, _, delta = twn(w)
    assert delta[0] == at
    assert q[0, :7].tolist() == [0, 0, 1, -1, 0, 0, 1]


@pytest.mark.parametrize("rule", [twn, twn_optimum])
def test_alpha_is_the_least_squares_factor_for_its_levels(rule):
    w = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    q, alpha, delta = rule(w)
    for c in range(4):
        levels = q[c].ravel().astype(float)
        best = np.linalg.lstsq(levels[:, np.newaxis], w[c].ravel(), rcond=None)[0][0]
        assert alpha[c] == pytest.approx(best, rel=1e-12)  # rounded sums in another order
        assert (q[c] == np.sign(w[c]) * (np.abs(w[c]) > delta[c])).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_beats_every_one_of_the_ternary_vectors(seed):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(1, 6)) if seed else np.array([[0.5, -0.5, 1.0, 1.0, 0.0, -0.5]])  # ties and a zero
    least = math.inf
    for levels in itertools.product((-1, 0, 1), repeat=6):
        levels = np.array(levels)
        count = np.count_nonzero(levels)
        best = max((levels * w[0]).sum() / count, 0) if count else 0
        least = min(least, error(w[0], levels, best))
    q, alpha, _ = twn_optimum(w)
    assert error(w[0], q[0], alpha[0]) == pytest.approx(least, rel=1e-12)  # rounded sums


def test_half_of_alpha_separates_what_the_optimum_keeps_from_what_it_drops():
    w = np.random.default_rng(1).standard_t(3, size=(50, 40))
    q, alpha, delta = twn_optimum(w)
    for row, levels, a, d in zip(np.abs(w), q, alpha, delta, strict=True):
        assert row[levels == 0].max(initial=0) == d < a / 2 < row[levels != 0].min()


@pytest.mark.parametrize("axis", [0, None])
def test_the_rule_of_thumb_is_close_to_the_optimum_for_normal_weights(axis):
    w = np.random.default_rng(2).normal(size=(3, 20_000))
    rule, best = twn(w, axis), twn_optimum(w, axis)
    shape = (3,) if axis == 0 else ()
    assert {a.shape for _, *scales in (rule, best) for a in scales} == {shape}
    errors = []
    for q, alpha, _ in (rule, best):
        errors.append(error(w, q, alpha if axis is None else alpha[:, np.newaxis]) / w.size)
    # the best ternary quantizer of a normal variable has the distortion 0.19017 (Max, 1960, table I)
    assert errors[1] == pytest.approx(0.1902, abs=0.003)  # 60,000 samples: a standard error of 0.001
    assert errors[1] <= errors[0] < 1.05 * errors[1]


@pytest.mark.parametrize("rule", [twn, twn_optimum])
def test_weights_that_are_all_zero_have_scale_zero(rule):
    q, alpha, delta = rule(np.zeros((2, 3), np.float32))
    assert not q.any() and alpha.tolist() == delta.tolist() == [0, 0]


def test_the_optimum_may_keep_everything():
    q, alpha, delta = twn_optimum(np.array([[1.0, -1.0, 1.0], [2.0, 2.0, 0.0]]))
    assert q.tolist() == [[1, -1, 1], [1, 1, 0]] and alpha.tolist() == [1, 2] and delta.tolist() == [0, 0]


@pytest.mark.parametrize("rule", [twn, twn_optimum])
def test_bad_arguments_are_named(rule):
    with pytest.raises(ValueError, match="axis must be one of"):
        rule(np.ones((2, 3)), axis=1)
    with pytest.raises(ValueError, match="w must have output channels"):
        rule(np.ones(3))
    with pytest.raises(TypeError, match="w must be float32 or float64"):
        rule(np.ones((2, 3), int))
    with pytest.raises(ValueError, match="w must be finite in float32, got inf"):
        rule(np.array([[1.0, np.inf]]))
