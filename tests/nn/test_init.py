"""Initial values: bounds, standard deviations, seeds."""

import math

import numpy as np
import pytest

from qbref import nn

SHAPE = (200, 50, 2, 2)  # fan_in 200, fan_out 800; 40,000 draws


def filled(function, *args, **options):
    parameter = nn.Parameter(np.full(SHAPE, np.nan, np.float32))
    assert function(parameter, *args, rng=np.random.default_rng(0), **options) is parameter
    assert parameter.dtype == np.float32
    return parameter.data


@pytest.mark.parametrize(
    "function, options, std",
    [
        (nn.init.kaiming_uniform_, {}, math.sqrt(2 / 200)),
        (nn.init.kaiming_uniform_, dict(mode="fan_out", nonlinearity="relu"), math.sqrt(2 / 800)),
        (nn.init.kaiming_uniform_, dict(a=math.sqrt(5)), math.sqrt(1 / (3 * 200))),
        (nn.init.kaiming_uniform_, dict(nonlinearity="linear"), math.sqrt(1 / 200)),
        (nn.init.kaiming_normal_, {}, math.sqrt(2 / 200)),
        (nn.init.kaiming_normal_, dict(nonlinearity="tanh"), 5 / 3 / math.sqrt(200)),
        (nn.init.xavier_uniform_, {}, math.sqrt(2 / 1000)),
        (nn.init.xavier_uniform_, dict(gain=3.0), 3 * math.sqrt(2 / 1000)),
        (nn.init.xavier_normal_, dict(gain=3.0), 3 * math.sqrt(2 / 1000)),
        (nn.init.normal_, dict(std=2.0), 2.0),
    ],
)
def test_initial_values_have_the_papers_standard_deviation(function, options, std):
    x = filled(function, **options)
    # Relative standard error of a deviation from 40,000 draws: below 1/sqrt(80,000) = 0.35 %; five of those.
    assert x.std() == pytest.approx(std, rel=0.018)
    assert abs(x.mean()) < 5 * std / 200
    largest = np.abs(x).max() / std
    if "uniform" in function.__name__:
        assert 1.7 < largest <= math.sqrt(3) * (1 + 1e-6)  # float32 rounding of the bound
    else:
        assert largest > 3.5  # a normal distribution exceeds this 19 times in 40,000


def test_uniform_normal_zeros_and_ones():
    x = filled(nn.init.uniform_, 2.0, 3.0)
    assert 2 <= x.min() < 2.01 and 2.99 < x.max() <= 3
    assert filled(nn.init.normal_, 5.0, 0.0).tolist() == np.full(SHAPE, 5).tolist()
    parameter = nn.Parameter([3.0, 4.0])
    assert nn.init.zeros_(parameter).data.tolist() == [0, 0]
    assert nn.init.ones_(parameter).data.tolist() == [1, 1]


def test_the_same_generator_state_gives_the_same_values():
    assert np.array_equal(filled(nn.init.kaiming_normal_), filled(nn.init.kaiming_normal_))


def test_initializers_reject_wrong_arguments():
    with pytest.raises(ValueError, match=r"tensor must have at least 2 dimensions, got shape \(3,\)"):
        nn.init.kaiming_uniform_(nn.Parameter([0.0] * 3))
    with pytest.raises(ValueError, match="mode must be one of fan_in, fan_out, got 'fan'"):
        filled(nn.init.kaiming_normal_, mode="fan")
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        filled(nn.init.kaiming_normal_, nonlinearity="swish")
    with pytest.raises(TypeError, match="rng must be"):
        nn.init.uniform_(nn.Parameter([0.0]), rng=3)
