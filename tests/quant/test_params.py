import copy
import dataclasses

import numpy as np
import pytest

from qbref.quant import QuantParams


def test_fields_are_normalised():
    p = QuantParams(0.5, 3, -128, 127)
    assert p.scale.dtype == np.float32 and p.scale.shape == () and p.scale == 0.5
    assert p.zero_point.dtype == np.int32 and p.zero_point.shape == () and p.zero_point == 3
    assert (p.qmin, p.qmax, p.axis, p.block_size, p.rounding) == (-128, 127, None, None, "half_even")


@pytest.mark.parametrize(
    ("qmin", "qmax", "dtype", "n_bits"),
    [
        (-128, 127, np.int8, 8),
        (-127, 127, np.int8, 8),
        (0, 255, np.uint8, 8),
        (0, 127, np.uint8, 7),
        (1, 255, np.uint8, 8),
        (-8, 7, np.int8, 4),
        (-1, 1, np.int8, 2),
        (0, 1, np.uint8, 1),
        (-129, 0, np.int16, 8),
        (-1, 128, np.int16, 8),
        (0, 256, np.uint16, 9),
        (-32768, 32767, np.int16, 16),
        (0, 65535, np.uint16, 16),
    ],
)
def test_default_dtype_and_number_of_bits(qmin, qmax, dtype, n_bits):
    p = QuantParams(1.0, qmin, qmin, qmax)
    assert p.dtype == np.dtype(dtype)
    assert p.n_bits == n_bits


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 1e-60, 1e60, [0.5, 0.0]])
def test_scale_must_be_finite_and_positive_in_float32(scale):
    axis = None if np.ndim(scale) == 0 else 0
    with pytest.raises(ValueError, match="scale must be finite and positive"):
        QuantParams(scale, 0, -8, 7, axis=axis)


def test_a_subnormal_scale_is_accepted():
    assert QuantParams(1e-45, 0, -8, 7).scale > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(zero_point=8), ValueError, r"zero_point must lie within \[-8, 7\], got 8"),
        (dict(zero_point=-9), ValueError, "zero_point must lie within"),
        (dict(zero_point=0.0), TypeError, "zero_point must be an integer"),
        (dict(zero_point=[0, 0]), ValueError, "zero_point must have the shape of scale"),
        (dict(qmin=7, qmax=7, zero_point=7), ValueError, "qmin must be below qmax"),
        (dict(qmin=0.0), TypeError, "qmin must be an integer"),
        (dict(qmax=True), TypeError, "qmax must be an integer"),
        (dict(qmin=-32768, qmax=32768), ValueError, "at most 65536 integers"),
        (dict(rounding="nearest"), ValueError, "rounding must be one of"),
        (dict(dtype=np.uint8), ValueError, r"dtype must hold \[-8, 7\]"),
        (dict(dtype=np.float32), TypeError, "dtype must be an integer type"),
        (dict(qmin=-5, qmax=60000), ValueError, "dtype must hold"),
        (dict(scale=[0.5]), ValueError, "scale must be a scalar when axis is None"),
        (dict(axis=0), ValueError, "scale must have one dimension when axis is given"),
        (dict(scale=[[0.5]], axis=0), ValueError, "scale must have one dimension"),
        (dict(scale=[0.5], axis=1.0), TypeError, "axis must be an integer"),
        (dict(block_size=4), ValueError, "block_size must come with an axis"),
        (dict(scale=[0.5], axis=0, block_size=0), ValueError, "block_size must be at least 1"),
        (dict(scale=[0.5], axis=1, block_size=4), ValueError, "axis must be a dimension of scale"),
    ],
)
def test_broken_rules_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        QuantParams(**{"scale": 0.5, "zero_point": 0, "qmin": -8, "qmax": 7} | arguments)


def test_arrays_are_read_only_copies():
    scale, zero_point = np.array([0.5, 0.25], np.float32), np.array([1, 2], np.int32)
    p = QuantParams(scale, zero_point, -8, 7, axis=0)
    scale[0], zero_point[0] = 9, 7
    assert p.scale.tolist() == [0.5, 0.25] and p.zero_point.tolist() == [1, 2]
    for array in (p.scale, p.zero_point, copy.deepcopy(p).scale):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.qmin = 0


def test_one_zero_point_serves_all_channels():
    assert QuantParams([0.5, 0.25], 3, -8, 7, axis=0).zero_point.tolist() == [3, 3]


def test_equality_and_hash_are_by_value():
    def params(**changes):
        return QuantParams(
            **{"scale": [0.5, 1.0], "zero_point": 1, "qmin": -8, "qmax": 7, "axis": 0} | changes
        )

    assert params() == params() and hash(params()) == hash(params())
    assert params(zero_point=[1, 1]) == params()
    different = [
        dict(scale=[0.5, 2.0]),
        dict(zero_point=[1, 2]),
        dict(qmin=-7),
        dict(qmax=6),
        dict(axis=-1),
        dict(block_size=2),
        dict(rounding="half_up"),
        dict(dtype=np.int16),
    ]
    for changes in different:
        assert params(**changes) != params(), changes
    assert len({params(), params(), params(qmin=-7)}) == 2
    assert params() != "params"


def test_expand_gives_shapes_that_broadcast():
    scale, zero_point = QuantParams(0.5, 1, -8, 7).expand((2, 3))
    assert scale.shape == zero_point.shape == ()
    p = QuantParams([1.0, 2.0, 3.0], [1, 2, 3], -8, 7, axis=-2)
    scale, zero_point = p.expand((5, 3, 4))
    full = np.broadcast_to(zero_point, (5, 3, 4))
    assert (
        full[:, 0].max() == 1
        and (full[:, 2] == 3).all()
        and (np.broadcast_to(scale, (5, 3, 4)) == full).all()
    )


def test_expand_repeats_blocks_and_cuts_the_last_one_short():
    p = QuantParams([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 0, -8, 7, axis=1, block_size=2)
    scale, _ = p.expand((2, 5))
    assert scale.tolist() == [[1, 1, 2, 2, 3], [4, 4, 5, 5, 6]]


@pytest.mark.parametrize("shape", [(2,), (3, 2), (4, 2), ()])
def test_expand_refuses_a_shape_with_other_channels(shape):
    p = QuantParams([1.0, 2.0, 3.0], 0, -8, 7, axis=1)
    with pytest.raises(ValueError, match="must"):
        p.expand(shape)


@pytest.mark.parametrize("shape", [(2, 4), (2, 7), (3, 5), (5,)])
def test_expand_refuses_a_shape_with_other_blocks(shape):
    p = QuantParams(np.ones((2, 3)), 0, -8, 7, axis=1, block_size=2)
    with pytest.raises(ValueError, match="must"):
        p.expand(shape)


def test_repr_fits_one_line():
    assert (
        repr(QuantParams(0.0123, -128, -128, 127))
        == "QuantParams(scale=0.0123, zero_point=-128, [-128, 127])"
    )
    per_channel = QuantParams(np.linspace(0.5, 2.0, 32), 0, -7, 7, axis=0, rounding="half_up")
    assert repr(per_channel) == (
        "QuantParams(scale=[0.5..2] x 32, zero_point=0, [-7, 7], axis=0, rounding=half_up)"
    )
    blocks = QuantParams(np.ones((2, 3)), [[0, 1, 2], [3, 4, 5]], 0, 15, axis=1, block_size=4)
    assert repr(blocks) == "QuantParams(scale=1 x 2x3, zero_point=[0..5], [0, 15], axis=1, block_size=4)"
