"""Text for sequence models: the bundled sonnets, and characters as numbers."""

import gzip

import numpy as np

from qbref.data.bundle import FOLDER


def sonnets():
    """Shakespeare's 154 sonnets: 95,645 characters, 62 different ones, lines ended by a newline.

    Returns
    -------
    str

    Examples
    --------
    >>> text = sonnets()
    >>> text[text.index("From"):].splitlines()[0]
    'From fairest creatures we desire increase,'
    """
    return gzip.decompress((FOLDER / "sonnets.txt.gz").read_bytes()).decode("ascii")


class Vocabulary:
    """The different characters of a text, sorted; a character's number is its place among them.

    Parameters
    ----------
    text : str
        Every character that will ever be encoded must occur in it.

    Attributes
    ----------
    characters : str

    Examples
    --------
    >>> vocabulary = Vocabulary("hello")
    >>> vocabulary.characters, len(vocabulary)
    ('ehlo', 4)
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0])
    >>> vocabulary.decode([1, 0, 2, 2, 3])
    'hello'
    """

    def __init__(self, text):
        if not text:
            raise ValueError(f"text must hold at least one character, got {text!r}")
        self.characters = "".join(sorted(set(text)))
        self._index = {character: index for index, character in enumerate(self.characters)}

    def __len__(self):
        return len(self.characters)

    def encode(self, text):
        """Numbers of the characters of `text`: int64, (len(text),); ValueError for an unknown one."""
        unknown = set(text) - self._index.keys()
        if unknown:
            raise ValueError(f"text must use only characters of the vocabulary, got {min(unknown)!r}")
        return np.array([self._index[character] for character in text], np.int64)

    def decode(self, indices):
        """The text whose characters have these numbers; ValueError for a number out of range."""
        indices = np.asarray(indices, dtype=None if np.size(indices) else np.int64)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise TypeError(f"indices must be a 1-d integer array, got {indices.ndim}-d {indices.dtype}")
        outside = indices[(indices < 0) | (indices >= len(self))]
        if outside.size:
            raise ValueError(f"indices must be in [0, {len(self) - 1}], got {outside[0]}")
        return "".join(self.characters[index] for index in indices)
