"""Where systems differ: for each operator and pair of systems the smallest input, and the rule behind it.

Nothing here is a stored list. :func:`atlas` runs the systems' own operators, as the modules beside this one
define them, on inputs in order of size, and then asks which named property makes the difference:
:mod:`qbref.conventions.differences.search` says how.
"""

from qbref.conventions.differences.accumulate import ACCUMULATE
from qbref.conventions.differences.activation import ACTIVATION
from qbref.conventions.differences.average_pool import AVERAGE_POOL
from qbref.conventions.differences.binarize import SIGN, SIGN_GRADIENT
from qbref.conventions.differences.border import BORDER
from qbref.conventions.differences.choose import CHOOSE, CHOOSE_NOTHING, CHOOSE_SYMMETRIC
from qbref.conventions.differences.dequantize import DEQUANTIZE
from qbref.conventions.differences.dynamic import DYNAMIC
from qbref.conventions.differences.elementwise import ADD, MUL, SUB
from qbref.conventions.differences.fake_quantize import FAKE_QUANTIZE
from qbref.conventions.differences.gradient import GRADIENT, SCALE_GRADIENT
from qbref.conventions.differences.quantize import QUANTIZE, QUANTIZE_SPECIAL
from qbref.conventions.differences.requantize import REQUANTIZE
from qbref.conventions.differences.rescale import RESCALE
from qbref.conventions.differences.search import Difference, Family, Rule, agreeing, smallest_differences
from qbref.conventions.differences.softmax import SOFTMAX

FAMILIES = {
    family.name: family
    for family in (
        QUANTIZE,
        QUANTIZE_SPECIAL,
        DEQUANTIZE,
        FAKE_QUANTIZE,
        GRADIENT,
        SCALE_GRADIENT,
        CHOOSE,
        CHOOSE_NOTHING,
        CHOOSE_SYMMETRIC,
        DYNAMIC,
        ACCUMULATE,
        REQUANTIZE,
        RESCALE,
        ADD,
        SUB,
        MUL,
        ACTIVATION,
        AVERAGE_POOL,
        SOFTMAX,
        SIGN,
        SIGN_GRADIENT,
        BORDER,
    )
}

__all__ = ["FAMILIES", "Difference", "Family", "Rule", "agreeing", "atlas", "smallest_differences"]


def atlas(*names):
    """The smallest difference of each pair of systems, in the families named, or in all.

    Parameters
    ----------
    *names : str
        Of :data:`FAMILIES`.

    Returns
    -------
    list of Difference
        Pairs without a difference included, with ``x`` None.

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> row = atlas("choose symmetric scale")[0]
    >>> row.a, row.b, row.input, row.cause
    ('TensorRT (documented)', 'PyTorch observers', 'max |x| = 0.1', (('divisor', '127', '127.5'),))
    """
    for name in names:
        if name not in FAMILIES:
            raise ValueError(f"name must be one of {', '.join(FAMILIES)}, got {name!r}")
    return [row for name in names or FAMILIES for row in smallest_differences(FAMILIES[name])]
