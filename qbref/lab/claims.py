"""Claims put to the test: a verdict is computed from what was measured, never typed."""

import re
import textwrap
from typing import NamedTuple

from qbref.lab.display import WIDTH, hand_on
from qbref.lab.intervals import Interval

HOLDS, REFUTED, QUALIFIED = "holds", "refuted", "qualified"
UNDECIDED, NOT_TESTABLE = "undecided", "not testable here"
NAME = re.compile(r"[a-z]+/[\w.]+#[a-z0-9-]+")


class Verdict(NamedTuple):
    """Made by :func:`more_than`, :func:`facts` or :func:`not_testable`.

    Attributes
    ----------
    word : str
        holds, refuted, qualified, undecided or not testable here.
    detail : str
        Where it holds and where not, or why it cannot be tested.
    """

    word: str
    detail: str


def more_than(threshold, differences):
    """Does every measured interval lie above the threshold?

    Parameters
    ----------
    threshold : float
    differences : Interval, or dict of str to Interval
        For several conditions, named.

    Returns
    -------
    Verdict
        An interval above the threshold holds, one below it refutes, one that contains it decides nothing.
        Of several: *holds* or *refuted* if all do, *qualified* if some hold, *refuted* if some do and the
        others decide nothing, *undecided* otherwise.

    Examples
    --------
    >>> more_than(0, {"2 bits": Interval(9.0, 8.1, 9.9), "8 bits": Interval(0.1, -0.2, 0.4)})
    Verdict(word='qualified', detail='holds: 2 bits; undecided: 8 bits')
    >>> more_than(-1, Interval(-0.2, -0.5, 0.1)).word
    'holds'
    """
    if isinstance(differences, Interval):
        differences = {"": differences}
    return _combined({name: _decide(interval, threshold) for name, interval in differences.items()})


def facts(cases):
    """Is it so in every case? For what can be computed exactly.

    Parameters
    ----------
    cases : bool, or dict of str to bool

    Returns
    -------
    Verdict

    Examples
    --------
    >>> facts({"ONNX": True, "PyTorch": False})
    Verdict(word='qualified', detail='holds: ONNX; refuted: PyTorch')
    """
    if not isinstance(cases, dict):
        cases = {"": cases}
    return _combined({name: HOLDS if case else REFUTED for name, case in cases.items()})


def not_testable(reason):
    """What no run here can decide, and why.

    Examples
    --------
    >>> not_testable("needs a power meter").word
    'not testable here'
    """
    return Verdict(NOT_TESTABLE, reason)


class Claim(NamedTuple):
    """What was claimed, what became of it, and by which figure."""

    id: str
    text: str
    verdict: Verdict
    evidence: str

    def __str__(self):
        detail = f" ({self.verdict.detail})" if self.verdict.detail else ""
        return textwrap.fill(
            f"{self.verdict.word.upper()}{detail}: {self.text} {self.evidence} [{self.id}]", WIDTH
        )

    def as_dict(self, folder):
        """Plain data, as JSON can hold them."""
        return {
            "type": "claim",
            "id": self.id,
            "text": self.text,
            "verdict": self.verdict.word,
            "detail": self.verdict.detail,
            "evidence": self.evidence,
        }

    def _repr_markdown_(self):
        detail = f" ({self.verdict.detail})" if self.verdict.detail else ""
        return f"> **{self.verdict.word}**{detail}: {self.text} {self.evidence}"


def claim(id, text, verdict, evidence):
    """Record what became of a claim.

    Parameters
    ----------
    id : str
        Section and short name: ``"realtime/2.1.2#qat-keeps-more"``.
    text : str
        What was tested, as one sentence.
    verdict : Verdict
    evidence : str
        The figure, with its interval and unit.

    Raises
    ------
    TypeError
        If the verdict is a word and not computed.
    ValueError
        If the id has another form, or the evidence is empty.

    Examples
    --------
    >>> claim("balance/4.1#bound", "No error exceeds half a step.", facts(0.5 <= 0.5), "Largest: 0.5 steps.")
    HOLDS: No error exceeds half a step. Largest: 0.5 steps. [balance/4.1#bound]
    """
    if not isinstance(verdict, Verdict):
        raise TypeError(f"verdict must come from more_than, facts or not_testable, got {verdict!r}")
    if not NAME.fullmatch(id):
        raise ValueError(f"id must be like 'realtime/2.1.2#qat-keeps-more', got {id!r}")
    if not evidence.strip():
        raise ValueError(f"evidence must hold the measured figure, got nothing for {id}")
    hand_on(Claim(id, " ".join(text.split()), verdict, " ".join(evidence.split())))


class Erratum(NamedTuple):
    """A mistake of the original, what running it shows, and what is right."""

    id: str
    original: str
    shown: str
    correction: str

    def __str__(self):
        return "\n".join(
            textwrap.fill(f"{start} {text}", WIDTH, subsequent_indent="  ")
            for start, text in (
                (f"ERRATUM [{self.id}]", self.original),
                ("  Shown:", self.shown),
                ("  Right:", self.correction),
            )
        )

    def as_dict(self, folder):
        """Plain data, as JSON can hold them."""
        return {"type": "erratum"} | self._asdict()

    def _repr_markdown_(self):
        return f"> **Erratum.** {self.original}\n>\n> *Shown:* {self.shown}\n>\n> *Right:* {self.correction}"


def erratum(id, original, shown, correction):
    """Record a mistake of the original.

    Parameters
    ----------
    id : str
        As for :func:`claim`.
    original : str
        What the original says, in our words.
    shown : str
        What the run shows, with its figures; or the source and a recorded output, with its version.
    correction : str

    Examples
    --------
    >>> erratum("balance/4.3#zero", "q(0.3) is 0.", "Its own formula gives 0.3.", "With scale 0.5/7 it is 4.")
    ERRATUM [balance/4.3#zero] q(0.3) is 0.
      Shown: Its own formula gives 0.3.
      Right: With scale 0.5/7 it is 4.
    """
    if not NAME.fullmatch(id):
        raise ValueError(f"id must be like 'balance/4.3#zero', got {id!r}")
    hand_on(Erratum(id, *(" ".join(text.split()) for text in (original, shown, correction))))


def _decide(interval, threshold):
    if not interval.low <= interval.high:
        raise ValueError(f"differences must have low <= high, got {interval}")
    return HOLDS if interval.low > threshold else REFUTED if interval.high < threshold else UNDECIDED


def _combined(words):
    if not words:
        raise ValueError("a verdict must rest on at least one case, got none")
    found = list(dict.fromkeys(words.values()))
    if len(found) == 1:
        return Verdict(found[0], "")
    detail = "; ".join(
        f"{word}: {', '.join(name for name, w in words.items() if w == word)}"
        for word in (HOLDS, REFUTED, UNDECIDED)
        if word in found
    )
    return Verdict(QUALIFIED if HOLDS in found else REFUTED, detail)
