"""Trained models that are kept: trained once, loaded when the same training is asked for again.

"The same" is decided by a hash over everything a training depends on: the sources of qbref that take part
in it, the bundled data, NumPy's version and this kind of processor; the text of the functions that build and
train, and of those they use, with the values they take from outside; the untrained model with its weights;
the seed.
Files lie in the folder ``QBREF_CACHE``, by default ``~/.cache/qbref``, and may be deleted at any time.
"""

import hashlib
import inspect
import os
import platform
import time
import warnings
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qbref import nn, random
from qbref.lab.quick import quick

TAKES_NO_PART = {"integer", "conventions", "plots", "cli", "lab"}
SECONDS, RESULT = "seconds", "result"


class Trained(NamedTuple):
    """A trained model.

    Attributes
    ----------
    model : Module
        In evaluation mode.
    seconds : float
        Wall time of the training, when it took place.
    result : ndarray or None
        What ``train`` returned, a loss curve for example.
    was_kept : bool
        Whether it was loaded.
    """

    model: nn.Module
    seconds: float
    result: np.ndarray | None
    was_kept: bool


def trained(build, train, seed=0):
    """Return ``build()`` after ``train(model)``, from the folder of kept trainings if it is there.

    Parameters
    ----------
    build : callable → Module
        Called every time.
    train : callable, Module → array or None
        Trains in place.
    seed : int
        Of everything drawn in both; what is drawn afterwards does not depend on whether a training was kept.

    Returns
    -------
    Trained

    Warns
    -----
    RuntimeWarning
        If the folder cannot be written; the model is trained all the same.
    """
    with random.seeded(seed):
        model = build()
        path = folder() / f"{_key(model, build, train, seed)}.npz"
        found = _load(path)
        if found is not None:
            seconds, result = float(found.pop("." + SECONDS)), found.pop("." + RESULT, None)
            model.load_state_dict(found)
            model.eval()
            return Trained(model, seconds, result, True)
        started = time.perf_counter()
        result = train(model)
        seconds = time.perf_counter() - started
    model.eval()
    result = None if result is None else np.asarray(result)
    _keep(path, model, seconds, result)
    return Trained(model, seconds, result, False)


def folder():
    """Where trainings are kept."""
    return Path(os.environ.get("QBREF_CACHE") or Path.home() / ".cache" / "qbref")


def _load(path):
    try:
        return nn.load(path)
    except (FileNotFoundError, ValueError):  # never kept, or damaged: trained again
        return None


def _keep(path, model, seconds, result):
    notes = {"." + SECONDS: np.float64(seconds)} | ({} if result is None else {"." + RESULT: result})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        nn.save(model.state_dict() | {name: np.asarray(value) for name, value in notes.items()}, path)
    except OSError as error:
        warnings.warn(f"the training could not be kept: {error}", RuntimeWarning, stacklevel=3)


def _key(model, build, train, seed):
    digest = hashlib.sha256(_surroundings())
    digest.update(repr((seed, quick())).encode())
    _add_model(digest, model)
    seen = set()
    for function in (build, train):
        _add_function(digest, function, seen)
    return digest.hexdigest()[:32]


def _add_function(digest, function, seen):
    """The text of a function and what it takes from outside, functions among it in the same way."""
    if function in seen or function.__module__.split(".")[0] == "qbref":  # in the surroundings already
        digest.update(function.__qualname__.encode())
        return
    seen.add(function)
    digest.update(inspect.getsource(function).encode())
    captured = inspect.getclosurevars(function)
    for name, value in sorted({**captured.globals, **captured.nonlocals}.items()):
        digest.update(name.encode())
        if inspect.isfunction(value):
            _add_function(digest, value, seen)
        elif isinstance(value, nn.Module):
            _add_model(digest, value)
        elif isinstance(value, np.ndarray):
            _add_array(digest, value)
        elif not inspect.ismodule(value) and " at 0x" not in repr(value):
            digest.update(repr(value).encode())


def _add_model(digest, model):
    digest.update(repr(model).encode())
    for name, array in model.state_dict().items():
        digest.update(name.encode())
        _add_array(digest, array)


def _add_array(digest, array):
    digest.update(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array))


@cache
def _surroundings():
    digest = hashlib.sha256(f"{np.__version__} {platform.machine()} {os.environ.get('QBREF_DATA')}".encode())
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path.relative_to(root).parts[0] not in TAKES_NO_PART:
            digest.update(path.read_bytes())
    for name in ("networks.py", "problems.py"):
        digest.update((root / "lab" / name).read_bytes())
    return digest.digest()
