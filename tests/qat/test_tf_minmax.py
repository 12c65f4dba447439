import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, qat, qnn

# (bits, narrow range, min, max, inputs, outputs) of TensorFlow's own tests, WithVars* in
# tensorflow/core/kernels/fake_quant_ops_test.cc
TENSORFLOW = [
    (8, False, -0.125, 63.625, [-0.26, -0.25, -0.24, 0, 63.5, 63.6], [-0.25, -0.25, -0.25, 0, 63.5, 63.5]),
    (8, True, -0.125, 63.375, [-0.26, -0.25, -0.24, 0, 63.25, 63.3], [-0.25, -0.25, -0.25, 0, 63.25, 63.25]),
    (8, False, -63.65, 0.1, [-63.8, -63.75, -63.7, -63.5, 0, 0.1], [-63.75, -63.75, -63.75, -63.5, 0, 0]),
    (8, True, -63.4, 0.1, [-63.6, -63.5, -63.4, -63.25, 0, 0.1], [-63.5, -63.5, -63.5, -63.25, 0, 0]),
    (4, False, -6, 1.5, [-6.1, -6, -5.9, -5.5, 1.5, 1.6], [-6, -6, -6, -5.5, 1.5, 1.5]),
    (4, True, -6, 1, [-6.1, -6, -5.9, -5.5, 1, 1.1], [-6, -6, -6, -5.5, 1, 1]),
    (4, False, -0.1, 7.4, [-0.1, 0, 0.1, 0.5, 7.5, 7.6], [0, 0, 0, 0.5, 7.5, 7.5]),
    (4, True, -0.1, 6.9, [-0.1, 0, 0.1, 0.5, 7, 7.1], [0, 0, 0, 0.5, 7, 7]),
    (4, False, -0.4, 7.1, [-0.6, -0.5, -0.24, 0, 7, 7.1], [-0.5, -0.5, 0, 0, 7, 7]),
    (4, True, -0.4, 6.6, [-0.6, -0.5, -0.24, 0, 6.5, 6.6], [-0.5, -0.5, 0, 0, 6.5, 6.5]),
    (4, False, -7.3, 0.2, [-7.6, -7.5, -7.4, -7.2, 0, 0.1], [-7.5, -7.5, -7.5, -7, 0, 0]),
    (4, True, -6.8, 0.2, [-7.1, -7, -6.9, -6.5, 0, 0.1], [-7, -7, -7, -6.5, 0, 0]),
]


def ends(low, high, dtype=np.float32):
    return np.array(low, dtype), np.array(high, dtype)


@pytest.mark.parametrize("n_bits, narrow, low, high, x, y", TENSORFLOW)
def test_values_of_tensorflows_own_tests(n_bits, narrow, low, high, x, y):
    found = qat.tf_minmax_forward(np.array(x, np.float32), *ends(low, high), n_bits, narrow)
    # 63.65 + 0.1 and the like are not exact in float32; TensorFlow's own test allows 1e-5 of the value
    np.testing.assert_allclose(found, y, rtol=1e-6, atol=1e-6)


def test_the_range_from_minus_one_to_one_is_nudged_by_half_a_step():
    scale, zero_point = qat.tf_nudge(*ends(-1, 1))
    # TensorFlow gives nudged ends -0.9960785 and 1.0039216: the zero point 127.49999 of float32 becomes 127
    assert zero_point == 127
    assert (np.float32(-127) * scale, np.float32(128) * scale) == (
        np.float32(-0.9960785),
        np.float32(1.0039216),
    )


def test_an_exact_half_is_rounded_away_from_zero_when_nudging():
    assert qat.tf_nudge(*ends(-0.125, 63.625)) == (0.25, 1)
    assert qat.tf_nudge(*ends(-0.375, 63.375)) == (0.25, 2)  # 1.5; 2.5 would tell it from half to even:
    assert qat.tf_nudge(*ends(-0.625, 63.125)) == (0.25, 3)


def test_a_range_beside_zero_is_moved_to_it():
    assert qat.tf_nudge(*ends(2, 9.5), n_bits=4) == (0.5, 0)
    assert qat.tf_nudge(*ends(-9.5, -2), n_bits=4) == (0.5, 15)


def by_the_kernel(x, low, high, n_bits, narrow):
    """The kernel in scalar float32 arithmetic, one value at a time."""
    f = np.float32
    qmin, qmax = f(1 if narrow else 0), f(2**n_bits - 1)
    s = f(f(f(high) - f(low)) / f(qmax - qmin))
    z0 = f(qmin - f(f(low) / s))
    nz = qmin if z0 < qmin else qmax if z0 > qmax else f(int(np.floor(float(z0) + 0.5)))
    nmin, nmax = f(f(qmin - nz) * s), f(f(qmax - nz) * s)
    qz = np.floor(f(f(-nmin * f(f(1) / s)) + f(0.5)))
    shifted = [f(min(max(f(v), nmin), nmax) - nmin) for v in x]
    return nmin, nmax, [f(np.floor(f(f(f(v / s) - qz) + f(0.5))) * s) for v in shifted]


CASES = [(8, False, -1, 1), (8, True, -0.7, 2.3), (4, False, -0.3, 5.1), (2, False, -1, 3), (5, True, 1, 4)]


