"""The networks of the tour and of the chapters, untrained."""

from qbref import nn, qnn


def float_network():
    """Two convolutions and two dense layers: 206,736 weights, real or quantized."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def binary_weight_network():
    """The same network with one bit per weight, activations real (BinaryConnect, arXiv:1511.00363)."""
    return nn.Sequential(
        qnn.BinaryConv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        qnn.BinaryConv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.BinaryLinear(1568, 128, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        qnn.BinaryLinear(128, 10),
    )


def binary_network():
    """One bit per weight and per activation between a real first and a real last layer (XNOR-Net)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(16),
        qnn.Sign(),
        qnn.BinaryConv2d(16, 32, 3, padding=1, bias=False, padding_value=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(32),
        qnn.Sign(),
        nn.Flatten(),
        qnn.BinaryLinear(1568, 128, bias=False),
        nn.BatchNorm1d(128),
        qnn.Sign(),
        nn.Linear(128, 10),
    )


def digits_network(width=16):
    """For 8 x 8 digits, small enough to train many of them: two convolutions, one dense layer."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )
