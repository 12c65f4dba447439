"""From a `qnn` model to integers: one door for post-training, quantization-aware and binary networks."""

from dataclasses import replace

import numpy as np

from qbref import nn, qnn
from qbref.autograd import Tensor, no_grad
from qbref.binary.threshold import integer_threshold
from qbref.integer.binary import BinaryConv2d, BinaryLinear, Threshold
from qbref.integer.border import Dequantize, Quantize
from qbref.integer.convert_dynamic import DYNAMIC, convert_dynamic
from qbref.integer.geometry import Geometry
from qbref.integer.layer import named
from qbref.integer.model import IntegerModel
from qbref.integer.product import Conv2d, Linear
from qbref.integer.shape import Add, AvgPool2d, Flatten, MaxPool2d, ReLU
from qbref.integer.store import runs_on_signs, store, store_groups, store_sign_products
from qbref.qnn.arithmetic import INT32_MAX, Clip, real_value
from qbref.qnn.build import BATCH_NORMS, flatten
from qbref.qnn.product import Product
from qbref.qnn.report import Report
from qbref.qnn.xnor_conv import XNORConv2d


def convert(q):
    """The integer model that computes, bit for bit, what the `qnn` model `q` computes in evaluation mode.

    Parameters
    ----------
    q : Module
        From :func:`qbref.ptq.quantize_static`, :func:`qbref.qat.prepare` (after training) or
        :func:`qbref.ptq.quantize_dynamic`. Not changed.

    Returns
    -------
    IntegerModel
        With `report`: every layer of `q` and what became of it.

    Raises
    ------
    ValueError
        If `q` was not quantized, a quantizer has seen no data, a grid has more than 8 bits, or a layer
        has no integer form; the message names the layer's path.

    Examples
    --------
    >>> import numpy as np, qbref as qb
    >>> from qbref import integer, nn, ptq
    >>> qb.manual_seed(0)
    >>> x = qb.random.default_rng().standard_normal((32, 4), dtype="float32")
    >>> q = ptq.quantize_static(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), [x])
    >>> m = integer.convert(q)
    >>> bool((m.run(x) == q(qb.Tensor(x)).data).all())
    True
    """
    items = flatten(q)
    if not items:
        raise ValueError("q must hold at least one layer, got none")
    for path, module in items:
        if isinstance(module, XNORConv2d):
            raise ValueError(
                f"layer {path!r} must have no scale for each pixel to run on integers, got XNORConv2d: use "
                "BinaryConv2d, as XNOR-Net's released code does"
            )
    if isinstance(items[0][1], qnn.Quantize):
        return _convert_static(items)
    if any(isinstance(module, DYNAMIC) for module in q.modules()):
        return convert_dynamic(items)
    raise ValueError(
        f"q must come from ptq or qat, got a model that begins with {type(items[0][1]).__name__}"
    )


def _convert_static(items):
    (path, border), *items = items
    converter = _Converter(path, named(path, lambda: border.output_quantizer.params))
    layers = converter.chain(items)
    scale = converter.scale
    zero_point = 0 if converter.params is None else int(converter.params.zero_point)
    dequantize = Dequantize("output", np.asarray(scale, np.float64), zero_point)
    converter.report.add("output", "Dequantize", "integers become real numbers")
    return IntegerModel([*converter.border, *layers, dequantize], converter.report)


