"""What users of other systems complain of, each as a test that this package passes.

Every test names the complaint in its docstring; most are told on a trained network of real data.
"""

import numpy as np
import pytest

import qbref as qb
from qbref import binary, calibration, integer, kernels, nn, optim, ptq, qat, qnn, quant
from qbref.calibration.kl_divergence import divergences

DEFAULT = kernels.default()
BITS8, BITS4 = qnn.QuantConfig(), qnn.QuantConfig(weights=qnn.int_weights(4), activations=qnn.Uniform(4))


@pytest.fixture(scope="module")
def batches(digits):
    return [digits.x_train[i : i + 64] for i in range(0, 320, 64)]


def test_off_by_one_has_a_name(digits_network):
    """ "Why am I off by one?": the five rules of requantization differ on one accumulator; each says how."""
    accumulator, multiplier, shift = np.int32([585]), np.int32(1527099520), np.int32(-6)
    result = {
        mode: int(kernels.requantize(accumulator, multiplier, shift, 0, -128, 127, mode)[0])
        for mode in ("double", "single", "half_up_twice", "float32", "float64")
    }
    assert result == dict(double=7, single=7, half_up_twice=7, float32=6, float64=7)


@pytest.mark.parametrize("config", [BITS8, BITS4], ids=["8 bits", "4 bits"])
def test_the_simulation_and_the_converted_model_agree(config, digits_network, batches, digits):
    """ "Fake-quantized and converted models disagree.": here no output bit differs."""
    q = ptq.quantize_static(digits_network, batches, config)
    assert integer.count_differences(q, integer.convert(q), digits.x_test) == 0


def test_no_layer_is_skipped_without_a_word(digits_network):
    """ "quantize_dynamic ignored my Conv2d.": every layer is quantized or named as left in float."""
    q = ptq.quantize_dynamic(digits_network)
    actions = {entry.path: entry.action for entry in q.report}
    assert set(actions) == {path for path, _ in digits_network.named_modules() if path}
    for path, layer in digits_network.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            assert actions[path].startswith("int8")


def test_the_longest_sums_of_extreme_products_do_not_saturate():
    """ "int8 results depend on the processor.": pairs of 255 · ±127 exceed int16, where maddubs saturates."""
    for sign in (1, -1):
        lhs, rhs = np.full((3, 64), 255, np.uint8), np.full((64, 5), sign * 127, np.int8)
        assert (DEFAULT.int8_matmul(lhs, rhs) == sign * 64 * 255 * 127).all()


def test_entropy_calibration_is_not_much_worse_than_the_extremes(digits_network, batches, accuracy):
    """ "Entropy calibration ruined my accuracy.": wrong candidates or a wrong reference histogram do."""
    by_extremes = accuracy(ptq.quantize_static(digits_network, batches))
    by_entropy = accuracy(
        ptq.quantize_static(digits_network, batches, qnn.QuantConfig(observer=calibration.Entropy))
    )
    assert by_entropy > by_extremes - 0.02  # 7 of 360 digits


def test_entropy_has_thousands_of_candidates():
    """One implementation's defaults, 128 bins for 128 levels, leave a single candidate: the extremes."""
    x = np.append(np.random.default_rng(0).laplace(0, 1, 100_000), 60.0)
    assert calibration.Entropy().observe(x).range()[1] < 30
    with pytest.raises(ValueError, match="n_bins must be at least 4 · 128"):
        calibration.Entropy(n_bins=128).observe(x).params(8)


@pytest.mark.parametrize(
    "observer",
    [calibration.MinMax, calibration.MSE, calibration.SQNR, calibration.Entropy, calibration.Percentile],
)
def test_calibration_does_not_depend_on_the_batch_size(observer, digits):
    """ "Another batch size, another accuracy."."""
    x = digits.x_train[:300]
    whole, parts = observer().observe(x), observer()
    for i in range(0, 300, 7):
        parts.observe(x[i : i + 7])
    assert whole.params() == parts.params()


def test_a_dynamically_quantized_sample_does_not_depend_on_its_batch(digits_network, digits):
    """ "The same input gives another output in another batch."."""
    q = ptq.quantize_dynamic(digits_network)
    alone = np.concatenate([q(digits.x_test[i : i + 1]).data for i in range(20)])
    assert (q(np.concatenate([digits.x_test[:20], 1000 * digits.x_test[20:40]])).data[:20] == alone).all()


def test_my_weights_are_binary():
    """ "My weights aren't binary.": the latent ones are not meant to be; both can be looked at."""
    layer = qnn.BinaryLinear(50, 3)
    in_use = layer.quantized_weight().data
    assert all(len(np.unique(np.abs(row))) == 1 for row in in_use)
    assert len(np.unique(np.abs(layer.weight.data))) > 100


