"""Numbers in few bits: uniform quantizers, lookup tables, fixed-point multipliers, packing."""

from qbref.quant.affine import dequantize, fake_quantize, quantize
from qbref.quant.fixed_point import (
    dequantize_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_shift_right,
    saturating_rounding_doubling_high_mul,
)
from qbref.quant.kmeans import kmeans_1d
from qbref.quant.lut import Codebook, dequantize_lut, fit_codebook, quantize_lut
from qbref.quant.packing import pack_int2, pack_int4, unpack_int2, unpack_int4
from qbref.quant.params import QuantParams
from qbref.quant.ranges import integer_range, params_from_range, range_of
from qbref.quant.rounding import ROUNDINGS, round_half_away, round_half_even, round_half_up

__all__ = [
    "ROUNDINGS",
    "Codebook",
    "QuantParams",
    "dequantize",
    "dequantize_lut",
    "dequantize_multiplier",
    "fake_quantize",
    "fit_codebook",
    "integer_range",
    "kmeans_1d",
    "pack_int2",
    "pack_int4",
    "params_from_range",
    "quantize",
    "quantize_lut",
    "quantize_multiplier",
    "range_of",
    "round_half_away",
    "round_half_even",
    "round_half_up",
    "rounding_divide_by_power_of_two",
    "rounding_shift_right",
    "saturating_rounding_doubling_high_mul",
    "unpack_int2",
    "unpack_int4",
]
