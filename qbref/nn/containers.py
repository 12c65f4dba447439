"""Modules made of modules: chains and residual sums."""

from qbref.nn.module import Module


class Sequential(Module):
    """y = f_n(... f_2(f_1(x))): the modules are applied one after another.

    Parameters
    ----------
    *modules : Module
        Registered as "0", "1", ...

    Notes
    -----
    Supports ``len``, iteration, ``model[i]``, ``model[i] = module`` and slices, which share their
    modules with the original.

    Examples
    --------
    >>> from qbref import nn
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> model
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)  weight (3, 4), bias (3,): 15 parameters
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)  weight (2, 3), bias (2,): 8 parameters
    )  23 parameters
    >>> len(model[:2])
    2
    """

    def __init__(self, *modules):
        super().__init__()
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"modules must be Modules, got {type(module).__name__} at position {i}")
            setattr(self, str(i), module)

    def forward(self, x):
        """Apply all modules in order."""
        for module in self:
            x = module(x)
        return x

    def __len__(self):
        return len(list(self.children()))

    def __iter__(self):
        return self.children()

    def __getitem__(self, index):
        modules = list(self.children())
        return Sequential(*modules[index]) if isinstance(index, slice) else modules[index]

    def __setitem__(self, index, module):
        if not isinstance(module, Module):
            raise TypeError(f"module must be a Module, got {type(module).__name__}")
        setattr(self, str(range(len(self))[index]), module)


class Residual(Module):
    """y = body(x) + shortcut(x), or body(x) + x without a shortcut.

    Parameters
    ----------
    body : Module
    shortcut : Module or None
        A projection that gives x the shape of body(x), where that differs.

    Notes
    -----
    He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, eq. 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.Residual(nn.ReLU())(np.array([-1.0, 2.0], np.float32)).numpy()
    array([-1.,  4.], dtype=float32)
    """

    def __init__(self, body, shortcut=None):
        super().__init__()
        for name, module in (("body", body), ("shortcut", shortcut)):
            if not isinstance(module, Module) and (name == "body" or module is not None):
                raise TypeError(f"{name} must be a Module, got {type(module).__name__}")
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        """Add both branches; their shapes must agree, nothing is broadcast."""
        y, x = self.body(x), x if self.shortcut is None else self.shortcut(x)
        if y.shape != x.shape:
            raise ValueError(f"body(x) must have the shape of its shortcut, {x.shape}, got {y.shape}")
        return y + x


class Identity(Module):
    """y = x: fills a place in a Sequential.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.Identity()(np.ones(2, np.float32)).shape
    (2,)
    """

    def forward(self, x):
        """Return `x` itself."""
        return x