@pytest.mark.parametrize(
    "paper, released",
    [
        (binary.xnor_backward_paper, binary.xnor_backward_released),
        (binary.ttq_backward_paper, binary.ttq_backward),
        (binary.rsign_backward_paper, binary.rsign_backward),
        (binary.absmean_ternary, binary.absmean_ternary_released),
    ],
)
def test_where_paper_and_code_differ_both_are_here(paper, released):
    """ "The code does something else than the paper."."""
    assert paper is not released and paper.__doc__ and released.__doc__


def test_a_wrong_quantizer_does_not_pass():
    """ "My kernel passed all tests, and was wrong.": ties tell the rounding rules apart."""
    ties = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    results = {
        rounding: quant.quantize(ties, quant.QuantParams(1.0, 0, -8, 7, rounding=rounding)).tolist()
        for rounding in ("half_even", "half_away", "half_up")
    }
    assert results == {
        "half_even": [-2, -2, 0, 0, 2, 2],
        "half_away": [-3, -2, -1, 1, 2, 3],
        "half_up": [-2, -1, 0, 1, 2, 3],
    }


def test_values_are_clipped_before_they_are_cast():
    """3e9 becomes 127, not −128 as when an integer is cast before it is clipped."""
    p = quant.QuantParams(1.0, 0, -128, 127)
    assert quant.quantize(np.array([3e9, -3e9, np.inf], np.float32), p).tolist() == [127, -128, 127]


def test_a_nan_is_an_error_and_not_a_number():
    """ "One NaN in the calibration data, and all outputs are 0."."""
    x = np.array([1.0, np.nan], np.float32)
    with pytest.raises(ValueError, match="NaN"):
        quant.quantize(x, quant.QuantParams(1.0, 0, -128, 127))
    with pytest.raises(ValueError, match="finite"):
        calibration.MinMax().observe(x)


def test_outliers_are_in_p_and_not_in_q():
    """One implementation puts the outliers into Q as well, which then equals P: clipping looks free."""
    counts = np.ones(256, np.int64)
    counts[255] = 1000
    clipped, *_, whole = divergences(counts, n_levels=128)
    assert clipped > 1 > whole


def test_a_model_can_be_saved_and_runs_the_same_in_integers(tmp_path, digits_network, batches, digits):
    """ "The saved model gives other numbers."."""
    model = integer.convert(ptq.quantize_static(digits_network, batches))
    model.save(tmp_path / "m.npz")
    assert (integer.load(tmp_path / "m.npz").run(digits.x_test) == model.run(digits.x_test)).all()
    assert isinstance(digits_network(qb.Tensor(digits.x_test[:1])), qb.Tensor)


def test_lsq_masks_the_gradient_of_clipped_values():
    """ "LSQ does not converge.": without the mask, weights beyond the range go on drifting away."""
    dv, _ = qat.lsq_backward(np.ones(4), np.array([-9.0, -0.3, 0.3, 9.0]), np.array(1.0), -2, 1)
    assert dv.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("scheme", [qat.LSQ(4), qat.TQT(4)])
def test_a_learned_scale_never_turns_negative(scheme, digits):
    """ "The step size went below zero, and then everything was NaN."."""
    config = qnn.QuantConfig(weights=scheme, activations=scheme)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=np.random.default_rng(0)))
    q = qat.prepare(network, config, [digits.x_train[:64]])
    optimizer = optim.SGD(q.parameters(), lr=50.0)
    for i in range(0, 640, 64):
        y = q(qb.Tensor(digits.x_train[i : i + 64]))
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(y, digits.y_train[i : i + 64]).backward()
        optimizer.step()
        assert (q[2].weight_quantizer.params.scale > 0).all()
        assert q[0].output_quantizer.params.scale > 0
    assert np.isfinite(q.eval()(digits.x_test).data).all()


def test_the_mean_behind_a_relu_with_a_negative_gamma():
    """One analytic bias correction leaves out |γ| and returns the mean of min(x, 0) for γ < 0."""
    mean = ptq.clipped_normal_mean(np.array([0.5, 0.5]), np.array([2.0, -2.0]))
    x = 0.5 + 2 * np.random.default_rng(0).standard_normal(1_000_000)
    np.testing.assert_allclose(mean, np.maximum(x, 0).mean(), atol=5e-3)  # 4 standard errors


def test_one_dead_channel_does_not_blow_up_the_equalized_network():
    """ "Equalization gave infinities.": a channel of zeros has no finite factor, and keeps its scale."""
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    model[0].weight.data[1] = 0
    x = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    np.testing.assert_allclose(ptq.equalize(model)(x).data, model(x).data, rtol=1e-4, atol=1e-6)  # float32


def test_a_token_never_depends_on_the_other_tokens_of_its_batch():
    """ "The same sentence gives other words in another batch."."""
    rng = np.random.default_rng(0)
    q = ptq.quantize_dynamic(nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, rng=rng)))
    x = rng.standard_normal((4, 5, 8)).astype(np.float32)
    mixed = np.concatenate([x[:1], 1000 * x[1:]])
    assert (q(mixed).data[:1] == q(x[:1]).data).all()
