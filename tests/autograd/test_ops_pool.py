import numpy as np
import pytest

from qbref.autograd import Tensor, avg_pool2d, grad_check, max_pool2d

CASES = {
    "2x2": (2, None, 0),
    "overlapping": (3, 2, 1),
    "stride one": (3, 1, 1),
    "gaps": (2, 3, 0),
    "uneven": ((3, 2), (1, 2), (1, 0)),
    "whole image": ((7, 6), None, 0),
    "identity": (1, None, 0),
}


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)


def windows_of(x, kernel_size, stride, padding):
    """Yield (n, c, i, j) and the positions inside the image that this window sees, in row-major order."""
    KH, KW = as_pair(kernel_size)
    SH, SW = as_pair(kernel_size if stride is None else stride)
    PH, PW = as_pair(padding)
    N, C, H, W = x.shape
    OH, OW = (H + 2 * PH - KH) // SH + 1, (W + 2 * PW - KW) // SW + 1
    for n, c, i, j in np.ndindex(N, C, OH, OW):
        taps = ((SH * i + k - PH, SW * j + m - PW) for k, m in np.ndindex(KH, KW))
        yield (n, c, i, j), [(n, c, row, column) for row, column in taps if 0 <= row < H and 0 <= column < W]


@pytest.mark.parametrize("case", CASES)
def test_max_pool2d_matches_its_definition_and_its_gradient_the_difference_quotient(case):
    x = np.random.default_rng(0).permutation(84).reshape(2, 1, 7, 6) / 10  # no ties
    y = max_pool2d(x, *CASES[case]).data
    expected = {index: max(x[p] for p in positions) for index, positions in windows_of(x, *CASES[case])}
    assert {index: y[index] for index in np.ndindex(y.shape)} == expected
    assert grad_check(lambda t: max_pool2d(t, *CASES[case]), [x])


@pytest.mark.parametrize("case", CASES)
def test_max_pool2d_gives_the_upstream_to_the_first_of_equals_in_row_major_order(case):
    rng = np.random.default_rng(1)
    x = rng.integers(-1, 2, (2, 2, 7, 6)).astype(np.float64)
    leaf = Tensor(x, requires_grad=True)
    y = max_pool2d(leaf, *CASES[case])
    upstream = rng.integers(1, 9, y.shape).astype(np.float64)
    y.backward(upstream)
    expected = np.zeros_like(x)
    for index, positions in windows_of(x, *CASES[case]):
        expected[max(positions, key=lambda p: x[p])] += upstream[index]  # max() returns the first
    assert np.array_equal(leaf.grad, expected)


@pytest.mark.parametrize("case", CASES)
def test_avg_pool2d_matches_its_definition_and_its_gradient_the_difference_quotient(case):
    x = np.random.default_rng(2).normal(size=(2, 2, 7, 6))
    y = avg_pool2d(x, *CASES[case]).data
    KH, KW = as_pair(CASES[case][0])
    for index, positions in windows_of(x, *CASES[case]):
        # abs: up to 42 float64 values summed in another order
        assert y[index] == pytest.approx(sum(x[p] for p in positions) / (KH * KW), abs=1e-14)
    assert grad_check(lambda t: avg_pool2d(t, *CASES[case]), [x])


def test_max_pool2d_pads_with_minus_infinity_and_avg_pool2d_with_counted_zeros():
    x = np.full((1, 1, 2, 2), -4.0)
    assert max_pool2d(x, 2, 2, 1).data.tolist() == [[[[-4.0, -4.0], [-4.0, -4.0]]]]
    assert avg_pool2d(x, 2, 2, 1).data.tolist() == [[[[-1.0, -1.0], [-1.0, -1.0]]]]


def test_max_pool2d_keeps_nan():
    x = np.zeros((1, 1, 2, 2))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(max_pool2d(x, 2).data).all()


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_float32_stays_float32(pool):
    x = Tensor(np.ones((1, 1, 4, 4), np.float32), requires_grad=True)
    y = pool(x, 3, 2, 1)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_options_are_checked(pool):
    x = np.ones((1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"x must have shape \(N, C, H, W\), got \(4, 4\)"):
        pool(x[0, 0], 2)
    with pytest.raises(
        ValueError, match=r"padding must be at most half of kernel_size \(2, 2\), got \(2, 2\)"
    ):
        pool(x, 2, 2, 2)
    with pytest.raises(
        ValueError, match=r"kernel_size must fit into the padded image \(4, 4\), got \(5, 5\)"
    ):
        pool(x, 5)
    with pytest.raises(ValueError, match="kernel_size must be at least 1, got 0"):
        pool(x, 0)
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        pool(x, 2, 0)
