"""What quantized Linear and Conv2d share: three quantizers around one product."""

import numpy as np

from qbref.autograd import Tensor
from qbref.nn import functional as F
from qbref.qnn.activations import any_passes_through
from qbref.qnn.arithmetic import product_arithmetic
from qbref.quant.affine import quantize

NO_BOUNDS = (-np.inf, np.inf)


class Product:
    """Mixin: a layer ``y = activation(x * w + b)`` whose x, w and y are quantized.

    In training mode the layer works in float on fake-quantized weights and rounds its output, so that
    gradients reach the latent weights. In evaluation mode it computes what the integer engine computes:
    integer sums, formed exactly in float64, and the engine's own requantization. Fake-quantized and
    integer networks agree to the last bit for that reason.

    Attributes
    ----------
    weight : Parameter
        The latent weights, in float; training moves these.
    weight_quantizer : WeightQuantizer
        Latent weights to few levels; see :mod:`qbref.qnn.weights`.
    output_quantizer : ActivationQuantizer or None
        None: the accumulators are handed on (to a sign, or out of the network).
    input_quantizer : ActivationQuantizer, Sign or None
        The quantizer that made this layer's input: a link, owned by the layer before. None: the input
        is real, and so is the arithmetic.
    bounds : (float, float)
        Of the fused activation.
    requantize_mode : str
    channel_axis : int
        Of the layer's result: 1 for images (N, C, H, W), -1 for features (..., C).
    """

    channel_axis = 1

    def set_quantizers(self, weight, input=None, output=None, bounds=NO_BOUNDS, requantize_mode="single"):
        """Attach the quantizers; returns the layer."""
        self.weight_quantizer = weight
        self._input_link = (input,)
        self.output_quantizer = output
        self.bounds, self.requantize_mode = bounds, requantize_mode
        return self

    @property
    def input_quantizer(self):
        """The quantizer of the layer's input, or None."""
        return self._input_link[0]

    def latent(self):
        """The (weight, bias) of which the quantized layer is made, as Tensors; the bias may be None."""
        return self.weight, self.bias

    def quantized_weight(self):
        """The weights in use, as a Tensor: of few levels, where ``weight`` holds the latent ones."""
        weight, _ = self.latent()
        return self.weight_quantizer(weight) if self.weight_quantizer.enabled else weight

    def forward(self, x):
        """Quantized product of `x`, float in and float out."""
        if self._runs_in_float:
            _, bias = self.latent()
            y = bounded(self.product(x, self.quantized_weight(), bias), self.bounds)
            return y if self.output_quantizer is None else self.output_quantizer(y)
        return Tensor(self.simulate(x.data))

    @property
    def _runs_in_float(self):
        if self.training or self.input_quantizer is None or not self.weight_quantizer.enabled:
            return True
        return any_passes_through(self.input_quantizer, self.output_quantizer)

    def levels(self):
        """The weights in use as integers: :class:`qbref.qnn.Levels`."""
        weight, _ = self.latent()
        return self.weight_quantizer.levels(weight.data)

    def arithmetic(self):
        """The layer's integers: :class:`qbref.qnn.arithmetic.ProductArithmetic`."""
        _, bias = self.latent()
        return product_arithmetic(
            self.levels(),
            None if bias is None else bias.data,
            self.input_quantizer.params,
            None if self.output_quantizer is None else self.output_quantizer.params,
            self.bounds,
            self.requantize_mode,
        )

    def simulate(self, x):
        """Real values in, the integer engine's result as real values out (ndarrays)."""
        integers = self.arithmetic()
        q = quantize(x, integers.input).astype(np.float64) - float(integers.input.zero_point)
        # float64 holds every partial sum exactly: they are integers below 2**53.
        sums = self.product(Tensor(q), Tensor(integers.weights.q.astype(np.float64)), None).data
        accumulator = np.moveaxis(sums, self.channel_axis, -1).astype(np.int32) + integers.bias
        return np.moveaxis(integers.real(integers.finish(accumulator)), -1, self.channel_axis)


def quantized_weights(model):
    """{dotted path: ndarray} of the weights in use, where ``state_dict()`` holds the latent ones.

    Parameters
    ----------
    model : Module

    Returns
    -------
    dict of str to float32 ndarray
        The keys are those of ``state_dict()``; only layers that quantize their weights are in, dynamic
        layers and embeddings too.

    Examples
    --------
    >>> from qbref import nn, qnn
    >>> model = nn.Sequential(qnn.BinaryLinear(3, 1, bias=False), nn.ReLU())
    >>> model[0].weight.data[:] = 0.5, -1.0, 0.0
    >>> model.state_dict()["0.weight"], qnn.quantized_weights(model)["0.weight"]
    (array([[ 0.5, -1. ,  0. ]], dtype=float32), array([[ 0.5, -0.5,  0.5]], dtype=float32))
    """
    layers = ((path, module) for path, module in model.named_modules() if hasattr(module, "quantized_weight"))
    return {f"{path}.weight" if path else "weight": layer.quantized_weight().data for path, layer in layers}


def bounded(y, bounds):
    """The fused activation, given by its bounds: none, ReLU, ReLU6 or Hardtanh."""
    low, high = bounds
    if bounds == NO_BOUNDS:
        return y
    if bounds == (0.0, np.inf):
        return F.relu(y)
    return F.hardtanh(y, low, high)


def conv_shape(layer):
    """The geometry of a Conv2d, as its constructor takes it."""
    shape = layer.in_channels, layer.out_channels, layer.kernel_size
    return *shape, layer.stride, layer.padding, layer.dilation, layer.groups


def with_state_of(layer, cls, *shape):
    """A layer of class `cls` with the weights and bias of `layer`."""
    # Its initial weights are replaced at once, so they do not come from the shared generator.
    made = cls(*shape, bias=layer.bias is not None, rng=np.random.default_rng(0))
    for name, parameter in layer.named_parameters():
        getattr(made, name).data[...] = parameter.data
    if hasattr(layer, "moments"):
        made.moments = layer.moments
    return made
