"""The atlas, searched once for all tests: it is most of their time."""

from functools import cache

import pytest

from qbref.conventions import atlas


@pytest.fixture(scope="session")
def found():
    """found(family): the rows of the atlas."""
    return cache(lambda family: tuple(atlas(family)))


@pytest.fixture(scope="session")
def rows_of(found):
    """rows_of(family): the same by pairs of systems."""
    return cache(lambda family: {(row.a, row.b): row for row in found(family)})
