"""Quantization-aware training: the network learns while its weights and activations are rounded."""

from qbref.qat.prepare import freeze, prepare

__all__ = ["freeze", "prepare"]
