"""Expected values worked by hand from the paper's formulas and the lines of util.lua."""

import numpy as np
import pytest

from qbref.conventions import xnornet

W = np.array([[[0.5, 2.0], [-0.5, 0.0]]])  # one filter, two input channels of two weights


def test_paper_and_code_disagree_at_zero_and_at_the_ends_of_the_window():
    x = np.array([-1.0, -0.0, 0.0, 1.0, np.nextafter(1, 0)], np.float32)
    assert xnornet.binarize_activations(x).tolist() == [-1, 1, 1, 1, 1]
    assert xnornet.binarize_activations(x, "released").tolist() == [-1, 0, 0, 1, 1]
    assert xnornet.binarize_activations_gradient(x).tolist() == [1, 1, 1, 1, 1]
    below_one = np.float32(np.nextafter(np.float32(1), np.float32(0)))
    x[-1] = below_one
    assert xnornet.binarize_activations_gradient(x, "released").tolist() == [0, 1, 1, 0, 1]


def test_the_paper_scales_signs_of_the_weights_as_they_are():
    assert xnornet.binarize_weights(W).tolist() == [[[0.75, 0.75], [-0.75, 0.75]]]  # 0 is +1


def test_the_code_centers_over_input_channels_and_clamps_first():
    # means 0 and 1: [[0.5, 1], [-0.5, -1]], alpha = 3/4
    assert xnornet.binarize_weights(W, "released").tolist() == [[[0.75, 0.75], [-0.75, -0.75]]]


def test_a_weight_centered_to_zero_is_zero_in_the_code_where_torch7_has_sign_zero():
    w = np.array([[[1.0, 0.25], [1.0, -0.25]]])
    assert xnornet.binarize_weights(w, "released").tolist() == [[[0, 0.125], [0, -0.125]]]


@pytest.mark.parametrize(
    "form, optimizer, expected",
    [
        # n = 4, alpha = 3/4: 1/4 + 3/4 inside, 1/4 outside
        ("paper", "adam", [[1, 0.25], [1, 1]]),
        ("released", "adam", [[0.5, 0.125], [0.5, 0.5]]),  # times 1 − 1/2
        ("released", "sgd", [[2, 0.5], [2, 2]]),  # times n
    ],
)
def test_weight_gradients_by_hand(form, optimizer, expected):
    gradient = xnornet.binarize_weights_backward(np.ones_like(W), W, form, optimizer)
    assert gradient.tolist() == [expected]


def test_weights_at_exactly_one_are_inside_for_the_paper_and_outside_for_the_code():
    w = np.array([[[1.0], [-1.0]]])
    g = np.ones_like(w)
    assert xnornet.binarize_weights_backward(g, w).tolist() == [[[1.5], [1.5]]]
    assert xnornet.binarize_weights_backward(g, w, "released").tolist() == [[[0.25], [0.25]]]


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form must be one of .*, got 'code'"):
        xnornet.binarize_weights(W, "code")
