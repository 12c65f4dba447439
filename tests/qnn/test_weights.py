import numpy as np
import pytest

import qbref as qb
from qbref import qnn

W = np.array([[0.7, -0.3, 0.05, -0.7], [0.02, 0.14, -0.07, 0.0]], np.float32)


def test_uniform_levels_are_the_integers_worked_out_by_hand():
    levels = qnn.UniformWeights(qnn.int_weights(4)).levels(W)
    assert levels.scale.tolist() == [np.float32(0.1), np.float32(0.02)]
    assert levels.q.tolist() == [[7, -3, 0, -7], [1, 7, -4, 0]]  # 0.05/0.1 and -0.07/0.02: ties in float32
    assert levels.n_bits == 4


def test_uniform_forward_is_scale_times_levels():
    quantizer = qnn.UniformWeights(qnn.int_weights(4))
    levels = quantizer.levels(W)
    assert (quantizer(qb.Tensor(W)).data == levels.q * levels.scale[:, None]).all()


def test_uniform_weights_must_be_symmetric():
    with pytest.raises(ValueError, match="weights must use a signed symmetric range"):
        qnn.UniformWeights(qnn.Uniform(8))
    with pytest.raises(ValueError, match="weights must use a signed symmetric range"):
        qnn.UniformWeights(qnn.Uniform(8, signed=False, symmetric=True))


def test_an_all_zero_channel_quantizes_to_zeros():
    levels = qnn.UniformWeights(qnn.int_weights(8)).levels(np.zeros((2, 3), np.float32))
    assert not levels.q.any() and (levels.scale > 0).all()


def test_lut_levels_are_int8_multiples_of_one_scale_and_codes_point_to_them():
    w = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    quantizer = qnn.LutWeights(w, qnn.Lut(4))
    levels = quantizer.levels(w)
    assert levels.table.dtype == np.int8 and levels.table.shape == (16,)
    assert (levels.q == levels.table[levels.codes]).all()
    assert (quantizer(qb.Tensor(w)).data == (levels.q * levels.scale).astype(np.float32)).all()


def test_lut_chooses_the_nearest_table_value():
    w = np.random.default_rng(1).standard_normal((8, 16)).astype(np.float32)
    quantizer = qnn.LutWeights(w, qnn.Lut(3))
    table = quantizer.table * quantizer.scale
    nearest = np.abs(w[..., None] - table).min(axis=-1)
    assert (np.abs(w - quantizer(qb.Tensor(w)).data) == nearest).all()


def test_lut_of_constant_weights_keeps_the_constant():
    w = np.full((2, 3), -0.25, np.float32)
    quantizer = qnn.LutWeights(w, qnn.Lut(4))
    # one rounding to scale = 0.25 / 127 and one product, each within half a unit of float32
    np.testing.assert_allclose(quantizer(qb.Tensor(w)).data, w, rtol=2**-22)


def test_binary_weights_are_plus_and_minus_their_channels_mean_magnitude():
    quantizer = qnn.BinaryWeights()
    assert quantizer(qb.Tensor(np.array([[1.0, -3.0], [0.0, -0.5]], np.float32))).data.tolist() == [
        [2.0, -2.0],
        [0.25, -0.25],
    ]


def test_binary_gradient_is_alpha_inside_the_unit_interval_and_zero_outside():
    w = qb.Tensor(np.array([[0.5, -1.0, 1.5, -0.6]], np.float32), requires_grad=True)
    qnn.BinaryWeights()(w).backward(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32))
    alpha = np.float32((0.5 + 1.0 + 1.5 + 0.6) / 4)
    np.testing.assert_allclose(w.grad, alpha * np.array([[1, 2, 0, 4]]), rtol=2**-22)  # alpha's own rounding


def test_latent_and_binary_weights_are_two_things():
    layer = qnn.BinaryLinear(6, 3)
    latent, binary = layer.weight.data, layer.weight_quantizer(layer.weight).data
    assert len(np.unique(np.abs(latent))) > 3
    assert len(np.unique(np.abs(binary))) == 3


