"""What every scheme with a learned range promises, whatever its formula."""

import copy

import numpy as np
import pytest

import qbref as qb
from qbref import integer, nn, optim, ptq, qat, qnn
from qbref.calibration import MinMax
from qbref.nn import functional as F
from qbref.qat.learned import positive

SCHEMES = {
    "LSQ": lambda b: (qat.LSQ(b), qat.LSQ(b)),
    "LSQ per channel": lambda b: (qat.LSQ(b, per_channel=True), qat.LSQ(b, signed=True)),
    "LSQ+": lambda b: (qat.LSQPlus(b), qat.LSQPlus(b)),
    "PACT": lambda b: (qnn.int_weights(b), qat.PACT(b)),
    "TQT": lambda b: (qat.TQT(b), qat.TQT(b)),
    "TFMinMax": lambda b: (qnn.int_weights(b), qat.TFMinMax(b)),
    "APoT": lambda b: (qat.APoT(min(b, 6), rescale=True), qat.APoT(b)),
}
FROM_DATA = [name for name in SCHEMES if name != "APoT"]  # which starts from 8
UNSIGNED = "PACT", "APoT"
each_scheme = pytest.mark.parametrize("name", SCHEMES)

RNG = np.random.default_rng(11)
X = RNG.random((32, 2, 6, 6), dtype=np.float32)
Y = (X[:, 0].mean(axis=(1, 2)) > X[:, 1].mean(axis=(1, 2))).astype(np.int64)


def network():
    """A convolution, a residual block with a depthwise one, average pooling, two linear layers."""
    rng = np.random.default_rng(1)
    body = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1, groups=4, rng=rng), nn.ReLU(), nn.Conv2d(4, 4, 1, rng=rng)
    )
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=rng),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Residual(body),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 8, rng=rng),
        nn.ReLU(),
        nn.Linear(8, 2, rng=rng),
    )


def config(name, n_bits=4):
    weights, activations = SCHEMES[name](n_bits)
    signed_sum = {"3.body.2": {"activations": qat.LSQ(8)}}  # no ReLU behind it
    return qnn.QuantConfig(weights, activations, overrides=signed_sum if name in UNSIGNED else {})


def prepared(name, n_bits=4, batches=(X,)):
    return qat.prepare(network(), config(name, n_bits), batches)


def learned(q):
    """(path, quantizer) wherever a range is learned."""
    kinds = qnn.WeightQuantizer, qnn.ActivationQuantizer
    return [(path, m) for path, m in q.named_modules() if isinstance(m, kinds) and list(m.parameters())]


def ranges(q):
    """{path: Parameter} of all learned ranges."""
    return {f"{path}.{name}": p for path, module in learned(q) for name, p in module.named_parameters()}


def scales(q):
    """All scales in use, of weights and of activations."""
    weights = [layer.levels().scale for layer in q.modules() if hasattr(layer, "weight_quantizer")]
    return weights + [m.params.scale for _, m in learned(q) if isinstance(m, qnn.ActivationQuantizer)]


