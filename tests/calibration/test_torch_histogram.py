import numpy as np

from qbref.calibration.torch_histogram import TorchHistogram, count, evenly_spaced


def test_bins_divide_the_range_and_the_last_one_holds_its_end():
    x = np.array([0, 0.99, 1, 2.5, 3.99, 4], np.float32)
    assert count(x, 4, 0.0, 4.0).tolist() == [2, 1, 1, 2]


def test_a_range_without_width_is_widened_by_one_on_either_side():
    assert count(np.full(3, 5, np.float32), 4, 5.0, 5.0).tolist() == [0, 0, 3, 0]


def test_counts_keep_their_bins_while_the_range_stays():
    histogram = TorchHistogram(4).add(np.array([0.0, 4.0])).add(np.array([1.5, 2.0, 2.5]))
    assert histogram.counts.tolist() == [1, 1, 2, 1]


def test_a_growing_range_moves_each_sixteenth_of_a_bin_by_its_middle():
    histogram = TorchHistogram(2).add(np.array([0.0, 3.0]))  # bins of 1.5: [1, 1]
    histogram.add(np.array([5.0]))  # bins of 2.5: the first keeps [1.5, 2.5) of the second old bin
    # sixteenths of 1.5 with middles at 1.5 + (k + ½)·0.09375: below 2.5 for k ≤ 10
    assert histogram.counts.tolist() == [1 + 11 / 16, 5 / 16 + 1]
    assert (histogram.lo, histogram.hi) == (0, 5)


def test_a_constant_beginning_is_moved_as_a_whole():
    histogram = TorchHistogram(4).add(np.full(7, 3.0)).add(np.array([0.0, 4.0]))
    assert histogram.counts.tolist() == [1, 0, 0, 8]


def test_nothing_is_lost_when_the_range_grows_often():
    histogram = TorchHistogram(64)
    for k in range(1, 30):
        histogram.add(np.linspace(-k, 2 * k, 100))
    assert abs(histogram.counts.sum(dtype=np.float64) - 2900) < 1e-3  # float32 rounding of 64 counts


def test_points_are_spaced_as_pytorch_spaces_them():
    # torch.linspace(-0.1, 0.7, 8), PyTorch 2.13.0, CPU; counted from the lower end alone, the fifth differs
    expected = [
        -0.10000000149011612,
        0.01428571343421936,
        0.12857142090797424,
        0.24285714328289032,
        0.357142835855484,
        0.4714285731315613,
        0.5857142806053162,
        0.699999988079071,
    ]
    assert evenly_spaced(expected[0], expected[-1], 8, np.float32).tolist() == expected
