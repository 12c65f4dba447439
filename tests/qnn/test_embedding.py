import numpy as np
import pytest

from qbref import nn, qnn

TABLE = np.array([[12.7, -6.4, 0.04], [0.0, 0.0, 0.0], [-1e-3, 5e-4, 0.0]], np.float32)


def quantized(bits=8, table=TABLE, **scheme):
    layer = nn.Embedding(*table.shape)
    layer.weight.data[:] = table
    scheme = qnn.Uniform(bits, symmetric=True, narrow_range=True, **scheme)
    return qnn.QuantizedEmbedding.from_float(layer, scheme, "half_even")


def test_each_row_has_its_own_scale_by_hand():
    layer = quantized(per_channel=True)
    levels = layer.weight_quantizer.levels(layer.weight.data)
    assert levels.q.tolist() == [[127, -64, 0], [0, 0, 0], [-127, 64, 0]]  # 63.5 ties to 64
    y = layer(np.array([[2, 0], [1, 2]])).data
    assert y.shape == (2, 2, 3) and y.dtype == np.float32
    assert y[0, 1].tolist() == [
        np.float32(np.float32(12.7) / np.float32(127)) * np.float32(q) for q in (127, -64, 0)
    ]
    np.testing.assert_allclose(y[0, 0], [-1e-3, 64e-3 / 127, 0], rtol=1e-6)  # float32
    assert (y[0, 0] == y[1, 1]).all() and not y[1, 0].any()


def test_four_bits_keep_every_row_within_half_a_step():
    table = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)
    rows = np.arange(20)
    error = np.abs(quantized(4, table, per_channel=True)(rows).data - table).max(axis=1)
    half_steps = np.abs(table).max(axis=1) / 7 / 2
    assert (error <= half_steps * (1 + 1e-6)).all() and (error > half_steps / 2).all()


def test_one_scale_for_the_table_loses_the_small_rows():
    assert not quantized()(np.array([2])).data.any()


def test_indices_are_checked():
    layer = quantized()
    for bad in ([3], [-1], [0, 3]):
        with pytest.raises(ValueError, match=r"indices must be in \[0, 3\), got"):
            layer(np.array(bad))
    with pytest.raises(TypeError, match="indices must be integers, got bool"):
        layer(np.array([True]))


def test_no_indices_give_no_rows():
    assert quantized(per_channel=True)(np.zeros((2, 0), int)).shape == (2, 0, 3)


def test_a_padding_row_stays_zero():
    layer = nn.Embedding(4, 3, padding_idx=1)
    q = qnn.QuantizedEmbedding.from_float(layer, qnn.int_weights(4), "half_even")
    assert not q(np.array([1])).data.any() and q.padding_idx == 1
