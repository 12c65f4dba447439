import numpy as np
import pytest

import qbref as qb
from qbref import nn, ptq, qnn

RNG = np.random.default_rng(4)


def test_a_convolution_really_is_quantized():
    model = nn.Sequential(nn.Conv2d(1, 3, 3))
    x = qb.Tensor(RNG.standard_normal((2, 1, 6, 6)).astype(np.float32))
    q = ptq.quantize_dynamic(model)
    y, y_q = model(x).data, q(x).data
    assert (y != y_q).any()
    assert np.abs(y - y_q).max() < 0.05 * np.abs(y).max()


def test_linear_by_hand():
    model = nn.Sequential(nn.Linear(2, 1))
    model[0].weight.data[:], model[0].bias.data[:] = [[1.27, -0.64]], 10.0
    q = ptq.quantize_dynamic(model)
    # s_w = 0.01 (127, -64); the first sample has s = 1/127 (127, 64), the second s = 2 (127, -1)
    y = q(qb.Tensor(np.array([[1.0, 0.503], [254.0, -2.0]], np.float32))).data
    exact = [10 + 0.01 / 127 * (127 * 127 - 64 * 64), 10 + 0.02 * (127 * 127 + 64)]
    np.testing.assert_allclose(y[:, 0], exact, rtol=1e-6)  # scales and products are float32


def test_a_small_sample_uses_all_its_levels():
    q, scale = qnn.dynamic.dynamic_quantize(np.array([[1e-3, -1e-3 / 127]], np.float32))
    assert q.tolist() == [[127, -1]] and scale.item() == np.float32(1e-3) / np.float32(127)


def test_a_sample_never_depends_on_its_batch():
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)))
    x = (RNG.standard_normal((6, 5)) * 10.0 ** np.arange(6)[:, None]).astype(np.float32)
    together = q(qb.Tensor(x)).data
    alone = np.concatenate([q(qb.Tensor(x[i : i + 1])).data for i in range(6)])
    assert (together == alone).all()


def test_layers_left_in_float_are_named():
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 3)))
    assert [(entry.path, entry.action) for entry in q.report if "float" in entry.action] == [
        ("1", "left in float: needs the mean and deviation of every token"),
        ("2", "left in float: no weights"),
    ]
    assert isinstance(q[0], qnn.DynamicLinear) and isinstance(q[3], qnn.DynamicLinear)


def test_only_uniform_weights_of_at_most_8_bits():
    for spec in (qnn.Lut(4), qnn.int_weights(9)):
        with pytest.raises(ValueError, match="weights of layer '0' must be Uniform of at most 8 bits"):
            ptq.quantize_dynamic(nn.Sequential(nn.Linear(2, 2)), qnn.QuantConfig(weights=spec))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_inputs_must_be_finite(bad):
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="x must be finite"):
        q(qb.Tensor([[1.0, bad]]))


def test_an_all_zero_sample_gives_the_bias():
    q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(2, 3)))
    assert (q(qb.Tensor([[0.0, 0.0]])).data == q[0].bias.data).all()
