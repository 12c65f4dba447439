import pytest

from qbref import lab
from qbref.lab import Interval, Verdict

UP, DOWN, ACROSS = Interval(1, 0.5, 1.5), Interval(-1, -1.5, -0.5), Interval(0.1, -0.4, 0.6)


@pytest.fixture
def received():
    shown = []
    before = lab.send_to(shown.append)
    yield shown
    lab.send_to(before)


@pytest.mark.parametrize(
    "differences, word",
    [
        (UP, "holds"),
        (DOWN, "refuted"),
        (ACROSS, "undecided"),
        ({"a": UP, "b": UP}, "holds"),
        ({"a": DOWN, "b": DOWN}, "refuted"),
        ({"a": ACROSS, "b": ACROSS}, "undecided"),
        ({"a": UP, "b": DOWN}, "qualified"),
        ({"a": ACROSS, "b": UP}, "qualified"),
        ({"a": ACROSS, "b": DOWN}, "refuted"),
    ],
)
def test_a_verdict_follows_from_where_the_intervals_lie(differences, word):
    assert lab.more_than(0, differences).word == word


def test_the_threshold_itself_decides_nothing():
    assert lab.more_than(0, Interval(1, 0, 2)).word == "undecided"
    assert lab.more_than(0, Interval(-1, -2, 0)).word == "undecided"
    assert lab.more_than(-0.1, Interval(1, 0, 2)).word == "holds"


def test_the_detail_names_the_conditions():
    verdict = lab.more_than(0, {"8 bits": ACROSS, "4 bits": UP, "2 bits": UP, "1 bit": DOWN})
    assert verdict == ("qualified", "holds: 4 bits, 2 bits; refuted: 1 bit; undecided: 8 bits")


def test_facts():
    assert lab.facts(True) == ("holds", "") and lab.facts(False) == ("refuted", "")
    assert lab.facts({"a": True, "b": True}).word == "holds"
    assert lab.facts({"a": False, "b": True}) == ("qualified", "holds: b; refuted: a")
    assert lab.not_testable("no meter") == ("not testable here", "no meter")


@pytest.mark.parametrize("of", [lab.facts, lambda cases: lab.more_than(0, cases)])
def test_a_verdict_needs_a_case(of):
    with pytest.raises(ValueError, match="a verdict must rest on at least one case, got none"):
        of({})


def test_an_interval_of_nan_is_refused():
    with pytest.raises(ValueError, match="differences must have low <= high"):
        lab.more_than(0, Interval(float("nan"), float("nan"), float("nan")))


def test_a_claim_is_handed_on_with_its_parts(received, tmp_path):
    lab.claim(
        "realtime/2.1.2#qat-keeps-more", "QAT keeps\n more.", lab.more_than(0, {"4": UP, "8": ACROSS}), "1.0"
    )
    assert received[0].as_dict(tmp_path) == {
        "type": "claim",
        "id": "realtime/2.1.2#qat-keeps-more",
        "text": "QAT keeps more.",
        "verdict": "qualified",
        "detail": "holds: 4; undecided: 8",
        "evidence": "1.0",
    }


def test_a_typed_verdict_is_refused():
    with pytest.raises(
        TypeError, match="verdict must come from more_than, facts or not_testable, got 'holds'"
    ):
        lab.claim("balance/1#a", "So.", "holds", "1")


@pytest.mark.parametrize(
    "name", ["2.1#a", "realtime/2.1", "realtime/2.1#", "realtime/2.1#A b", "x realtime/2#a"]
)
def test_names_have_a_form(name):
    for call in (
        lambda: lab.claim(name, "So.", lab.facts(True), "1"),
        lambda: lab.erratum(name, "a", "b", "c"),
    ):
        with pytest.raises(ValueError, match="id must be like"):
            call()


def test_a_claim_needs_evidence():
    with pytest.raises(
        ValueError, match="evidence must hold the measured figure, got nothing for balance/1#a"
    ):
        lab.claim("balance/1#a", "So.", Verdict("holds", ""), " ")


def test_an_erratum_is_handed_on_with_its_parts(received, tmp_path):
    lab.erratum("balance/4.3#zero", "It is  0.", "It is\n0.3.", "It is 4.")
    assert received[0].as_dict(tmp_path) == {
        "type": "erratum",
        "id": "balance/4.3#zero",
        "original": "It is 0.",
        "shown": "It is 0.3.",
        "correction": "It is 4.",
    }
