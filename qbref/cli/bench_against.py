"""Functions of the user's as contenders: ``--against module:function``."""

import importlib
import os
import sys


def load(specification):
    """The function that ``module:function`` names; the current folder counts as a place for modules.

    It is called once for each shape, as ``function(lhs, rhs)`` with int8 matrices (M, K) and (K, N). What it
    returns is a function without arguments, and is timed; what it prepares before is not.

    Raises
    ------
    ValueError
        If there is no such module or function, or importing the module fails.

    Examples
    --------
    >>> load("operator:matmul").__name__
    'matmul'
    """
    module, colon, name = specification.partition(":")
    if not (module and colon and name):
        raise ValueError(f"against must be module:function, got {specification!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module may raise anything
        raise ValueError(
            f"against must name a function that can be imported, got {specification!r} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not callable(function):
        raise ValueError(f"against must name a function, got {specification!r}, which is {function!r}")
    return function
