"""Shuffled batches: what a training loop iterates over."""

import numpy as np

from qbref.random import default_rng


class Loader:
    """Iterate over (x, y) in batches; every iteration is one epoch, each in its own random order.

    Parameters
    ----------
    x, y : ndarray
        Example i is ``x[i]`` with target ``y[i]``.
    batch_size : int
    shuffle : bool
        False keeps the stored order, for evaluation.
    augment : callable or None
        ``augment(x_batch, rng) -> x_batch``, for example `random_flip()`.
    drop_last : bool
        Leave out the last batch if it is smaller than the others.
    rng : numpy.random.Generator or None
        Draws the orders and the augmentations.

    Notes
    -----
    Batches are copies: changing one never changes the data.

    Examples
    --------
    >>> loader = Loader(np.arange(5.0), np.arange(5), batch_size=2, shuffle=False)
    >>> len(loader), [y.tolist() for x, y in loader]
    (3, [[0, 1], [2, 3], [4]])
    """

    def __init__(self, x, y, batch_size, shuffle=True, augment=None, drop_last=False, rng=None):
        for name, array in (("x", x), ("y", y)):
            if not isinstance(array, np.ndarray) or array.ndim == 0:
                raise TypeError(f"{name} must be an ndarray with a batch axis, got {type(array).__name__}")
        if len(x) == 0:
            raise ValueError(f"x must hold at least one example, got shape {x.shape}")
        if len(x) != len(y):
            raise ValueError(f"y must hold one target for each of the {len(x)} examples, got {len(y)}")
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")
        if drop_last and batch_size > len(x):
            raise ValueError(f"batch_size must be at most {len(x)} to fill one batch, got {batch_size}")
        if augment is not None and not callable(augment):
            raise TypeError(f"augment must be callable or None, got {type(augment).__name__}")
        default_rng(rng)  # a wrong rng is refused here, not in the first epoch
        self.x, self.y = x, y
        self.batch_size = int(batch_size)
        self.shuffle, self.augment, self.drop_last, self.rng = shuffle, augment, drop_last, rng

    def __len__(self):
        """Number of batches in an epoch."""
        full, rest = divmod(len(self.x), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self):
        rng = default_rng(self.rng)  # now, so that a later `manual_seed` counts
        order = rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            chosen = order[start : start + self.batch_size]
            x = self.x[chosen]
            yield (x if self.augment is None else self.augment(x, rng)), self.y[chosen]
