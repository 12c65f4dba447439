import numpy as np
import pytest

from qbref.quant import FORMATS


@pytest.mark.parametrize(
    ("name", "n_bits", "bias", "largest", "min_normal", "min_subnormal"),
    [
        # IEEE 754-2019, table 3.5; bfloat16: the upper half of a float32
        ("fp16", 16, 15, 65504.0, 2.0**-14, 2.0**-24),
        ("bf16", 16, 127, 255 * 2.0**120, 2.0**-126, 2.0**-133),
        # "FP8 Formats for Deep Learning" (arXiv 2209.05433), table 1
        ("fp8_e5m2", 8, 15, 57344.0, 2.0**-14, 2.0**-16),
        ("fp8_e4m3", 8, 7, 448.0, 2.0**-6, 2.0**-9),
        # OCP Microscaling Formats v1.0, section 5.3
        ("fp6_e3m2", 6, 3, 28.0, 0.25, 0.0625),
        ("fp6_e2m3", 6, 1, 7.5, 1.0, 0.125),
        ("fp4_e2m1", 4, 1, 6.0, 1.0, 0.5),
    ],
)
def test_limits_are_those_of_the_standards(name, n_bits, bias, largest, min_normal, min_subnormal):
    f = FORMATS[name]
    assert (f.n_bits, f.bias) == (n_bits, bias)
    assert (f.max, f.min_normal, f.min_subnormal) == (largest, min_normal, min_subnormal)
    assert f.min_normal == 2.0**f.emin and 2.0**f.emax <= f.max < 2.0 ** (f.emax + 1)
    assert f.dtype == (np.uint8 if n_bits <= 8 else np.uint16)


def test_the_highest_finite_codes():
    codes = {name: f.max_code for name, f in FORMATS.items()}
    assert codes == {
        "fp16": 0x7BFF,
        "bf16": 0x7F7F,
        "fp8_e5m2": 0x7B,
        "fp8_e4m3": 0x7E,
        "fp6_e3m2": 0x1F,
        "fp6_e2m3": 0x1F,
        "fp4_e2m1": 0x7,
    }