@pytest.mark.parametrize("per_channel", [True, False])
def test_mse_clipping_lowers_the_error_of_heavy_tailed_weights_by_clipping_few(per_channel):
    w = np.random.default_rng(2).standard_t(4, (6, 500)).astype(np.float32)

    def error(clip):
        spec = qnn.Uniform(4, symmetric=True, narrow_range=True, per_channel=per_channel, clip=clip)
        quantizer = qnn.UniformWeights(spec, latent=w)
        return np.square(quantizer(qb.Tensor(w)).data - w).mean(), quantizer

    (plain, _), (clipped, quantizer) = error("none"), error("mse")
    assert clipped < 0.6 * plain
    largest = quantizer.levels(w).scale.max() * 7
    assert 0 < (np.abs(w) > largest).mean() < 0.05


def test_mse_clipping_is_fitted_once_and_then_follows_the_range():
    w = np.random.default_rng(3).standard_t(4, (2, 400)).astype(np.float32)
    quantizer = qnn.UniformWeights(qnn.int_weights(4, clip="mse"), latent=w)
    share = quantizer.share.copy()
    # one float32 rounding each of the doubled ends and of the scale
    np.testing.assert_allclose(quantizer.params(2 * w).scale, 2 * quantizer.params(w).scale, rtol=2**-22)
    assert (quantizer.share == share).all()


def test_an_unknown_clip_is_refused():
    with pytest.raises(ValueError, match="clip must be 'none' or 'mse'"):
        qnn.Uniform(4, clip="minmax")


def test_a_fixed_scale_stays_when_the_weights_move():
    quantizer = qnn.UniformWeights(qnn.int_weights(4)).fix(W)
    assert quantizer.levels(3 * W).scale.tolist() == [np.float32(0.1), np.float32(0.02)]
    assert quantizer.levels(3 * W).q.max() == 7  # clipped: the grid did not follow
    assert list(quantizer.state_dict()) == ["share", "scale"]


def test_weights_moved_onto_a_fixed_grid_come_back_as_the_chosen_integers():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((50, 40)).astype(np.float32) * rng.uniform(1e-3, 1e3, (50, 1)).astype(np.float32)
    quantizer = qnn.UniformWeights(qnn.int_weights(8)).fix(w)
    chosen = rng.integers(-127, 128, w.shape).astype(np.int8)
    moved = chosen * quantizer.levels(w).scale[:, None]
    assert (quantizer.levels(moved).q == chosen).all()


def test_gain_multiplies_weights_levels_and_gradient():
    rng = np.random.default_rng(0)
    w = qb.Tensor(rng.uniform(-2, 2, (3, 4)).astype(np.float32), requires_grad=True)
    gain = np.array([2.0, -0.5, 4.0], np.float32)
    quantizer = qnn.Gain(qnn.BinaryWeights(), gain)
    plain = qnn.BinaryWeights()(w).data
    assert (quantizer(w).data == plain * gain[:, None]).all()
    levels = quantizer.levels(w.data)
    assert (levels.scale > 0).all() and (levels.q * levels.scale[:, None] == plain * gain[:, None]).all()
    quantizer(w).backward(np.ones((3, 4), np.float32))
    alpha = np.abs(w.data).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(w.grad, gain[:, None] * alpha * (np.abs(w.data) <= 1), rtol=1e-6)  # float32


def test_constrain_reaches_every_quantizer_and_the_one_behind_a_gain():
    class Halves(qnn.WeightQuantizer):
        def constrain(self, latent):
            latent *= 0.5

    model = qb.nn.Sequential(
        qnn.Linear(2, 2, weight_quantizer=Halves()),
        qnn.Linear(2, 2, weight_quantizer=qnn.Gain(Halves(), np.ones(2))),
        qnn.Linear(2, 2),
    )
    before = [layer.weight.data.copy() for layer in model]
    assert qnn.constrain(model) is model
    factors = [(layer.weight.data / w).flat[0] for layer, w in zip(model, before, strict=True)]
    assert factors == [0.5, 0.5, 1.0]
