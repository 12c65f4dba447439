from statistics import NormalDist

import numpy as np
import pytest

from qbref.quant.codebooks import nf4
from qbref.quant.codebooks.nf4 import NF4_LEVELS


def test_the_table_follows_from_the_normal_distribution():
    # bitsandbytes, functional.py, create_normal_map: 8 positive quantiles, 0, 7 negative ones
    quantile, offset = NormalDist().inv_cdf, 0.9677083
    positive = [quantile(p) for p in np.linspace(offset, 0.5, 9)[:-1]]
    negative = [-quantile(p) for p in np.linspace(offset, 0.5, 8)[:-1]]
    levels = np.array(sorted([*negative, 0.0, *positive])) / max(positive)
    np.testing.assert_allclose(NF4_LEVELS, levels, atol=2e-7)  # theirs were computed in float32


def test_the_table_is_scaled_to_the_largest_magnitude():
    levels = nf4(np.array([0.5, -4.0, 3.0]))
    assert levels[0] == -4 and levels[7] == 0 and levels[15] == 4
    assert levels[8] == 4 * 0.07958029955625534
    assert nf4(np.zeros(3)).tolist() == [0] * 16


def test_only_four_bits_are_offered():
    with pytest.raises(ValueError, match="n_bits must be 4 for nf4, got 3"):
        nf4(np.ones(2), 3)
