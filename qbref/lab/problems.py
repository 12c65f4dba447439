"""Two classification problems on real images, with everything an experiment needs of them."""

import os
from functools import cache, cached_property

import numpy as np

from qbref import data, optim
from qbref.autograd import Tensor, no_grad
from qbref.lab.kept import trained
from qbref.lab.networks import binary_network, digits_network, float_network
from qbref.lab.quick import epochs as epochs_here
from qbref.lab.quick import quick
from qbref.nn import functional as F

BATCH = 64
QUICK_TEST_IMAGES = 1_000
FASHION_MEAN, FASHION_STD = 0.286, 0.353


class Problem:
    """Images to train on and to test with.

    Attributes
    ----------
    name : str
    images : ImageData
        As stored, uint8.
    prepare : callable, uint8 (N, H, W) → float32 (N, 1, H, W)
    augment : callable or None
        For :class:`qbref.data.Loader`.
    """

    def __init__(self, name, images, prepare, augment=None):
        self.name, self.images, self.prepare, self.augment = name, images, prepare, augment

    def __repr__(self):
        return f"Problem({self.name!r}, {len(self.y_train)} to train on, {len(self.y_test)} to test with)"

    @cached_property
    def x_train(self):
        """float32 (N, 1, H, W)."""
        return self.prepare(self.images.x_train)

    @cached_property
    def x_test(self):
        """float32 (N, 1, H, W)."""
        return self.prepare(self.images.x_test)

    @property
    def y_train(self):
        """Labels (N,)."""
        return self.images.y_train

    @property
    def y_test(self):
        """Labels (N,)."""
        return self.images.y_test

    def batches(self, n=512):
        """The first `n` training images, prepared, in batches of 64: to calibrate with."""
        return [self.x_train[i : min(i + BATCH, n)] for i in range(0, n, BATCH)]

    def train(self, model, epochs, lr, report=None, augment=True, after_step=None):
        """Adam with 50 warm-up steps and a cosine to zero, batches of 64.

        Parameters
        ----------
        model : Module
            Trained in place; left in evaluation mode.
        epochs : int
        lr : float
            Peak of the schedule.
        report : callable, optional
            ``report(fraction done, note)`` after every epoch.
        augment : bool
            Whether to move the images about, where the problem says how.
        after_step : callable, optional
            ``after_step(model)`` after every step: masks that keep removed weights at zero, for example.

        Returns
        -------
        float array (epochs,)
            Mean loss of each epoch.
        """
        change = self.augment if augment else None
        loader = data.Loader(self.images.x_train, self.y_train, BATCH, augment=change)
        optimizer = optim.Adam(model.parameters(), lr=lr)
        steps = epochs * len(loader)
        schedule = optim.WarmupCosineLR(optimizer, steps, warmup_steps=min(50, steps // 4))
        model.train()
        means = []
        for epoch in range(epochs):
            losses = []
            for batch, target in loader:
                loss = F.cross_entropy(model(Tensor(self.prepare(batch))), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if after_step is not None:
                    after_step(model)
                schedule.step()
                losses.append(loss.item())
            means.append(np.mean(losses))
            if report is not None:
                report((epoch + 1) / epochs, f"loss {means[-1]:.3f}")
        model.eval()
        return np.array(means)

    def correct(self, model, x=None):
        """Which test images the model classifies correctly: bool (N,).

        Parameters
        ----------
        model : Module or IntegerModel
        x : float32 array (N, 1, H, W), optional
            In place of the test images, for the same labels.
        """
        return scores(model, self.x_test if x is None else x).argmax(axis=1) == self.y_test


def scores(model, x, batch=256):
    """What a model makes of `x`, batch by batch, without a graph: an array of its outputs."""
    parts = np.array_split(x, -(-len(x) // batch))
    if hasattr(model, "run"):
        return np.concatenate([model.run(part) for part in parts])
    with no_grad():
        return np.concatenate([model(Tensor(part)).data for part in parts])


def prepare_fashion(images):
    """Bytes (N, 28, 28) → float32 (N, 1, 28, 28) of about zero mean and unit variance."""
    return data.normalize(images, FASHION_MEAN, FASHION_STD)


def prepare_digits(images):
    """0 to 16 (N, 8, 8) → float32 (N, 1, 8, 8) from 0 to 1."""
    return (images[:, None] / 16).astype(np.float32)


@cache
def fashion():
    """Fashion-MNIST: the bundled 3,000 + 10,000 images, or those in the folder ``QBREF_DATA``.

    A quick run tests with the first thousand.
    """
    elsewhere = os.environ.get("QBREF_DATA")
    images = data.read_mnist_folder(elsewhere) if elsewhere else data.fashion_mnist()
    if quick():
        images = images._replace(
            x_test=images.x_test[:QUICK_TEST_IMAGES], y_test=images.y_test[:QUICK_TEST_IMAGES]
        )
    return Problem(
        "Fashion-MNIST", images, prepare_fashion, data.compose(data.random_flip(), data.random_shift(2))
    )


@cache
def digits():
    """Handwritten digits, 8 x 8, 1,437 + 360: for experiments that train many networks."""
    return Problem("UCI digits", data.uci_digits(), prepare_digits)


def fashion_cnn(seed=0):
    """The tour's float network, trained on :func:`fashion`: a :class:`Trained`, kept."""
    return trained(float_network, lambda model: fashion().train(model, epochs_here(16), 2e-3), seed)


def fashion_binary(seed=0):
    """The tour's binary network, trained on :func:`fashion`: a :class:`Trained`, kept.

    Its first and last layer are real until ``ptq.quantize_static`` makes them 8-bit.
    """
    return trained(binary_network, lambda model: fashion().train(model, epochs_here(16), 1e-2), seed)


def digits_cnn(seed=0, width=16):
    """A small float network, trained on :func:`digits`: a :class:`Trained`, kept."""
    return trained(
        lambda: digits_network(width), lambda model: digits().train(model, epochs_here(12), 5e-3), seed
    )
