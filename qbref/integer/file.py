"""Integer models on disk: one .npz of plain arrays, no pickle, a version and a checksum.

``layers.json`` (bytes of UTF-8 JSON) describes the layers; arrays are named ``a0``, ``a1``, … and the
JSON refers to them by name. ``sha256`` covers the JSON and every array, so that a changed byte is
found before anything runs. Arrays are stored uncompressed: a file cannot unpack to more than its size.
"""

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from qbref.integer.attention import Embedding, LayerNorm, MultiheadAttention, TransformerEncoderLayer
from qbref.integer.binary import BinaryConv2d, BinaryLinear, Threshold
from qbref.integer.border import Dequantize, Quantize
from qbref.integer.dynamic import BitLinear, DynamicConv2d, DynamicLinear, FloatLayer
from qbref.integer.geometry import Geometry
from qbref.integer.product import Conv2d, Linear
from qbref.integer.shape import Add, AvgPool2d, Flatten, MaxPool2d, ReLU
from qbref.integer.sign_products import TernaryXnorWeights, XnorWeights
from qbref.integer.weights import IntWeights, LutWeights, SignWeights
from qbref.nn import serialization
from qbref.qnn.arithmetic import Clip, Requantizer
from qbref.qnn.report import Entry, Report
from qbref.qnn.residual import AddArithmetic
from qbref.quant.params import QuantParams

VERSION = 2  # 1 knew no ternary weights on packed signs, no 2-bit tables, no BitLinear and no attention
READABLE = 1, 2
LAYERS = (
    *(Quantize, Dequantize, Linear, Conv2d, BinaryLinear, BinaryConv2d, Threshold),
    *(MaxPool2d, AvgPool2d, Flatten, ReLU, Add, DynamicLinear, DynamicConv2d, BitLinear, FloatLayer),
    *(Embedding, LayerNorm, MultiheadAttention, TransformerEncoderLayer),
)
PARTS = (
    IntWeights,
    LutWeights,
    SignWeights,
    XnorWeights,
    TernaryXnorWeights,
    Geometry,
    Requantizer,
    Clip,
    AddArithmetic,
    QuantParams,
)
TYPES = {cls.__name__: cls for cls in (*LAYERS, *PARTS)}


def write(path, layers, report):
    """Write layers and their report to `path`, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written under this very name; an existing file is replaced only once the new one is complete.
    layers : sequence of Layer
    report : Report
    """
    arrays = {}
    header = {
        "format": "qbref integer model",
        "version": VERSION,
        "layers": [_encode(layer, arrays) for layer in layers],
        "report": [list(entry) for entry in report],
    }
    text = np.frombuffer(json.dumps(header, ensure_ascii=False).encode(), np.uint8)
    digest = np.frombuffer(_digest(text, arrays), np.uint8)
    serialization.save({"layers.json": text, "sha256": digest, **arrays}, path)


def read(path):
    """Read (layers, report) back, checked before anything can run; errors as :func:`qbref.integer.load`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must name an integer model file, got {str(path)!r}")
    try:
        arrays = serialization.load(path)
    except ValueError as error:
        raise ValueError(f"{path.name} must be a complete qbref integer model file: {error}") from error
    text, digest = (arrays.pop(name, None) for name in ("layers.json", "sha256"))
    if text is None or digest is None:
        raise ValueError(f"{path.name} must be a qbref integer model, got no layers.json or no sha256 in it")
    if bytes(digest) != _digest(text, arrays):
        raise ValueError(f"{path.name} must match its checksum, got altered content")
    try:
        return _parse(json.loads(bytes(text).decode()), arrays)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} must describe a valid integer model, got: {error}") from error


def _parse(header, arrays):
    if header["format"] != "qbref integer model" or header["version"] not in READABLE:
        raise ValueError(f"version must be one of {READABLE}, got {header['version']!r}")
    layers = [_decode(item, arrays) for item in header["layers"]]
    if not layers or not all(isinstance(layer, LAYERS) for layer in layers):
        raise ValueError("layers must be a list of integer layers")
    if not all(isinstance(text, str) for entry in header["report"] for text in entry):
        raise ValueError("report must hold texts only")
    return layers, Report(Entry(*entry) for entry in header["report"])


def _digest(text, arrays):
    sha = hashlib.sha256(text.tobytes())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"{name}{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.digest()


def _encode(value, arrays):
    """Layers and their parts → JSON; arrays go to `arrays` and leave their name."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.dtype):
        return value.name
    if is_dataclass(value):
        return {
            "type": type(value).__name__,
            **{field.name: _encode(getattr(value, field.name), arrays) for field in fields(value)},
        }
    if isinstance(value, (tuple, list)):
        return [_encode(item, arrays) for item in value]
    return value


def _decode(value, arrays):
    if isinstance(value, list):
        return tuple(_decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    cls = TYPES[value["type"]]
    return cls(**{name: _decode(item, arrays) for name, item in value.items() if name != "type"})
