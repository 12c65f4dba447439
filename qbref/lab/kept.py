"""Trained models that are kept: trained once, loaded when the same training is asked for again.

"The same" is decided by a hash over everything a training depends on: the sources of qbref that take part
in it, the bundled data, NumPy's version and this kind of processor; the text of the functions that build and
train, and of those they use, with the values they take from outside; the untrained model with its weights;
the seed.
Files lie in the folder ``QBREF_CACHE``, by default ``~/.cache/qbref``, and may be deleted at any time.
"""

import dis
import hashlib
import inspect
import os
import platform
import sys
import time
import warnings
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qbref import nn, random
from qbref.lab.progress import Progress
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

    Raises
    ------
    TypeError
        If `build` or `train` uses an object from outside that does not say what it holds, such as a random
        generator: its value would be no part of the hash.

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
    seen = set()
    for value in (model, build, train):
        _add(digest, value, seen)
    return digest.hexdigest()[:32]


def _add(digest, value, seen):
    """Functions and classes by their text and what they take from outside, all else by what it holds."""
    if inspect.ismodule(value) or isinstance(value, Progress):  # which changes nothing
        return
    value = inspect.unwrap(value) if callable(value) else value  # a function behind its cache
    digest.update(type(value).__qualname__.encode())
    if inspect.isfunction(value) or inspect.isclass(value):
        _add_text(digest, value, seen)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value))
    elif isinstance(value, nn.Module):
        _add_text(digest, type(value), seen)
        _add(digest, [repr(value), value.state_dict()], seen)
    elif isinstance(value, partial):
        _add(digest, [value.func, value.args, value.keywords], seen)
    elif inspect.ismethod(value):
        _add(digest, [value.__func__, value.__self__], seen)
    elif isinstance(value, dict):
        _add(digest, list(value.items()), seen)
    elif isinstance(value, list | tuple):
        for item in value:
            _add(digest, item, seen)
    elif " at 0x" not in repr(value):
        digest.update(repr(value).encode())
    elif not hasattr(value, "__dict__"):
        raise TypeError(f"what a training takes from outside must say what it holds, got {value!r}")
    elif id(value) not in seen:
        seen.add(id(value))
        _add(digest, [type(value), vars(value)], seen)


def _add_text(digest, value, seen):
    digest.update(value.__qualname__.encode())
    root = value.__module__.partition(".")[0]
    if value in seen or root in ("qbref", "numpy") or root in sys.stdlib_module_names:
        return  # added already, or in the surroundings
    seen.add(value)
    if inspect.isclass(value):  # in a notebook a class has no text, its methods have
        _add(digest, list(value.__bases__), seen)
        held = {
            name: v for name, v in vars(value).items() if inspect.isfunction(v) or " at 0x" not in repr(v)
        }
    else:
        digest.update(inspect.getsource(value).encode())
        held = _from_outside(value)
    for name, part in held.items():
        digest.update(name.encode())
        _add(digest, part, seen)


def _from_outside(function):
    """The global and the captured values that a function uses, or one that is written inside of it."""
    names = sorted(set(_global_names(function.__code__)) & function.__globals__.keys())
    return {name: function.__globals__[name] for name in names} | inspect.getclosurevars(function).nonlocals


def _global_names(code):
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for inner in filter(inspect.iscode, code.co_consts):
        yield from _global_names(inner)


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