class _Converter:
    """Walks a chain of `qnn` layers and knows the grid of the values that travel along it.

    Attributes
    ----------
    params : QuantParams or None
        The grid; None while values are accumulators.
    scale : float or float64 ndarray (C,)
        One unit of the grid or of the accumulators.
    channels : int or None
        Of the images that travel, if a convolution has said it.
    """

    def __init__(self, path, params, report=None, channels=None):
        self.report = Report() if report is None else report
        self.channels = channels
        self.packs_pixels = False
        self._on_grid(path, params)
        self.border = [Quantize(path, params)] if report is None else []
        if report is None:
            self.report.add(path, "Quantize", f"real numbers become {params.dtype} integers")

    def _on_grid(self, path, params):
        if params.n_bits > 8:
            raise ValueError(f"layer {path!r} must have activations of at most 8 bits, got {params.n_bits}")
        self.params, self.scale = params, float(params.scale)

    def chain(self, items):
        """Integer layers for `qnn` layers."""
        layers, items = [], list(items)
        while items:
            path, module = items.pop(0)
            layer = self._step(path, module, items)
            if layer is None:
                action = "dropped: acts in training only"
            elif isinstance(layer, MaxPool2d) and layers and _pools_first(layers[-1]):
                layers[-1] = replace(layers[-1], pool=layer)
                action = f"done inside layer {layers[-1].path}, before it requantizes"
            else:
                layers.append(layer)
                action = layer.describe() or "integers in, integers out"
            self.report.add(path, module, action)
        return layers

    def _step(self, path, module, items):
        for kinds, step in (
            (Product, self._product),
            (qnn.Residual, self._residual),
            (qnn.AvgPool2d, self._average),
            ((qnn.Sign, *BATCH_NORMS), self._threshold),
            (nn.MaxPool2d, self._max_pool),
            (nn.Flatten, self._flatten),
            (nn.ReLU, self._relu),
            (nn.Dropout, lambda *_: None),
        ):
            if isinstance(module, kinds):
                return named(path, step, path, module, items)
        raise ValueError(f"layer {path!r} must be one with an integer form, got {type(module).__name__}")

    def _product(self, path, module, items):
        integers = module.arithmetic()
        xnor = runs_on_signs(module, integers.weights)
        if isinstance(module, nn.Conv2d):
            layer = (self._binary_conv if xnor else self._conv)(path, module, integers)
            self.channels = module.out_channels
        else:
            layer = (self._binary_linear if xnor else self._linear)(path, module, integers)
            self.channels = None
        self.packs_pixels = False
        if integers.output is None:
            self.params, self.scale = None, integers.scale
        else:
            self._on_grid(path, integers.output)
        return layer

    def _linear(self, path, module, integers):
        _check_depth(path, integers)
        weights = store(path, integers.weights, integers.weights.q)
        return Linear(path, weights, integers.bias, int(integers.input.zero_point), integers.finish)

    def _conv(self, path, module, integers):
        if module.padding_value != 0:
            raise ValueError(
                f"layer {path!r} must pad with 0 to be an int8 product, got {module.padding_value}"
            )
        _check_depth(path, integers)
        filters = integers.weights.q.transpose(0, 2, 3, 1).reshape(module.out_channels, -1)
        codes = integers.weights.codes
        if codes is not None:
            codes = codes.transpose(0, 2, 3, 1).reshape(filters.shape)
        weights = store_groups(path, integers.weights, filters, codes, module.groups)
        zero_point = int(integers.input.zero_point)
        return Conv2d(path, weights, integers.bias, zero_point, integers.finish, Geometry.of(module))

    def _binary_linear(self, path, module, integers):
        q = integers.weights.q
        channels = q.shape[1]
        if self.packs_pixels:
            channels = self.channels
            q = q.reshape(len(q), channels, -1).transpose(0, 2, 1).reshape(len(q), -1)
        weights = store_sign_products(integers.weights, q, channels)
        return BinaryLinear(path, weights, integers.bias, integers.finish)

    def _binary_conv(self, path, module, integers):
        filters = integers.weights.q.transpose(0, 2, 3, 1).reshape(module.out_channels, -1)
        weights = store_sign_products(integers.weights, filters, module.in_channels)
        geometry = Geometry.of(module)
        return BinaryConv2d(path, weights, integers.bias, integers.finish, geometry, module.padding_value)

    def _threshold(self, path, module, items):
        norm = None
        if not isinstance(module, qnn.Sign):
            norm, (_, module) = module, items.pop(0)
        named_channels = max(1 if norm is None else norm.num_features, module.num_channels)
        channels = max(named_channels, np.size(self.scale))
        decides_plus = self._decides_plus(norm, module)
        threshold, flip = integer_threshold(decides_plus, -INT32_MAX, INT32_MAX, channels)
        self._on_grid(path, module.params)
        return Threshold(path, threshold, flip, self._packs(items), named_channels > 1)

    def _decides_plus(self, norm, sign):
        """Whether the float network makes +1 of an integer: asked, not derived, so that near-ties agree."""
        zero_point = 0 if self.params is None else int(self.params.zero_point)
        shape = (1, -1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (1, -1)

        def decides_plus(q):
            x = Tensor(real_value(q, self.scale, zero_point).reshape(shape))
            with no_grad():
                y = sign(x if norm is None else norm(x))
            return y.data.reshape(-1) > 0

        return decides_plus

    def _packs(self, items):
        """Whether the next product takes packed signs in the order in which pixels hold them."""
        flattened = False
        for path, module in items:
            if isinstance(module, Product):
                if not runs_on_signs(module, named(path, module.arithmetic).weights):
                    return False
                packs = not flattened or self.channels is not None
                self.packs_pixels = flattened and packs
                return packs
            if isinstance(module, nn.Flatten):
                flattened = True
            elif not isinstance(module, (nn.MaxPool2d, nn.Dropout)):
                return False
        return False

    def _residual(self, path, module, items):
        branches = []
        for name, branch in (("body", module.body), ("shortcut", module.shortcut)):
            part = _Converter(path, self.params, self.report, self.channels)
            branches.append(
                tuple(part.chain(flatten(branch, f"{path}.{name}"))) if branch is not None else ()
            )
        self._on_grid(path, module.output_quantizer.params)
        self.channels = part.channels if module.shortcut is not None else self.channels
        return Add(path, *branches, module.arithmetic())

    def _average(self, path, module, items):
        zero_point = int(self.params.zero_point)
        self._on_grid(path, module.output_quantizer.params)
        return AvgPool2d(path, Geometry.of(module), zero_point, module.requantizer())

    def _max_pool(self, path, module, items):
        return MaxPool2d(path, Geometry.of(module))

    def _flatten(self, path, module, items):
        if not self.packs_pixels:
            self.channels = None
        return Flatten(path)

    def _relu(self, path, module, items):
        return ReLU(path, 0 if self.params is None else int(self.params.zero_point))


def _check_depth(path, integers):
    """Refuse rows that kernels refuse: those that could leave int32 with other bytes for weights."""
    zero_point, dtype = int(integers.input.zero_point), np.iinfo(integers.input.dtype)
    peak = 128 * max(dtype.max - zero_point, zero_point - dtype.min)
    reach = integers.weights.q[0].size * peak + int(np.abs(integers.bias.astype(np.int64)).max(initial=0))
    if reach > INT32_MAX:
        raise ValueError(f"layer {path!r} must sum within int32 for any int8 weights, got a reach of {reach}")


def _pools_first(layer):
    """Whether max pooling may go before the end of `layer`: its multipliers must not wrap (no left shift)."""
    if not isinstance(layer, (Conv2d, BinaryConv2d)) or layer.pool is not None:
        return False
    return isinstance(layer.finish, Clip) or bool((layer.finish.shift <= 0).all())
