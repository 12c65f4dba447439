"""Numbers in few bits: uniform quantizers, lookup tables, small floats, fixed-point multipliers, packing."""

from qbref.quant import codebooks
from qbref.quant.affine import dequantize, fake_quantize, quantize
from qbref.quant.fixed_point import (
    dequantize_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_shift_right,
    saturating_rounding_doubling_high_mul,
)
from qbref.quant.formats import FORMATS, FloatFormat
from qbref.quant.huffman import CompressedSize, huffman_lengths, huffman_size
from qbref.quant.kmeans import kmeans_1d
from qbref.quant.lut import Codebook, dequantize_lut, fit_codebook, quantize_lut
from qbref.quant.microscaling import MXArray, dequantize_mx, quantize_mx
from qbref.quant.minifloat import bits_to_float, cast_float, float_to_bits
from qbref.quant.packing import pack_int2, pack_int4, unpack_int2, unpack_int4
from qbref.quant.params import QuantParams
from qbref.quant.ranges import integer_range, params_from_range, range_of
from qbref.quant.rounding import ROUNDINGS, round_half_away, round_half_even, round_half_up
from qbref.quant.weight_sharing import levels_gradient, step_levels

__all__ = [
    "FORMATS",
    "ROUNDINGS",
    "Codebook",
    "CompressedSize",
    "FloatFormat",
    "MXArray",
    "QuantParams",
    "bits_to_float",
    "cast_float",
    "codebooks",
    "dequantize",
    "dequantize_lut",
    "dequantize_multiplier",
    "dequantize_mx",
    "fake_quantize",
    "fit_codebook",
    "float_to_bits",
    "huffman_lengths",
    "huffman_size",
    "integer_range",
    "kmeans_1d",
    "levels_gradient",
    "pack_int2",
    "pack_int4",
    "params_from_range",
    "quantize",
    "quantize_lut",
    "quantize_multiplier",
    "quantize_mx",
    "range_of",
    "round_half_away",
    "round_half_even",
    "round_half_up",
    "rounding_divide_by_power_of_two",
    "rounding_shift_right",
    "saturating_rounding_doubling_high_mul",
    "step_levels",
    "unpack_int2",
    "unpack_int4",
]
