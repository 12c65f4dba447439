"""Implicit feedback for recommenders: who uses what, without grades."""

from typing import NamedTuple

import numpy as np

from qbref.data.bundle import load_arrays


class Interactions(NamedTuple):
    """Pairs (user, item) that occurred; for each user exactly one of them is held out as a test.

    `user` and `item` are uint16 and `is_test` bool, all (n,), sorted by user. Number u means
    ``user_names[u]``, of section ``section_names[user_section[u]]`` (uint8); number i means
    ``item_names[i]``.
    """

    user: np.ndarray
    item: np.ndarray
    is_test: np.ndarray
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    user_section: np.ndarray
    section_names: tuple[str, ...]


def debian_dependencies():
    """4,209 source packages of Debian 12 ("users") and which of 540 packages ("items") they need.

    Returns
    -------
    Interactions
        39,639 pairs, at least five per user; one pair of each user is the test pair.

    Notes
    -----
    The task is He et al.'s leave-one-out: rank the items a user has not used in training; a hit is a test
    item among the first ten. Ranked against all unseen items, the most popular items reach a hit rate
    of 0.21, and item-based nearest neighbours 0.67: the data is easy to beat chance on and has
    structure to find.

    He et al., "Neural Collaborative Filtering", WWW 2017, section 4.1. The pairs come from the package
    index of Debian 12.

    Examples
    --------
    >>> pairs = debian_dependencies()
    >>> len(pairs.user), len(pairs.user_names), len(pairs.item_names), pairs.is_test.sum()
    (39639, 4209, 540, np.int64(4209))
    >>> pairs.user_names[pairs.user[0]], pairs.item_names[pairs.item[0]]
    ('0ad', 'dpkg')
    """
    arrays = load_arrays("debian_dependencies")
    names = {key: tuple(arrays.pop(key).tolist()) for key in ("user_names", "item_names", "section_names")}
    return Interactions(**arrays, **names)
