"""Networks trained on the digits that several tests transform and quantize; not to be changed."""

import numpy as np
import pytest

from qbref import nn


class Rows(nn.Module):
    """An image as a sequence of its eight rows: (N, 1, 8, 8) to (N, 8, 8)."""

    def forward(self, x):
        return x.reshape(-1, 8, 8)


@pytest.fixture(scope="session")
def depthwise_network(train):
    """Convolution, depthwise and pointwise convolution, as MobileNet's first block."""
    rng = np.random.default_rng(1)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False, rng=rng),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False, rng=rng),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 1, bias=False, rng=rng),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10, rng=rng),
    )
    return train(network, epochs=4, lr=1e-2)


@pytest.fixture(scope="session")
def row_transformer(train):
    """Two pre-norm transformer layers that read the image row by row."""
    rng = np.random.default_rng(2)
    shape = dict(d_model=32, nhead=4, dim_feedforward=64, dropout=0.0, norm_first=True, rng=rng)
    network = nn.Sequential(
        Rows(),
        nn.Linear(8, 32, rng=rng),
        nn.TransformerEncoderLayer(**shape),
        nn.TransformerEncoderLayer(**shape),
        nn.Flatten(),
        nn.Linear(256, 10, rng=rng),
    )
    return train(network, epochs=5, lr=3e-3)
