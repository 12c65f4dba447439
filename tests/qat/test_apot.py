from itertools import product

import numpy as np
import pytest

import qbref as qb
from qbref import calibration, integer, nn, qat, qnn
from qbref.quant.codebooks.apot import apot_magnitudes

RNG = np.random.default_rng(0)
# Eleven weights with mean 0 and, dividing by 10, standard deviation 2: normalized they are -2 … 2.
W = np.array([2.0, -2, 4, -4, 0, 0, 0, 0, 0, 0, 0])
UPSTREAM = np.array([1.0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])


def quantizer(n_bits=4, alpha=3.0, **options):
    made = qat.APoTWeights(n_bits, **options)
    made.alpha.data[...] = alpha
    return made


def gradients(weights, w, upstream):
    latent = qb.Tensor(w, requires_grad=True)
    weights.zero_grad()
    weights(latent).backward(upstream)
    return latent.grad, weights.alpha.grad.item()


# build_power_value of the authors' code, times the smallest power of two: 2, 4 and 5 bits of magnitude add
# up two or three terms, 1 and 3 have a term of a single power.
TERMS = {
    2: [(0, 1)],
    3: [(0, 4, 2, 1)],
    4: [(0, 8, 4, 1), (0, 2)],
    5: [(0, 32, 8, 2), (0, 16, 4, 1)],
    6: [(0, 64, 16, 2), (0, 32, 8, 1), (0, 4)],
}


@pytest.mark.parametrize("n_bits, terms", TERMS.items())
def test_levels_are_exact_integers_of_int8(n_bits, terms):
    w = RNG.uniform(-1, 1, 20000).astype(np.float32)
    weights = quantizer(n_bits, alpha=1.7)  # uniform weights end at sqrt(3) = 1.73 deviations
    levels = weights.levels(w)
    assert levels.q.dtype == np.int8
    assert set(np.abs(levels.q).tolist()) == {sum(choice) for choice in product(*terms)}
    assert levels.scale == np.float32(np.float32(1.7) / sum(max(term) for term in terms))
    assert (weights(qb.Tensor(w)).data == levels.q * levels.scale).all()
    if n_bits <= 4:
        assert (levels.table[levels.codes] == levels.q).all() and len(levels.table) == 2**n_bits
    else:
        assert levels.table is None and levels.n_bits == 8


def test_weights_take_the_nearest_level():
    w = RNG.standard_normal((30, 20))
    z = (w - w.mean()) / w.std(ddof=1) / 3
    values = np.concatenate([-apot_magnitudes(3), apot_magnitudes(3)])
    nearest = values[np.abs(z[..., None] - values).argmin(axis=-1)]
    # float32 alpha / 10 and one product
    np.testing.assert_allclose(quantizer()(qb.Tensor(w)).data, 3 * nearest, rtol=2**-22)


def test_half_way_weights_take_the_level_nearer_to_zero_on_both_sides():
    # 3-bit levels 0, 1/4, 1/2, 1: half-way lie 1/8, 3/8 and 3/4; alpha 4 takes W to ±1/4 and ±1/2
    assert quantizer(3, alpha=4.0).levels(W).q[:5].tolist() == [1, -1, 2, -2, 0]
    # alpha 8: ±1/8 and ±1/4
    assert quantizer(3, alpha=8.0).levels(W).q[:5].tolist() == [0, 0, 1, -1, 0]
    # either side of alpha 4/3, which would take them to ±3/4 and beyond the end
    assert quantizer(3, alpha=1.34).levels(W).q[:5].tolist() == [2, -2, 4, -4, 0]
    assert quantizer(3, alpha=1.33).levels(W).q[:5].tolist() == [4, -4, 4, -4, 0]


def test_the_first_released_gradient_passes_clipped_weights_and_divides_by_the_deviation():
    dw, dalpha = gradients(quantizer(3, alpha=1.0), W, UPSTREAM)
    assert dw.tolist() == (UPSTREAM / 2).tolist()
    # z = ±1 (inside: v - z = 0), ±2 (outside: sign z), 0
    assert dalpha == 4 - 8
    _, dalpha = gradients(quantizer(3, alpha=1.25), W, UPSTREAM)
    # z = ±0.8 becomes ±1: 0.2 (1 - 2); ±1.6 is outside
    assert dalpha == pytest.approx(0.2 * (1 - 2) + (4 - 8), rel=1e-6)  # stored as float32


def test_the_later_released_gradient_is_that_of_clipped_normalized_weights():
    w, upstream = RNG.standard_normal((2, 3, 7))

    def clipped(w):
        return np.clip((w - w.mean()) / w.std(ddof=1), -1.5, 1.5)

    expected, h = np.empty_like(w), 1e-6
    for i in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[i] = h
        expected[i] = (upstream * (clipped(w + step) - clipped(w - step))).sum() / (2 * h)
    dw, _ = gradients(quantizer(alpha=1.5, gradient="clipped"), w, upstream)
    assert np.abs((w - w.mean()) / w.std(ddof=1)).max() > 1.5
    np.testing.assert_allclose(dw, expected, rtol=1e-7, atol=1e-8)  # truncation h**2, rounding 1e-16 / h


