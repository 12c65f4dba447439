"""Small floating-point formats: a sign, an exponent and a mantissa in 4 to 16 bits.

    value = (−1)^sign · 2^(exponent − bias) · (1 + mantissa / 2^m)      exponent field > 0
    value = (−1)^sign · 2^(1 − bias) · (mantissa / 2^m)                 exponent field = 0: subnormal

============  ====  =========  ========  ==========================  ==========================
name          bits  exponent   mantissa  largest finite value        infinity, NaN
============  ====  =========  ========  ==========================  ==========================
``fp16``      16    5          10        65504                       as IEEE 754
``bf16``      16    8          7         3.39e38                     as IEEE 754
``fp8_e5m2``  8     5          2         57344                       as IEEE 754
``fp8_e4m3``  8     4          3         448                         no infinity; NaN = 0x7f, 0xff
``fp6_e3m2``  6     3          2         28                          neither
``fp6_e2m3``  6     2          3         7.5                         neither
``fp4_e2m1``  4     2          1         6                           neither
============  ====  =========  ========  ==========================  ==========================

Sources: IEEE 754-2019 (FP16); Micikevicius et al., "FP8 Formats for Deep Learning" (arXiv 2209.05433,
table 1); OCP Microscaling Formats v1.0, section 5.3 (FP8, FP6, FP4). ``fp8_e4m3`` is E4M3FN in ONNX.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """The fields of a format and what follows from them.

    Without the sign, the codes of finite values count upward with the value: 0, the subnormals, then
    one run of ``2^mantissa_bits`` codes for each power of two up to `max_code`.

    Parameters
    ----------
    exponent_bits, mantissa_bits : int
    specials : {"ieee", "nan", "none"}
        What the highest codes mean. "ieee": the top exponent holds infinity and NaN. "nan": only the
        very last code is special, NaN. "none": every code is a number.

    Examples
    --------
    >>> FORMATS["fp8_e4m3"].max, FORMATS["fp8_e4m3"].min_normal, FORMATS["fp8_e4m3"].min_subnormal
    (448.0, 0.015625, 0.001953125)
    """

    exponent_bits: int
    mantissa_bits: int
    specials: str

    @property
    def n_bits(self):
        """Bits of a code, with the sign."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self):
        """What the exponent field counts from: 2^(exponent_bits − 1) − 1."""
        return 2 ** (self.exponent_bits - 1) - 1

    @property
    def emin(self):
        """Exponent of the smallest normal number, and of the subnormals."""
        return 1 - self.bias

    @property
    def emax(self):
        """Exponent of the largest finite number."""
        return 2**self.exponent_bits - 1 - self.bias - (self.specials == "ieee")

    @property
    def max_code(self):
        """Code of the largest finite number."""
        runs = 2**self.exponent_bits - (self.specials == "ieee")
        return runs * 2**self.mantissa_bits - 1 - (self.specials == "nan")

    @property
    def max(self):
        """The largest finite number."""
        steps = self.max_code % 2**self.mantissa_bits
        return 2.0**self.emax * (1 + steps / 2**self.mantissa_bits)

    @property
    def min_normal(self):
        """The smallest positive normal number."""
        return 2.0**self.emin

    @property
    def min_subnormal(self):
        """The smallest positive number, and the spacing of all subnormals."""
        return 2.0 ** (self.emin - self.mantissa_bits)

    @property
    def dtype(self):
        """Storage type of a code."""
        return np.dtype(np.uint8 if self.n_bits <= 8 else np.uint16)


FORMATS = {
    "fp16": FloatFormat(5, 10, "ieee"),
    "bf16": FloatFormat(8, 7, "ieee"),
    "fp8_e5m2": FloatFormat(5, 2, "ieee"),
    "fp8_e4m3": FloatFormat(4, 3, "nan"),
    "fp6_e3m2": FloatFormat(3, 2, "none"),
    "fp6_e2m3": FloatFormat(2, 3, "none"),
    "fp4_e2m1": FloatFormat(2, 1, "none"),
}