@pytest.mark.parametrize("n_bits, narrow, low, high", CASES)
def test_forward_equals_the_kernel_bit_for_bit_at_kinks_ties_and_random_values(n_bits, narrow, low, high):
    scale, zero_point = qat.tf_nudge(*ends(low, high), n_bits, narrow)
    halves = (np.arange(-2 * zero_point - 4, 2 ** (n_bits + 1) + 4) * np.float32(0.5) * scale).astype(
        np.float32
    )
    x = np.concatenate([halves, np.nextafter(halves, np.float32(-9)), np.nextafter(halves, np.float32(9))])
    x = np.concatenate([x, np.random.default_rng(n_bits).normal(size=500).astype(np.float32) * 3])
    found = qat.tf_minmax_forward(x, *ends(low, high), n_bits, narrow)
    assert found.dtype == np.float32
    assert found.tolist() == [float(v) for v in by_the_kernel(x, low, high, n_bits, narrow)[2]]


@pytest.mark.parametrize("n_bits, narrow, low, high", CASES)
def test_backward_masks_values_beyond_the_nudged_ends_and_sums_them_per_side(n_bits, narrow, low, high):
    rng = np.random.default_rng(n_bits)
    nmin, nmax, _ = by_the_kernel([], low, high, n_bits, narrow)
    edges = np.array([nmin, nmax])
    x = np.concatenate([edges, np.nextafter(edges, np.float32(-99)), np.nextafter(edges, np.float32(99))])
    x = np.concatenate([x, rng.normal(size=100).astype(np.float32) * 4])
    upstream = rng.normal(size=x.shape)
    pairs = list(zip(upstream.tolist(), x.tolist(), strict=True))
    dx, dlow, dhigh = qat.tf_minmax_backward(upstream, x, *ends(low, high), n_bits, narrow)
    assert dx.tolist() == [g if nmin <= v <= nmax else 0 for g, v in pairs]
    # a hundred terms in another order
    assert dlow == pytest.approx(sum(g for g, v in pairs if v < nmin), abs=1e-12)
    assert dhigh == pytest.approx(sum(g for g, v in pairs if v > nmax), abs=1e-12)


def test_a_range_of_zero_gives_zeros_and_passes_every_gradient():
    # WithVarsGradient_ZeroMinAndMax and its kin in TensorFlow's tests
    x, upstream = np.array([0.0, 3.0], np.float32), np.array([1.0, 2.0], np.float32)
    assert qat.tf_minmax_forward(x, *ends(0, 0)).tolist() == [0, 0]
    dx, dlow, dhigh = qat.tf_minmax_backward(upstream, x, *ends(0, 0))
    assert dx.tolist() == [1, 2] and dlow == 0 and dhigh == 0


def test_the_true_derivative_by_the_end_moves_every_level_and_the_surrogate_only_clipped_values():
    x, (low, high), h = np.array([1.05, 9.0]), ends(0, 7.5, np.float64), 1e-6
    above, below = (qat.tf_minmax_forward(x, low, high + sign * h, 4) for sign in (1, -1))
    np.testing.assert_allclose((above - below) / (2 * h), [2 / 15, 1], atol=1e-8)  # 1e-15 over 2e-6
    one = np.ones(1)
    slopes = [qat.tf_minmax_backward(one, x[i : i + 1], low, high, 4)[2].item() for i in range(2)]
    assert slopes == [0, 1]


def test_the_tensor_op_differs_from_tensorflow_at_ties_alone():
    x = np.array([-0.375, -0.125, 0.125, 0.375, 0.3, 99.0], np.float32)  # scale 0.25: ties, then none
    low, high = ends(-1, 62.75)
    tensors = [qb.Tensor(a, requires_grad=True) for a in (x, low, high)]
    y = qat.tf_minmax(*tensors)
    assert y.data.tolist() == [-0.5, 0, 0, 0.5, 0.25, 62.75]  # half to even
    assert qat.tf_minmax_forward(x, low, high).tolist() == [-0.25, 0, 0.25, 0.5, 0.25, 62.75]  # half up
    y.backward(np.arange(1, 7, dtype=np.float32))
    assert tensors[0].grad.tolist() == [1, 2, 3, 4, 5, 0]
    assert (tensors[1].grad, tensors[2].grad) == (0, 6)


def test_the_ends_start_at_the_observers_range_with_zero_in_it():
    for x, low, high in (([1.0, 3.0], 0, 3), ([-2.0, -1.0], -2, 0), ([0.0], 0, 1)):
        quantizer = qat.TFMinMax(4).activation_quantizer(calibration.MinMax(), "half_even", None)
        quantizer(np.array([x], np.float32))
        assert (quantizer.low.data, quantizer.high.data) == (low, high)


def test_crossed_ends_change_roles():
    quantizer = qat.TFMinMax(4).activation_quantizer(calibration.MinMax(), "half_even", None)
    x = np.array([[-2.0, 5.5]], np.float32)
    quantizer(x)
    before = quantizer.params
    quantizer.low.data[...], quantizer.high.data[...] = 5.5, -2
    assert quantizer.params == before
    quantizer(np.array([[9.0]], np.float32)).sum().backward()
    assert (quantizer.low.grad, quantizer.high.grad) == (1, 0)  # the upper one is learned as the upper end


def test_four_bit_training_comes_near_the_float_network(digits, digits_network, train, accuracy):
    config = qnn.QuantConfig(qnn.int_weights(4), qat.TFMinMax(4))
    q = train(qat.prepare(digits_network, config), epochs=2, lr=2e-3)
    assert accuracy(q) > accuracy(digits_network) - 0.03
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
