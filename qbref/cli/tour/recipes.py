"""The networks of the tour and how they are trained."""

import numpy as np

from qbref import data, nn, optim, qnn
from qbref.autograd import Tensor
from qbref.nn import functional as F

MEAN, STD = 0.286, 0.353
BATCH = 64


def prepare_images(images):
    """Bytes (N, 28, 28) → float32 (N, 1, 28, 28) of about zero mean and unit variance."""
    return data.normalize(images, MEAN, STD)


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


def train(model, images, labels, epochs, lr, report, augment=True):
    """Adam with 50 warm-up steps and a cosine to zero, batches of 64, flips and shifts by up to 2 pixels.

    Parameters
    ----------
    model : Module
        Trained in place; left in evaluation mode.
    images : uint8 ndarray (N, 28, 28)
    labels : integer ndarray (N,)
    epochs : int
    lr : float
        Peak of the schedule.
    report : callable
        ``report(fraction done, note)`` after every epoch.
    augment : bool
    """
    change = data.compose(data.random_flip(), data.random_shift(2)) if augment else None
    loader = data.Loader(images, labels, BATCH, augment=change)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    steps = epochs * len(loader)
    schedule = optim.WarmupCosineLR(optimizer, steps, warmup_steps=min(50, steps // 4))
    model.train()
    for epoch in range(epochs):
        losses = []
        for batch, target in loader:
            loss = F.cross_entropy(model(Tensor(prepare_images(batch))), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        report((epoch + 1) / epochs, f"loss {np.mean(losses):.3f}")
    model.eval()
