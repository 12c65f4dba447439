"""What users of other systems complain of, each as a test that this package passes.

Every test names the complaint in its docstring; most are told on a trained network of real data.
"""

import numpy as np
import pytest

import qbref as qb
from qbref import binary, calibration, integer, kernels, nn, ptq, qnn, quant
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
