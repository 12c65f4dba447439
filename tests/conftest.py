"""The suite also runs on the pure NumPy package: no twins to compare, and its one warning is no error."""

from types import SimpleNamespace

import numpy as np
import pytest

import qbref as qb
import qbref.nn.functional as F
from qbref import data, nn, optim

try:
    import qbref_core  # noqa: F401

    COMPILED = True
except ImportError:
    COMPILED = False

collect_ignore = [] if COMPILED else ["test_twins.py", "core"]


def pytest_configure(config):
    """Expect the warning of the pure package."""
    if not COMPILED:
        config.addinivalue_line("filterwarnings", "ignore:qbref_core is not compiled:RuntimeWarning")


def pytest_report_header(config):
    """Say which of the two is being tested."""
    return "kernels: " + ("compiled" if COMPILED else "NumPy only, the compiled twins are not compared")


@pytest.fixture(scope="session")
def digits():
    """The bundled UCI digits as a network takes them: x float32 (N, 1, 8, 8) in 0..1, y the classes."""
    images = data.uci_digits()
    x_train, x_test = ((x[:, None] / 16).astype(np.float32) for x in (images.x_train, images.x_test))
    return SimpleNamespace(x_train=x_train, y_train=images.y_train, x_test=x_test, y_test=images.y_test)


@pytest.fixture(scope="session")
def train(digits):
    """train(model, epochs, lr, seed=0, after_step=None): Adam on the digits; leaves evaluation mode."""

    def train(model, epochs, lr, seed=0, after_step=None):
        optimizer = optim.Adam(model.parameters(), lr=lr)
        loader = data.Loader(digits.x_train, digits.y_train, 64, rng=np.random.default_rng(seed))
        model.train()
        for _ in range(epochs):
            for x, y in loader:
                loss = F.cross_entropy(model(qb.Tensor(x)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if after_step is not None:
                    after_step(model)
        return model.eval()

    return train


@pytest.fixture(scope="session")
def accuracy(digits):
    """accuracy(model): share of the test digits that a model in evaluation mode gets right."""

    def accuracy(model):
        with qb.no_grad():
            logits = model(qb.Tensor(digits.x_test)).data
        return float((logits.argmax(axis=1) == digits.y_test).mean())

    return accuracy


@pytest.fixture(scope="session")
def digits_network(train):
    """A convolutional network trained on the digits; not to be changed."""
    rng = np.random.default_rng(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=rng),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 32, rng=rng),
        nn.ReLU(),
        nn.Linear(32, 10, rng=rng),
    )
    return train(network, epochs=6, lr=5e-3)
