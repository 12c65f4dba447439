import numpy as np

from qbref import nn
from qbref.ptq.channels import by_channel, by_input_channel, input_range, output_range, times_input_channels


def test_ranges_of_a_grouped_convolution_by_hand():
    layer = nn.Conv2d(4, 2, 1, groups=2)  # output 0 sees channels 0 and 1, output 1 channels 2 and 3
    layer.weight.data[:] = np.array([[1, -2], [-3, 0.5]]).reshape(2, 2, 1, 1)
    assert input_range(layer, 4).tolist() == [1, 2, 3, 0.5]
    assert output_range(layer).tolist() == [2, 3]


def test_behind_a_flatten_each_channel_stands_for_its_positions():
    layer = nn.Linear(6, 2)
    layer.weight.data[:] = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert by_input_channel(layer, layer.weight.data, 2)[0, 1].tolist() == [[6, 7, 8], [9, 10, 11]]
    assert input_range(layer, 2).tolist() == [8, 11]


def test_factors_reach_their_channel_in_every_group_and_tap():
    conv, linear = nn.Conv2d(4, 2, 1, groups=2), nn.Linear(6, 1)
    ones = np.ones((2, 2, 1, 1), np.float32)
    assert times_input_channels(conv, ones, np.array([1, 2, 3, 4]))[:, :, 0, 0].tolist() == [[1, 2], [3, 4]]
    scaled = times_input_channels(linear, np.ones((1, 6), np.float32), np.array([2.0, 3.0]))
    assert scaled.tolist() == [[2, 2, 2, 3, 3, 3]] and scaled.dtype == np.float32


def test_channels_of_images_sequences_and_flattened_images():
    image = np.arange(24).reshape(2, 3, 2, 2)
    assert by_channel(nn.Conv2d(3, 1, 1), image, 3)[1, 2].tolist() == [20, 21, 22, 23]
    assert by_channel(nn.Linear(12, 1), image.reshape(2, 12), 3)[1, 2].tolist() == [20, 21, 22, 23]
    assert by_channel(nn.Linear(2, 1), image, 2)[:, :, 0].tolist() == image.reshape(-1, 2).tolist()