def test_both_gradients_learn_the_same_alpha():
    w, upstream = RNG.standard_normal((2, 50))
    a, b = (gradients(quantizer(alpha=1.2, gradient=g), w, upstream)[1] for g in ("unclipped", "clipped"))
    assert a == b
    z = (w - w.mean()) / w.std(ddof=1) / 1.2
    levels = [*apot_magnitudes(3), *-apot_magnitudes(3)]
    expected = 0.0
    for g, x in zip(upstream, z, strict=True):
        v = min(levels, key=lambda level, x=x: abs(level - x))
        expected += g * (np.sign(x) if abs(x) > 1 else v - x)
    assert a == pytest.approx(expected, rel=1e-5)  # alpha is float32 and so is its gradient


def test_the_true_difference_quotient_of_the_weights_is_zero():
    w = RNG.standard_normal(40)
    weights = quantizer()
    inside = weights.levels(w).q
    moved = weights.levels(w * np.float64(1 + 1e-9)).q
    assert (inside == moved).all()
    dw, _ = gradients(weights, w, np.ones(40))
    assert (dw != 0).all()


def test_rescaled_weights_keep_the_deviation_of_the_latent_ones():
    plain, rescaled = quantizer(), quantizer(rescale=True)
    assert rescaled(qb.Tensor(W)).data.tolist() == (2 * plain(qb.Tensor(W)).data).tolist()
    (dw, dalpha), (dw2, dalpha2) = (gradients(q, W, UPSTREAM) for q in (plain, rescaled))
    assert dw2.tolist() == (2 * dw).tolist() and dalpha2 == pytest.approx(2 * dalpha, rel=1e-6)


@pytest.mark.parametrize("gradient", ["unclipped", "clipped"])
@pytest.mark.parametrize(
    "shape, value", [((2, 3), 0.25), ((9, 3), 0.1), ((3, 5), 1e30), ((1,), 0.5), ((4,), 0)]
)
def test_constant_weights_become_zeros_and_their_gradients_stay_small(shape, value, gradient):
    for dtype in (np.float32, np.float64):  # the mean of 27 times 0.1 is not 0.1 in either
        w = qb.Tensor(np.full(shape, value, dtype), requires_grad=True)
        y = quantizer(gradient=gradient)(w)
        y.backward(np.full(shape, 100, dtype))
        assert not y.data.any() and (np.abs(w.grad) <= 100).all()


@pytest.mark.parametrize("alpha, magnitude", [(0.0, 2.0**-100), (-1.0, 1.0), (-0.0, 2.0**-100)])
def test_alpha_counts_as_positive_wherever_a_step_has_taken_it(alpha, magnitude):
    weights = quantizer(alpha=alpha)
    levels = weights.levels(W)
    assert levels.scale == np.float32(magnitude / 10) and levels.q[:4].tolist() == [10, -10, 10, -10]
    _, dalpha = gradients(weights, W, np.sign(W))
    clipped = 4 if magnitude < 1 else 2  # of the others, W = ±2, z is exactly 1
    assert dalpha == (-clipped if alpha < 0 else clipped)  # away from 0: training can lead alpha back


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="n_bits must be from 2 to 8, got 1"):
        qat.APoT(1)
    with pytest.raises(ValueError, match="gradient must be one of .*, got 'ste'"):
        qat.APoT(4, gradient="ste")
    with pytest.raises(ValueError, match="n_bits of APoT weights must be from 2 to 6, got 7"):
        qat.APoT(7).weight_quantizer(W, "half_even")


def config(n_bits, **options):
    """First and last layer at 8 bits, as in the paper; layer 8 has no batch norm behind it."""
    eight = {"weights": qnn.int_weights(8)}
    return qnn.QuantConfig(
        weights=qat.APoT(n_bits, **options),
        activations=qat.APoT(n_bits),
        observer=calibration.MovingAverageMinMax,
        overrides={
            "input": {"activations": qnn.Uniform(8)},
            "0": eight,
            "8": {"weights": qat.APoT(n_bits, rescale=True, **options)},
            "10": eight,
        },
    )


@pytest.mark.parametrize(
    "n_bits, gradient, loss", [(4, "unclipped", 0.01), (3, "unclipped", 0.03), (3, "clipped", 0.03)]
)
def test_a_trained_network_keeps_its_accuracy(
    digits, digits_network, train, accuracy, n_bits, gradient, loss
):
    settings = config(n_bits, gradient=gradient)
    q = train(qat.prepare(digits_network, settings, batchnorm="keep"), epochs=3, lr=2e-3)
    assert accuracy(q) > accuracy(digits_network) - loss
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0
    assert all(abs(layer.weight_quantizer.alpha.item() - 3) > 1e-3 for layer in (q[3], q[5]))


@pytest.mark.parametrize("activation_bits", [2, 8])
@pytest.mark.parametrize("weight_bits", range(2, 7))
def test_every_width_becomes_integers_without_a_difference(digits, weight_bits, activation_bits):
    qb.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(216, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )
    model[1].weight.data[:2] = -1.0, 0.0  # turned and lost channels
    settings = qnn.QuantConfig(weights=qat.APoT(weight_bits), activations=qat.APoT(activation_bits))
    q = qat.prepare(model, settings, [digits.x_train[:64]], batchnorm="keep").eval()
    assert len(np.unique(q(digits.x_test[:64]).data)) > 3
    assert integer.count_differences(q, integer.convert(q), digits.x_test[:64]) == 0
