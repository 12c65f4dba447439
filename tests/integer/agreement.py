"""A network's simulation and its integers, compared on both backends and through a file."""

import numpy as np

import qbref as qb
from qbref import integer, kernels, nn
from qbref.kernels.backend import default

RNG = np.random.default_rng(11)
IMAGES = RNG.standard_normal((20, 3, 9, 10)).astype(np.float32)
BACKENDS = [kernels, default()]


def shake(model):
    """Batch norms as training would leave them: the data's statistics, every sign of gamma, and zero."""
    rng = np.random.default_rng(12)
    norms = [module for module in model.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm in norms:
        n, norm.momentum = norm.num_features, 1.0
        norm.weight.data = (rng.standard_normal(n) * (rng.random(n) > 0.15)).astype(np.float32)
        norm.bias.data = (0.3 * rng.standard_normal(n)).astype(np.float32)
    model.train()(qb.Tensor(IMAGES))
    return model.eval()


def check_agreement(q, x, tmp_path):
    model = integer.convert(q)
    model.save(tmp_path / "model.npz")
    loaded = integer.load(tmp_path / "model.npz")
    for backend in BACKENDS:
        assert integer.count_differences(q, model, x, backend) == 0
        assert integer.count_differences(q, loaded, x, backend) == 0
    assert len(np.unique(model.run(x))) > 10  # the comparison is not between constants
    return model
