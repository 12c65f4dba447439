"""Modules: objects that own parameters, buffers and other modules, and know them by name."""

from collections.abc import Mapping
from textwrap import indent
from typing import NamedTuple

import numpy as np

from qbref.autograd import Tensor
from qbref.nn.parameter import Parameter

BUFFER_KINDS = "biuf"


class LoadResult(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list
    unexpected_keys: list


class Module:
    """Base of all layers and models: subclasses set attributes in ``__init__`` and define ``forward``.

    Assigning a :class:`Parameter` or a Module to an attribute registers it under that name; assigning
    again replaces it and keeps its place in the order. Arrays that belong to the state but are not
    trained are registered with :meth:`register_buffer`. Everything else is a plain attribute: a list of
    modules, in particular, is not registered; use :class:`qbref.nn.Sequential`.

    Attributes
    ----------
    training : bool
        True after construction and :meth:`train`, False after :meth:`eval`.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = Parameter([2.0])
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale()
    >>> model
    Scale()  factor (1,): 1 parameter
    >>> model(np.ones(3, np.float32)).numpy()
    array([2., 2., 2.], dtype=float32)
    """

    def __init__(self):
        # name -> Parameter, np.ndarray or Module, in order of registration; the values are plain attributes.
        self.__dict__["_registered"] = {}
        self.training = True

    def __setattr__(self, name, value):
        kind = self.__dict__.get("_registered", {}).get(name)
        if kind is np.ndarray:
            value = _buffer(name, value)
        elif kind is not None and value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} must be a {kind.__name__} or None, got {type(value).__name__}")
        super().__setattr__(name, value)
        if isinstance(value, (Parameter, Module)):
            if "_registered" not in self.__dict__:
                raise AttributeError(f"super().__init__() must run before {name} is assigned")
            self._registered[name] = Parameter if isinstance(value, Parameter) else Module

    def __delattr__(self, name):
        super().__delattr__(name)
        self._registered.pop(name, None)

    def register_buffer(self, name, array):
        """Make `array` part of the state under `name`, without training it.

        Parameters
        ----------
        name : str
            A new attribute's name, without dots. Later assignments to it replace the array.
        array : ndarray of bool, integers or floats
            Kept, not copied.

        Raises
        ------
        ValueError
            If the name is empty, has a dot or is in use.
        TypeError
            If `array` is not an ndarray.
        """
        if not isinstance(name, str) or not name or "." in name or hasattr(self, name):
            raise ValueError(f"name must be a new attribute's name without dots, got {name!r}")
        self.__dict__[name] = _buffer(name, array)
        self._registered[name] = np.ndarray

    def _own(self, kind):
        """The registered (name, value) pairs of one kind."""
        pairs = ((name, getattr(self, name)) for name, k in self._registered.items() if k is kind)
        return [(name, value) for name, value in pairs if value is not None]

    def named_children(self):
        """Iterate over (name, module) of the modules directly below this one."""
        yield from self._own(Module)

    def children(self):
        """Iterate over the modules directly below this one."""
        for _, child in self.named_children():
            yield child

    def named_modules(self):
        """Iterate over (dotted path, module), this one first as ``''``; shared modules come once."""
        seen = set()

        def walk(path, module):
            if id(module) in seen:
                return
            seen.add(id(module))
            yield path, module
            for name, child in module._own(Module):
                yield from walk(_join(path, name), child)

        return walk("", self)

    def modules(self):
        """Iterate over this module and all below it."""
        for _, module in self.named_modules():
            yield module

    def _named(self, *kinds):
        """Everything of the given kinds in this module and below, each object once."""
        seen = set()
        for path, module in self.named_modules():
            for kind in kinds:
                for name, value in module._own(kind):
                    if id(value) not in seen:
                        seen.add(id(value))
                        yield _join(path, name), value

    def named_parameters(self):
        """Iterate over (dotted path, Parameter); shared parameters come once, under their first path."""
        return self._named(Parameter)

    def parameters(self):
        """Iterate over all parameters, in order of registration."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self):
        """Iterate over (dotted path, ndarray)."""
        return self._named(np.ndarray)

    def buffers(self):
        """Iterate over all buffers, in order of registration."""
        for _, buffer in self.named_buffers():
            yield buffer

    def _state(self):
        """{path: the live array} of parameters and buffers; a module's own parameters come first."""
        named = self._named(Parameter, np.ndarray)
        return {path: value.data if isinstance(value, Parameter) else value for path, value in named}

    def state_dict(self):
        """Return {dotted path: copy of the array} of all parameters and buffers.

        Examples
        --------
        >>> from qbref import nn
        >>> list(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, affine=False)).state_dict())
        ['0.weight', '0.bias', '1.running_mean', '1.running_var']
        """
        return {path: array.copy() for path, array in self._state().items()}

    def load_state_dict(self, state, strict=True):
        """Copy the arrays of `state` into the parameters and buffers.

        Parameters
        ----------
        state : dict of str to ndarray
        strict : bool
            Whether missing and unexpected names are errors. A wrong shape or dtype always is.

        Returns
        -------
        LoadResult
            The names passed over: missing_keys and unexpected_keys.

        Raises
        ------
        ValueError
            Naming every entry that is wrong. Nothing has been changed then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict of arrays, got {type(state).__name__}")
        own = self._state()
        missing = [path for path in own if path not in state]
        unexpected = [path for path in state if path not in own]
        problems = [f"{path} is missing" for path in missing] if strict else []
        problems += [f"{path} is unexpected" for path in unexpected] if strict else []
        for path, array in own.items():
            wanted, got = (array.shape, array.dtype), _form(state.get(path, array))
            if got != wanted:
                problems.append(f"{path} must be {wanted[1]} of shape {wanted[0]}, got {_describe(got)}")
        if problems:
            raise ValueError(f"state must fit {type(self).__name__}: " + "; ".join(problems))
        for path, array in own.items():
            if path in state:
                array[...] = state[path]
        return LoadResult(missing, unexpected)

    def to(self, dtype):
        """Convert all floating-point parameters and buffers, in place, and drop gradients; returns self.

        Parameters
        ----------
        dtype : numpy.float32 or numpy.float64
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        for parameter in self.parameters():
            parameter.data, parameter.grad = parameter.data.astype(dtype), None
        for module in self.modules():
            for name, buffer in module._own(np.ndarray):
                if buffer.dtype.kind == "f":
                    setattr(module, name, buffer.astype(dtype))
        return self

    def train(self, mode=True):
        """Set `training` here and in all modules below; returns self."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self):
        """Set `training` to False here and in all modules below; returns self."""
        return self.train(False)

    def zero_grad(self):
        """Forget all gradients: ``grad`` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def forward(self, *inputs):
        """Compute the module's output; every subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def __call__(self, *inputs, **options):
        """Call :meth:`forward`, with plain float arrays among `inputs` wrapped as Tensors."""
        return self.forward(*(_wrap(x) for x in inputs), **options)

    def extra_repr(self):
        """The text between the parentheses of the module's repr."""
        return ""

    def __repr__(self):
        children = "\n".join(f"({name}): {child!r}" for name, child in self._own(Module))
        below = "\n" + indent(children, "  ") + "\n" if children else ""
        summary = self._tensor_summary(bool(children))
        return f"{type(self).__name__}({self.extra_repr()}{below}){summary}"

    def _tensor_summary(self, nested):
        """Shapes of the tensors held here and the number of parameters here and below."""
        shapes = ", ".join(f"{name} {parameter.shape}" for name, parameter in self._own(Parameter))
        count = sum(parameter.size for parameter in self.parameters())
        total = f"{count:,} parameter{'' if count == 1 else 's'}"
        parts = [f"{shapes}: {total}" if shapes else total] if shapes or nested else []
        buffers = ", ".join(f"{name} {buffer.shape}" for name, buffer in self._own(np.ndarray))
        parts += [f"buffers {buffers}"] if buffers else []
        return "  " + "; ".join(parts) if parts else ""


def _join(path, name):
    return f"{path}.{name}" if path else name


def _wrap(x):
    return Tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def _buffer(name, array):
    if not isinstance(array, (np.ndarray, np.generic)) or array.dtype.kind not in BUFFER_KINDS:
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} must be an ndarray of bool, integers or floats, got {kind}")
    return np.asarray(array)


def _form(value):
    """(shape, dtype) of an array, the type's name of anything else."""
    return (value.shape, value.dtype) if isinstance(value, np.ndarray) else type(value).__name__


def _describe(form):
    return form if isinstance(form, str) else f"{form[1]} of shape {form[0]}"
