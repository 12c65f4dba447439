import numpy as np
import pytest

from qbref.autograd import Tensor, conv2d, grad_check, max_pool2d, no_grad

RNG = np.random.default_rng(0)


def naive_conv2d(x, weight, bias, stride, padding, dilation, groups):
    """The sum of its definition, one output at a time."""
    (SH, SW), (PH, PW), (DH, DW) = stride, padding, dilation
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape  # noqa: E741
    OH, OW = (H + 2 * PH - DH * (KH - 1) - 1) // SH + 1, (W + 2 * PW - DW * (KW - 1) - 1) // SW + 1
    y = np.zeros((N, O, OH, OW))
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = bias[o]
        for c, k, m in np.ndindex(weight.shape[1:]):
            row, column = SH * i + DH * k - PH, SW * j + DW * m - PW
            if 0 <= row < H and 0 <= column < W:
                channel = o // (O // groups) * (C // groups) + c
                y[n, o, i, j] += weight[o, c, k, m] * x[n, channel, row, column]
    return y


# x shape, weight shape, stride, padding, dilation, groups
CASES = {
    "plain": ((2, 3, 5, 6), (4, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
    "1x1": ((2, 3, 3, 2), (2, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "stride": ((1, 2, 7, 6), (3, 2, 3, 3), (2, 3), (0, 0), (1, 1), 1),
    "padding": ((2, 1, 4, 3), (2, 1, 3, 3), (1, 1), (1, 2), (1, 1), 1),
    "dilation": ((1, 2, 7, 6), (2, 2, 3, 2), (1, 1), (0, 0), (2, 3), 1),
    "groups": ((2, 4, 4, 4), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    "depthwise": ((2, 3, 4, 5), (6, 1, 2, 3), (1, 1), (0, 1), (1, 1), 3),
    "everything": ((2, 4, 8, 7), (4, 2, 3, 2), (3, 2), (2, 1), (2, 1), 2),
    "kernel of image size": ((3, 2, 3, 4), (2, 2, 3, 4), (1, 1), (0, 0), (1, 1), 1),
    "unused rest": ((1, 1, 6, 6), (1, 1, 3, 3), (4, 2), (0, 0), (1, 1), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_conv2d_matches_its_definition_and_its_gradient_the_difference_quotient(case):
    x_shape, weight_shape, *options = CASES[case]
    x, weight, bias = (
        RNG.normal(size=x_shape),
        RNG.normal(size=weight_shape),
        RNG.normal(size=weight_shape[0]),
    )
    y = conv2d(x, weight, bias, *options).data
    # rtol, atol: up to 36 float64 products summed in another order
    np.testing.assert_allclose(y, naive_conv2d(x, weight, bias, *options), rtol=1e-13, atol=1e-13)
    assert grad_check(lambda x, w, b: conv2d(x, w, b, *options), [x, weight, bias])


def test_bias_is_optional_and_integers_stand_for_pairs():
    x, weight = RNG.normal(size=(1, 2, 6, 6)), RNG.normal(size=(2, 1, 3, 3))
    y = conv2d(x, weight, None, 2, 1, 1, 2).data
    assert np.array_equal(y, conv2d(x, weight, np.zeros(2), (2, 2), (1, 1), (1, 1), 2).data)
    assert grad_check(lambda x, w: conv2d(x, w, stride=2, padding=1, groups=2), [x, weight])


def test_integers_in_float64_are_summed_exactly():
    x = RNG.integers(-128, 128, (3, 8, 6, 6))
    weight = RNG.integers(-128, 128, (4, 8, 3, 3))
    with no_grad():
        y = conv2d(x.astype(np.float64), weight.astype(np.float64), padding=1).data
    assert np.array_equal(y, naive_conv2d(x, weight, np.zeros(4), (1, 1), (1, 1), (1, 1), 1))


def test_float32_stays_float32_and_the_input_gets_no_gradient_unless_it_requires_one():
    x = Tensor(np.ones((1, 1, 4, 4), np.float32))
    weight, bias = Tensor(np.ones((2, 1, 3, 3), np.float32), True), Tensor(np.ones(2, np.float32), True)
    y = conv2d(x, weight, bias, padding=1)
    y.sum().backward()
    assert y.dtype == weight.grad.dtype == bias.grad.dtype == np.float32
    assert x.grad is None
    assert bias.grad.tolist() == [16.0, 16.0]


def test_operands_are_not_changed():
    x, weight, bias = RNG.normal(size=(2, 1, 4, 4)), RNG.normal(size=(1, 1, 3, 3)), RNG.normal(size=1)
    leaves = [Tensor(a.copy(), requires_grad=True) for a in (x, weight, bias)]
    y = max_pool2d(conv2d(*leaves, padding=1).relu(), 2)
    upstream = RNG.normal(size=y.shape)
    before = upstream.copy()
    y.backward(upstream)
    assert np.array_equal(upstream, before)
    for leaf, array in zip(leaves, (x, weight, bias), strict=True):
        assert np.array_equal(leaf.data, array)


def test_empty_batch_gives_empty_result_and_zero_gradient():
    weight = Tensor(np.ones((2, 1, 3, 3)), requires_grad=True)
    y = conv2d(np.zeros((0, 1, 4, 4)), weight)
    assert y.shape == (0, 2, 2, 2)
    y.backward(np.zeros(y.shape))
    assert not weight.grad.any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(x=(2, 4, 4)), r"x and weight must have four axes, got shapes \(2, 4, 4\)"),
        (dict(weight=(2, 3, 3, 3)), r"weight must have 2 = C / groups channels, got shape \(2, 3, 3, 3\)"),
        (dict(groups=4), "groups must divide the 2 input and 2 output channels, got 4"),
        (dict(groups=0), "groups must divide the 2 input and 2 output channels, got 0"),
        (dict(bias=(3,)), r"bias must have shape \(2,\), got \(3,\)"),
        (dict(dilation=2), r"kernel_size must fit into the padded image \(4, 4\), got \(5, 5\) when dilated"),
        (dict(stride=0), "stride must be at least 1, got 0"),
        (dict(padding=(0, -1)), r"padding must be at least 0, got \(0, -1\)"),
    ],
)
def test_shapes_and_options_are_checked(arguments, message):
    arguments = {"x": (1, 2, 4, 4), "weight": (2, 2, 3, 3), "bias": (2,)} | arguments
    arguments = {k: np.ones(v) if k in ("x", "weight", "bias") else v for k, v in arguments.items()}
    with pytest.raises(ValueError, match=message):
        conv2d(**arguments)


@pytest.mark.parametrize("stride", [1.0, (1, 2, 3), "2", True, None])
def test_options_must_be_integers_or_pairs(stride):
    with pytest.raises(TypeError, match="stride must be an integer or a pair of integers, got"):
        conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), stride=stride)
