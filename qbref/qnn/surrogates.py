"""What stands in for the derivative of sign, chosen by name."""

from inspect import signature

from qbref.binary.ir_net import ede_gradient, ede_schedule
from qbref.binary.surrogate import approx_sign_gradient, ste_sign_gradient, swish_sign_gradient

SURROGATES = {
    "ste_sign": ste_sign_gradient,
    "approx_sign": approx_sign_gradient,
    "swish_sign": swish_sign_gradient,
    "ede": ede_gradient,
}


class Surrogate:
    """x → factor, dx = upstream * factor: in place of the derivative of sign, which is 0 where it exists.

    Parameters
    ----------
    name : {"ste_sign", "approx_sign", "swish_sign", "ede"}
        The first three as Larq calls them; "ede" is IR-Net's.
    **options
        ``clip_value`` and ``boundary`` of ste_sign, ``beta`` of swish_sign, ``k`` and ``t`` of ede (at first
        those of the first epoch); see ``ste_sign_gradient`` and its like in :mod:`qbref.binary`.

    Raises
    ------
    ValueError
        If the surrogate is unknown, has no such option, or refuses its value.

    Examples
    --------
    >>> surrogate = Surrogate("swish_sign", beta=2.0)
    >>> surrogate([0.0, 1.0]).round(4)
    array([2.    , 0.2002], dtype=float32)
    >>> print(surrogate)
    swish_sign, beta=2.0
    """

    def __init__(self, name, **options):
        if name not in SURROGATES:
            raise ValueError(f"surrogate must be one of {sorted(SURROGATES)}, got {name!r}")
        _, *known = signature(SURROGATES[name]).parameters
        for option in options:
            if option not in known:
                raise ValueError(f"options of {name} must be among {known}, got {option!r}")
        if name == "ede":
            options = dict(zip(("k", "t"), ede_schedule(0, 1), strict=True)) | options
        self.name, self.options = name, options
        self(0.0)  # refuses a wrong value here, not at the first backward pass

    def __call__(self, x):
        """The factor, an array like `x`."""
        return SURROGATES[self.name](x, **self.options)

    def __str__(self):
        return ", ".join([self.name, *(f"{option}={value}" for option, value in self.options.items())])
