import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, ptq, qat, qnn

# In steps of s = 0.5: -6, -2.5, -2 (the end), -1.5 (a tie), -0.625, 0.5 (a tie), 0.875, 1 (the end), 1.25, …
V = np.array([-3, -1.25, -1, -0.75, -0.3125, 0.25, 0.4375, 0.5, 0.625, 0.75, 2])
S, QMIN, QMAX = 0.5, -2, 1
UPSTREAM = np.arange(1.0, 12.0)


def step(value=S, dtype=np.float64):
    return np.array(value, dtype)


def by_the_paper(upstream, v, s, qn, qp):
    """Equations (1) to (5), one value at a time; sums over all of `v`."""
    v_hat, dv, ds = [], [], 0.0
    for g, value in zip(upstream.ravel().tolist(), v.ravel().tolist(), strict=True):
        ratio = value / s
        if ratio <= -qn:
            slope, level, passes = -qn, -qn, 0
        elif ratio >= qp:
            slope, level, passes = qp, qp, 0
        else:
            level, passes = round(ratio), 1  # Python rounds ties to even
            slope = level - ratio
        v_hat.append(level * s)
        dv.append(g * passes)
        ds += g * slope
    return np.reshape(v_hat, v.shape), np.reshape(dv, v.shape), ds


def test_golden_values_by_hand():
    v_hat = qat.lsq_forward(V, step(), QMIN, QMAX)
    assert v_hat.tolist() == [-1, -1, -1, -1, -0.5, 0, 0.5, 0.5, 0.5, 0.5, 0.5]
    dv, ds = qat.lsq_backward(UPSTREAM, V, step(), QMIN, QMAX)
    assert dv.tolist() == [0, 0, 0, 4, 5, 6, 7, 0, 0, 0, 0]
    # -2 (1 + 2 + 3) - 0.5 · 4 - 0.375 · 5 - 0.5 · 6 + 0.125 · 7 + 1 (8 + 9 + 10 + 11)
    assert ds == 20


def test_at_the_ends_the_gradients_are_the_papers_and_not_those_of_automatic_differentiation():
    v, upstream = np.array([-1.0, 0.5]), np.array([3.0, 8.0])
    dv, ds = qat.lsq_backward(upstream, v, step(), QMIN, QMAX)
    assert dv.tolist() == [0, 0] and ds == -2 * 3 + 1 * 8
    tv, ts = (qb.Tensor(a, requires_grad=True) for a in (v, step()))
    clipped = (tv / ts).clip(QMIN, QMAX)
    rounded = clipped + qb.Tensor(np.round(clipped.data) - clipped.data)
    (rounded * ts).backward(upstream)
    assert (
        tv.grad.tolist() == [3, 8] and ts.grad == 0
    )  # as PyTorch 2.13 gives for round_pass(clamp(v / s)) * s


