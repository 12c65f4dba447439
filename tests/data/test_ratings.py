import numpy as np

from qbref.data import debian_dependencies


def test_every_user_has_one_test_pair_and_at_least_four_others():
    pairs = debian_dependencies()
    assert len(pairs.user) == len(pairs.item) == len(pairs.is_test) == 39639
    assert np.bincount(pairs.user[pairs.is_test], minlength=4209).tolist() == [1] * 4209
    assert np.bincount(pairs.user[~pairs.is_test]).min() >= 4


def test_no_pair_occurs_twice_and_every_number_has_a_name():
    pairs = debian_dependencies()
    assert len(set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))) == 39639
    assert len(pairs.user_names) == 4209 == len(pairs.user_section) == pairs.user.max() + 1
    assert len(pairs.item_names) == 540 == pairs.item.max() + 1
    assert len(pairs.section_names) == pairs.user_section.max() + 1
    assert all(isinstance(name, str) for name in pairs.item_names)


def test_known_dependencies_are_among_the_pairs():
    # Debian's policy for R packages: every r-cran-* package is built with, and depends on, r-base-core.
    pairs = debian_dependencies()
    item = pairs.item_names.index("r-base-core")
    needs_r = {pairs.user_names[user] for user in pairs.user[pairs.item == item]}
    assert sum(name.startswith("r-cran-") for name in needs_r) > 100


def test_popularity_reaches_the_published_hit_rate():
    # The 0.21 of the docstring, recomputed: is the test item among the ten most popular unseen ones?
    pairs = debian_dependencies()
    train = ~pairs.is_test
    popularity = np.bincount(pairs.item[train], minlength=540)
    scores = np.tile(popularity.astype(float), (4209, 1))
    scores[pairs.user[train], pairs.item[train]] = -1
    target = np.empty(4209, int)
    target[pairs.user[pairs.is_test]] = pairs.item[pairs.is_test]
    rank = (scores > scores[np.arange(4209), target][:, None]).sum(axis=1)
    assert abs((rank < 10).mean() - 0.21) < 0.005 + 0.002  # rounding of 0.21, and ties ranked in its favour