def train(q, optimizer, steps):
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(q(qb.Tensor(X)), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("n_bits", [2, 3, 8])
@each_scheme
def test_trained_networks_run_in_integers_without_a_difference(name, n_bits):
    q = prepared(name, n_bits)
    before = {path: p.data.copy() for path, p in ranges(q).items()}
    losses = train(q, optim.Adam(q.parameters(), lr=3e-3), steps=8)
    assert losses[-1] < losses[0]
    assert any((p.data != before[path]).any() for path, p in ranges(q).items())
    q.eval()
    assert integer.count_differences(q, integer.convert(q), X) == 0


@each_scheme
def test_training_and_evaluation_put_activations_on_the_same_grid(name):
    q = prepared(name)
    border = q[0].output_quantizer
    assert (border(X).data == qb.quant.fake_quantize(X, border.params)).all()
    layer = q[1]
    w_hat = layer.weight_quantizer(layer.weight).data
    levels = layer.weight_quantizer.levels(layer.weight.data)
    assert (w_hat == levels.q * np.reshape(levels.scale, (-1, 1, 1, 1))).all()


@pytest.mark.parametrize("name", FROM_DATA)
def test_without_calibration_the_first_training_batch_sets_the_range(name):
    q = prepared(name, batches=None)
    assert "not calibrated" in repr(q)
    with pytest.raises(ValueError, match="must observe data"):
        copy.deepcopy(q).eval()(X)
    q(X)
    first = q[0].output_quantizer.params
    assert "not calibrated" not in repr(q) and "scale=" in repr(q)
    q(X * 3)
    assert q[0].output_quantizer.params == first  # gradients alone move it from now on


@each_scheme
def test_post_training_quantization_takes_the_same_schemes(name):
    q = ptq.quantize_static(network(), [X], config(name, 8))
    assert integer.count_differences(q, integer.convert(q), X) == 0


@each_scheme
def test_freezing_stops_ranges_and_nothing_else(name):
    q = prepared(name)
    optimizer = optim.SGD(q.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    train(q, optimizer, 2)
    qat.freeze(q)
    before = {path: p.data.copy() for path, p in ranges(q).items()}
    weight = q[1].weight.data.copy()
    optimizer.step()  # the gradients of the last batch are still there
    train(q, optimizer, 3)
    assert before and all((p.data == before[path]).all() for path, p in ranges(q).items())
    assert (q[1].weight.data != weight).any()


@each_scheme
def test_the_range_travels_in_the_state_dict(name):
    q, other = prepared(name), prepared(name, batches=None)
    train(q, optim.Adam(q.parameters(), lr=1e-2), 3)
    other.load_state_dict(q.state_dict())
    assert (other.eval()(X).data == q.eval()(X).data).all()
    other.train()(X * 3)
    assert other[0].output_quantizer.params == q[0].output_quantizer.params


@each_scheme
def test_a_huge_learning_rate_leaves_usable_scales_and_no_nan(name):
    q = prepared(name)
    optimizer = optim.SGD(ranges(q).values(), lr=1e5)
    signs = set()
    for _ in range(6):
        losses = train(q, optimizer, 1)
        assert np.isfinite(losses).all()
        signs |= {float(np.sign(p.data).min()) for path, p in ranges(q).items() if path.endswith("step")}
        for scale in scales(q):
            assert (scale >= 2.0**-108).all() and np.isfinite(scale).all()
    assert np.isfinite(q(X).data).all()
    if name.startswith("LSQ"):
        assert -1 in signs  # or the rate was not huge enough to prove anything


def thrown_across_zero(quantizer, name):
    """Raw parameters as a step that was far too long leaves them."""
    if name == "TFMinMax":
        quantizer.low.data[...], quantizer.high.data[...] = 0.4 * quantizer.high.data, 0
    else:
        # PACT's alpha has a gradient only while something is clipped, so an alpha must come from below.
        scale = next(quantizer.parameters())
        scale.data[...] = (-0.4 if name in UNSIGNED else -3) * scale.data


@pytest.mark.parametrize("name", ["LSQ", "LSQ+", "PACT", "TFMinMax", "APoT"])
def test_a_range_thrown_across_zero_learns_its_way_back(name):
    x = np.abs(np.random.default_rng(12).normal(size=(64, 8))).astype(np.float32)

    def error_after(steps, thrown):
        quantizer = SCHEMES[name](4)[1].activation_quantizer(MinMax(), "half_even", None)
        quantizer.observe(x)
        quantizer.calibrate()
        if thrown:
            thrown_across_zero(quantizer, name)
        optimizer = optim.Adam(quantizer.parameters(), lr=0.01)
        for _ in range(steps):
            error = ((quantizer(qb.Tensor(x)) - qb.Tensor(x)) ** 2).mean()
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
        return error.item()

    assert error_after(1, thrown=True) > 2 * error_after(1, thrown=False)
    assert error_after(600, thrown=True) < 1.1 * error_after(600, thrown=False)


def test_a_scale_is_the_magnitude_of_its_parameter_and_so_is_its_gradient():
    raw = qb.Tensor(np.array([-2.0, -0.0, 0.0, 1e-40, 3.0]), requires_grad=True)
    assert positive(raw).data.tolist() == [2, 2.0**-100, 2.0**-100, 2.0**-100, 3]
    positive(raw).backward(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert raw.grad.tolist() == [-1, 2, 3, 4, 5]  # never 0: a scale at 0 can leave


@pytest.mark.parametrize("scheme", [qat.LSQ, qat.TQT])
def test_activations_are_unsigned_unless_a_negative_value_is_seen(scheme):
    def levels(signed, x):
        quantizer = scheme(3, signed=signed).activation_quantizer(MinMax(), "half_even", None)
        quantizer(np.array([x], np.float32))
        return quantizer.params.qmin, quantizer.params.qmax

    assert levels(None, [0.0, 2.0]) == (0, 7)
    assert levels(None, [-0.1, 2.0]) == (-4, 3)
    assert levels(True, [0.0, 2.0]) == (-4, 3)
    assert levels(False, [-0.1, 2.0]) == (0, 7)


@each_scheme
def test_data_of_nothing_but_zeros_give_a_usable_grid(name):
    q = qat.prepare(network(), config(name), [np.zeros_like(X)])
    q[1].weight.data[...] = 0
    assert np.isfinite(q(np.zeros_like(X)).data).all()


@pytest.mark.parametrize("scheme", [qat.LSQ, qat.LSQPlus, qat.PACT, qat.TQT, qat.TFMinMax])
def test_bits_are_2_to_8(scheme):
    for wrong in (1, 9):
        with pytest.raises(ValueError, match=f"n_bits must be from 2 to 8, got {wrong}"):
            scheme(wrong)
    with pytest.raises(TypeError, match="n_bits must be an integer"):
        scheme(4.0)
    assert scheme(2) == scheme(2) != scheme(3) and hash(scheme(2)) == hash(scheme(2))


@pytest.mark.parametrize("scheme", [qat.LSQ, qat.TQT])
def test_signed_has_three_values(scheme):
    with pytest.raises(ValueError, match="signed must be True, False or None, got 'auto'"):
        scheme(4, signed="auto")


@pytest.mark.parametrize("scheme", [qat.PACT, qat.TFMinMax])
def test_schemes_for_activations_alone_are_no_weight_schemes(scheme):
    with pytest.raises(TypeError, match="weights must be a WeightScheme"):
        qnn.QuantConfig(weights=scheme(4))
