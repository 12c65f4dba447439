import numpy as np
import pytest

from qbref.conventions.onnx import conv_integer

X = np.arange(2, 11, dtype=np.uint8).reshape(1, 1, 3, 3)
W = np.ones((1, 1, 2, 2), np.uint8)


def test_the_examples_of_the_specification():
    # onnx/backend/test/case/node/convinteger.py
    assert conv_integer(X, W, np.uint8(1)).tolist() == [[[[12, 16], [24, 28]]]]
    padded = conv_integer(X, W, np.uint8(1), pads=[1, 1, 1, 1])
    assert padded.tolist() == [[[[1, 3, 5, 3], [5, 12, 16, 9], [11, 24, 28, 15], [7, 15, 17, 9]]]]
    assert padded.dtype == np.int32


def test_padding_adds_nothing_whatever_the_zero_point():
    # each output is 1 if the window covers the image's one pixel, whose value is zero point + 1
    x = np.array([[[201]]], np.uint8)
    y = conv_integer(x, np.ones((1, 1, 3), np.int8), np.uint8(200), pads=[2, 2])
    assert y.tolist() == [[[1, 1, 1]]]


def test_each_filter_has_its_own_zero_point():
    w = np.array([[[3]], [[3]]], np.int8)
    y = conv_integer(np.array([[[5, 7]]], np.uint8), w, None, np.array([3, 1], np.int8))
    assert y.tolist() == [[[0, 0], [10, 14]]]


@pytest.mark.parametrize(
    "auto_pad, stride, expected",
    [
        # windows of two ones over 1 2 3 4 5; an odd rest of padding is at the end, or at the beginning
        ("SAME_UPPER", 1, [3, 5, 7, 9, 5]),
        ("SAME_LOWER", 1, [1, 3, 5, 7, 9]),
        ("VALID", 1, [3, 5, 7, 9]),
        ("NOTSET", 1, [3, 5, 7, 9]),
        ("SAME_UPPER", 2, [3, 7, 5]),
        ("SAME_LOWER", 2, [1, 5, 9]),
        ("SAME_UPPER", 5, [3]),
    ],
)
def test_auto_pad_gives_as_many_outputs_as_inputs_divided_by_the_stride(auto_pad, stride, expected):
    x, w = np.arange(1, 6, dtype=np.int8).reshape(1, 1, 5), np.ones((1, 1, 2), np.int8)
    assert conv_integer(x, w, auto_pad=auto_pad, strides=[stride]).tolist() == [[expected]]


def test_groups_dilations_and_uneven_pads_by_hand():
    # channel 0 with taps two apart and weights 1, 10; channel 1 with 1, -1; one zero before, none behind
    x = np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]], np.int8)
    w = np.array([[[1, 10]], [[1, -1]]], np.int8)
    y = conv_integer(x, w, group=2, dilations=[2], pads=[1, 0])
    assert y.tolist() == [[[20, 31, 42], [-6, -2, -2]]]


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, "x must be int8 or uint8, got float64", dict(x=np.ones((1, 1, 3, 3)))),
        (ValueError, "x must have at least 3 dimensions", dict(x=np.ones((1, 1), np.uint8))),
        (ValueError, "w must have as many dimensions as x, 4", dict(w=W[0])),
        (ValueError, "group must divide 1 channels and 1 filters, got 2", dict(group=2)),
        (ValueError, "w must have 1 channels a filter", dict(w=np.ones((1, 2, 2, 2), np.uint8))),
        (ValueError, "w must not have an empty kernel", dict(w=np.ones((1, 1, 0, 2), np.uint8))),
        (ValueError, r"strides must be 2 integers of at least 1, got \[1, 0\]", dict(strides=[1, 0])),
        (ValueError, r"dilations must be 2 integers of at least 1, got \[1\]", dict(dilations=[1])),
        (ValueError, "pads must be 4 integers of at least 0", dict(pads=[1, 1])),
        (ValueError, "pads must not be given with auto_pad 'VALID'", dict(pads=[0] * 4, auto_pad="VALID")),
        (ValueError, "auto_pad must be one of .* got 'SAME'", dict(auto_pad="SAME")),
        (ValueError, "w must fit into the padded image, got 5 on an axis of 3", dict(dilations=[4, 1])),
        (ValueError, "x_zero_point must be a scalar", dict(x_zero_point=np.zeros(2, np.uint8))),
        (
            ValueError,
            "w_zero_point must be a scalar or one per filter",
            dict(w_zero_point=np.zeros(2, np.uint8)),
        ),
    ],
)
def test_errors_name_the_argument_and_the_value(error, message, arguments):
    with pytest.raises(error, match=message):
        conv_integer(**{"x": X, "w": W, **arguments})
