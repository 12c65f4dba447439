import numpy as np
import pytest

from qbref.data import Vocabulary, sonnets


def test_sonnets_hold_154_numbered_poems():
    text = sonnets()
    assert len(text) == 95645
    numerals = [line for line in text.splitlines() if line and set(line) <= set("IVXLC")]
    assert len(numerals) == 154 and numerals[:4] == ["I", "II", "III", "IV"] and numerals[-1] == "CLIV"


def test_sonnet_18_is_where_it_should_be():
    assert "\nXVIII\n\nShall I compare thee to a summer's day?\n" in sonnets()


def test_vocabulary_numbers_characters_in_sorted_order():
    vocabulary = Vocabulary("banana\n")
    assert vocabulary.characters == "\nabn"
    assert vocabulary.encode("nab\n").tolist() == [3, 1, 2, 0]
    assert vocabulary.encode("nab").dtype == np.int64


def test_decode_undoes_encode_on_the_sonnets():
    text = sonnets()
    vocabulary = Vocabulary(text)
    assert len(vocabulary) == 62
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_the_empty_text_encodes_to_nothing_and_back():
    vocabulary = Vocabulary("a")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([]) == ""


def test_unknown_characters_and_numbers_are_named():
    vocabulary = Vocabulary("abc")
    with pytest.raises(ValueError, match="text must use only characters of the vocabulary, got 'z'"):
        vocabulary.encode("abz")
    with pytest.raises(ValueError, match=r"indices must be in \[0, 2\], got 3"):
        vocabulary.decode([0, 3])
    with pytest.raises(ValueError, match=r"indices must be in \[0, 2\], got -1"):
        vocabulary.decode([-1])
    with pytest.raises(TypeError, match="indices must be a 1-d integer array, got 1-d float64"):
        vocabulary.decode([0.5])
    with pytest.raises(ValueError, match="text must hold at least one character"):
        Vocabulary("")