def test_the_mask_is_not_that_of_pytorchs_learnable_fake_quantize():
    # torch._fake_quantize_learnable_per_tensor_affine(v, 0.5, 0, -2, 1, 1.0) in PyTorch 2.13, v by v
    torch_ds = [-2, 0.5, 0, -0.5, -0.375, -0.5, 0.125, 0, -0.25, 1, 1]
    torch_dv = [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    ones = np.ones(1)
    dv, ds = zip(
        *(qat.lsq_backward(ones, V[i : i + 1], step(), QMIN, QMAX) for i in range(len(V))), strict=True
    )
    differs = [i for i in range(len(V)) if (dv[i].item(), ds[i].item()) != (torch_dv[i], torch_ds[i])]
    assert V[differs].tolist() == [-1.25, -1, 0.5, 0.625]  # from the end to half a step beyond it


@pytest.mark.parametrize("n_bits, signed", [(2, True), (3, False), (8, True)])
def test_forward_and_backward_follow_the_paper_at_every_kink_tie_and_random_value(n_bits, signed):
    qmin, qmax = (-(2 ** (n_bits - 1)), 2 ** (n_bits - 1) - 1) if signed else (0, 2**n_bits - 1)
    rng = np.random.default_rng(n_bits)
    halves = np.arange(2 * qmin - 4, 2 * qmax + 5) * 0.5 * 0.25  # every level, every tie, both ends, beyond
    v = np.concatenate([halves, np.nextafter(halves, -9e9), np.nextafter(halves, 9e9), rng.normal(size=200)])
    upstream = rng.normal(size=v.shape)
    v_hat, dv, ds = by_the_paper(upstream, v, 0.25, -qmin, qmax)
    assert qat.lsq_forward(v, step(0.25), qmin, qmax).tolist() == v_hat.tolist()
    found_dv, found_ds = qat.lsq_backward(upstream, v, step(0.25), qmin, qmax, g=0.125)
    assert found_dv.tolist() == dv.tolist()
    # a sum of up to 1700 terms of up to 128 · 3, in another order
    assert found_ds == pytest.approx(0.125 * ds, abs=1e-10)


def test_per_channel_steps_are_independent_of_each_other():
    rng = np.random.default_rng(3)
    v, upstream = rng.normal(size=(2, 4, 3, 3, 3))
    s = np.array([0.1, 0.2, 0.4, 0.8]).reshape(4, 1, 1, 1)
    dv, ds = qat.lsq_backward(upstream, v, s, -4, 3)
    assert ds.shape == s.shape
    for c in range(4):
        alone = by_the_paper(upstream[c], v[c], s[c].item(), 4, 3)
        assert qat.lsq_forward(v, s, -4, 3)[c].tolist() == alone[0].tolist()
        assert dv[c].tolist() == alone[1].tolist()
        assert ds[c].item() == pytest.approx(alone[2], abs=1e-12)  # 27 terms of up to 4 · 3


def test_the_tensor_op_equals_the_same_formula_made_of_autograd_operations():
    rng = np.random.default_rng(4)
    v, s, upstream = rng.normal(size=(5, 7)), step(0.3), rng.normal(size=(5, 7))
    a, b = ([qb.Tensor(x, requires_grad=True) for x in (v, s)] for _ in range(2))
    clipped = (a[0] / a[1]).clip(-2, 1)
    expected = (clipped + qb.Tensor(np.round(clipped.data) - clipped.data)) * a[1]
    found = qat.lsq(*b, -2, 1, g=0.5)
    np.testing.assert_allclose(found.data, expected.data, rtol=0, atol=1e-15)  # one rounding of clipped + …
    expected.backward(upstream), found.backward(upstream)
    assert (b[0].grad == 0).any() and (b[0].grad != 0).any()
    np.testing.assert_allclose(b[0].grad, a[0].grad, rtol=1e-14)  # through / s and · s, rounded twice
    assert b[1].grad == pytest.approx(0.5 * a[1].grad, rel=1e-12)  # 35 terms in another order


def test_the_true_derivative_by_the_step_is_the_level_and_lsq_takes_the_position_from_it():
    v, s, h = np.array([-3.0, -0.7, -0.3, 0.1, 0.4, 2.0]), 0.5, 1e-6
    above, below = (qat.lsq_forward(v, step(s + sign * h), QMIN, QMAX) for sign in (1, -1))
    true = (above - below) / (2 * h)
    np.testing.assert_allclose(true, [-2, -1, -1, 0, 1, 1], atol=1e-9)  # rounding errors of 1e-16 over 2e-6
    lsq = [qat.lsq_backward(np.ones(1), v[i : i + 1], step(s), QMIN, QMAX)[1].item() for i in range(len(v))]
    inside = np.array([0, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(lsq, true - inside * v / s, atol=1e-9)


def test_the_true_derivative_by_the_value_is_zero_where_lsqs_is_one():
    v, h = np.array([-0.7, -0.3, 0.1]), 1e-6
    above, below = (qat.lsq_forward(v + sign * h, step(), QMIN, QMAX) for sign in (1, -1))
    assert (above - below).tolist() == [0, 0, 0]
    assert qat.lsq_backward(np.ones(3), v, step(), QMIN, QMAX)[0].tolist() == [1, 1, 1]


def test_float32_stays_float32_and_equals_the_grid_of_the_integer_engine():
    v = np.random.default_rng(5).normal(size=1000).astype(np.float32)
    s = np.float32(0.1234)
    v_hat = qat.lsq_forward(v, s, -8, 7)
    assert v_hat.dtype == np.float32
    assert (v_hat == qb.quant.fake_quantize(v, qb.quant.QuantParams(s, 0, -8, 7))).all()
    dv, ds = qat.lsq_backward(v, v, s, -8, 7)
    assert dv.dtype == ds.dtype == np.float32


def test_infinities_saturate_without_a_warning_and_nan_is_refused():
    tiny = np.float32(2.0**-100)
    v = np.array([np.inf, -np.inf, 1e30], np.float32)
    assert (qat.lsq_forward(v, tiny, -2, 1) == np.array([1, -2, 1], np.float32) * tiny).all()
    dv, ds = qat.lsq_backward(np.ones_like(v), v, tiny, -2, 1)
    assert dv.tolist() == [0, 0, 0] and ds == 0
    with pytest.raises(ValueError, match="x must not contain NaN"):
        qat.lsq_forward(np.array([np.nan]), step(), -2, 1)


def test_weights_start_at_twice_their_mean_magnitude_over_the_root_of_qmax():
    w = np.array([[1.0, -3.0], [0.5, 0.5]], np.float32)  # mean |w| 1.25; 2 and 0.5 per channel
    assert qat.LSQ(3).weight_quantizer(w, "half_even").step.data == np.float32(2.5 / np.sqrt(3))
    assert qat.LSQ(3).weight_quantizer(0 * w, "half_even").step.data == 1
    per_channel = qat.LSQ(3, per_channel=True).weight_quantizer(w, "half_even")
    assert (per_channel.step.data == (np.array([4, 1]) / np.sqrt(3)).astype(np.float32)).all()


def test_activations_start_from_the_mean_of_all_calibration_values():
    quantizer = qat.LSQ(4).activation_quantizer(calibration.MinMax(), "half_even", None)
    quantizer.observing = True
    quantizer(np.full((2, 3), 2.0, np.float32))
    quantizer(np.full((1, 3), 5.0, np.float32))
    quantizer.observing = False
    quantizer.calibrate()
    assert quantizer.step.data == np.float32(2 * 3 / np.sqrt(15))  # nine values, 27 in all; unsigned


def test_the_gradient_scale_counts_weights_of_a_step_and_features_of_a_sample():
    def ratio(quantizer, x):
        s = quantizer.step
        y = quantizer(qb.Tensor(x))
        s.grad = None
        y.backward(np.ones_like(x))
        plain = qat.lsq_backward(np.ones_like(x), x, quantizer.params.expand(x.shape)[0], *limits)[1]
        return (s.grad / plain.reshape(s.shape)).ravel().tolist()

    x = np.random.default_rng(6).normal(size=(5, 2, 3)).astype(np.float32)
    limits = (-8, 7)
    approx = pytest.approx
    assert ratio(qat.LSQ(4).weight_quantizer(x, "half_even"), x) == approx([1 / np.sqrt(30 * 7)], rel=1e-5)
    per_channel = qat.LSQ(4, per_channel=True).weight_quantizer(x, "half_even")
    assert ratio(per_channel, x) == approx([1 / np.sqrt(6 * 7)] * 5, rel=1e-5)
    activations = qat.LSQ(4).activation_quantizer(calibration.MinMax(), "half_even", None)
    assert ratio(activations, x) == approx([1 / np.sqrt(6 * 7)], rel=1e-5)  # float32 sums of 30 terms


def test_two_bit_training_beats_min_max_training_which_beats_no_training(
    digits, digits_network, train, accuracy
):
    def trained(config):
        return [train(qat.prepare(digits_network, config), epochs=6, lr=3e-3, seed=seed) for seed in (0, 1)]

    minmax = qnn.QuantConfig(qnn.int_weights(2), qnn.Uniform(2), observer=calibration.MovingAverageMinMax)
    learned = trained(qnn.QuantConfig(qat.LSQ(2), qat.LSQ(2)))
    untrained = accuracy(ptq.quantize_static(digits_network, [digits.x_train[:256]], minmax))
    by_minmax, by_lsq = (np.mean([accuracy(q) for q in qs]) for qs in (trained(minmax), learned))
    assert by_lsq > by_minmax + 0.02 > untrained + 0.12
    assert by_lsq > accuracy(digits_network) - 0.12
    q = learned[0]
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
