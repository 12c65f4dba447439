"""Where systems differ: for each operator and pair of systems the smallest input, and the rule behind it.

Nothing here is a stored list. :func:`find` runs the systems' own operators, as the modules beside this one
define them, on inputs in order of size, and then asks which named property makes the difference:
:mod:`qbref.conventions.atlas.search` says how.
"""

from qbref.conventions.atlas.binarize import SIGN, SIGN_GRADIENT
from qbref.conventions.atlas.border import BORDER
from qbref.conventions.atlas.choose import CHOOSE, CHOOSE_NOTHING, CHOOSE_SYMMETRIC
from qbref.conventions.atlas.dequantize import DEQUANTIZE
from qbref.conventions.atlas.fake_quantize import FAKE_QUANTIZE
from qbref.conventions.atlas.quantize import QUANTIZE, QUANTIZE_SPECIAL
from qbref.conventions.atlas.requantize import REQUANTIZE
from qbref.conventions.atlas.rescale import RESCALE
from qbref.conventions.atlas.search import Difference, Family, Rule, agreeing, differences

FAMILIES = {
    family.name: family
    for family in (
        QUANTIZE,
        QUANTIZE_SPECIAL,
        DEQUANTIZE,
        FAKE_QUANTIZE,
        CHOOSE,
        CHOOSE_NOTHING,
        CHOOSE_SYMMETRIC,
        REQUANTIZE,
        RESCALE,
        SIGN,
        SIGN_GRADIENT,
        BORDER,
    )
}

__all__ = ["FAMILIES", "Difference", "Family", "Rule", "agreeing", "differences", "find"]


def find(*names):
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
    >>> row = find("choose symmetric scale")[0]
    >>> row.a, row.b, row.input, row.cause
    ('TensorRT (documented)', 'PyTorch observers', 'max |x| = 0.1', (('divisor', '127', '127.5'),))
    """
    for name in names:
        if name not in FAMILIES:
            raise ValueError(f"name must be one of {', '.join(FAMILIES)}, got {name!r}")
    return [row for name in names or FAMILIES for row in differences(FAMILIES[name])]
