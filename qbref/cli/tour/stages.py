"""The models of the tour: one float network, six quantized descendants."""

from typing import NamedTuple

from qbref import calibration, lab, ptq, qat, qnn


class Settings(NamedTuple):
    """Epochs of each training, and how many test images are looked at."""

    float_epochs: int
    qat_epochs: int
    binary_weight_epochs: int
    binary_epochs: int
    test_images: int = 10_000


QUICK = Settings(2, 1, 2, 2, 2_000)
STANDARD = Settings(16, 4, 12, 18)
FULL = Settings(20, 10, 20, 30)

# The image itself keeps 8 bits: it is data, not an activation that the network could adapt.
INT4 = qnn.QuantConfig(
    weights=qnn.int_weights(4, clip="mse"),
    activations=qnn.Uniform(4),
    observer=calibration.MSE,
    overrides={"input": {"activations": qnn.Uniform(8)}},
)


class Tour:
    """Builds each model when asked; a name of :data:`MODELS` is a method's.

    Parameters
    ----------
    problem : lab.Problem
    settings : Settings
    """

    def __init__(self, problem, settings):
        self.problem, self.settings = problem, settings
        self.batches = problem.batches(512)

    def float32(self, progress):
        """Trained in float."""
        self.network = lab.float_network()
        self._train(self.network, self.settings.float_epochs, 2e-3, progress)
        return self.network

    def ptq_int8(self, progress):
        """8-bit weights and activations, calibrated on 512 training images."""
        return ptq.quantize_static(self.network, self.batches)

    def ptq_int4(self, progress):
        """4-bit weights and activations, calibrated."""
        return ptq.quantize_static(self.network, self.batches, INT4)

    def qat_int4(self, progress):
        """4-bit weights and activations, trained on from the float network."""
        q = qat.prepare(self.network, INT4, self.batches)
        self._train(q, self.settings.qat_epochs, 5e-4, progress)
        return q

    def lut_4bit(self, progress):
        """Sixteen k-means values per layer, 8-bit activations."""
        return ptq.quantize_static(self.network, self.batches, qnn.QuantConfig(weights=qnn.Lut(4)))

    def binary_weights(self, progress):
        """One bit per weight from the first step of training, 8-bit activations."""
        network = lab.binary_weight_network()
        self._train(network, self.settings.binary_weight_epochs, 5e-3, progress)
        return ptq.quantize_static(network, self.batches)

    def binary_network(self, progress):
        """One bit per weight and activation between an 8-bit first and last layer."""
        network = lab.binary_network()
        self._train(network, self.settings.binary_epochs, 1e-2, progress)
        return ptq.quantize_static(network, self.batches)

    def _train(self, model, epochs, lr, progress):
        self.problem.train(model, epochs, lr, progress)


MODELS = {
    "float32": Tour.float32,
    "PTQ int8": Tour.ptq_int8,
    "PTQ int4": Tour.ptq_int4,
    "QAT int4": Tour.qat_int4,
    "LUT 4-bit": Tour.lut_4bit,
    "binary weights": Tour.binary_weights,
    "binary network": Tour.binary_network,
}
