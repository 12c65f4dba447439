"""Experiments: real problems, trainings that are kept, intervals, timings, and claims with their verdicts.

What the chapters are written with, and the tour. In a terminal everything said and shown is text; a notebook
and the book get prose, tables and pictures from the same calls.
"""

from qbref.lab.claims import Claim, Erratum, Verdict, claim, erratum, facts, more_than, not_testable
from qbref.lab.display import Picture, Prose, Table, hand_on, say, send_to, show, table
from qbref.lab.intervals import Interval, accuracy, median, over_seeds, paired
from qbref.lab.kept import Trained, trained
from qbref.lab.measure import Measurement, measure
from qbref.lab.networks import binary_network, binary_weight_network, digits_network, float_network
from qbref.lab.problems import Problem, digits, digits_cnn, fashion, fashion_binary, fashion_cnn, scores
from qbref.lab.progress import Progress
from qbref.lab.quick import epochs, quick
from qbref.lab.turns import take_turns, times_faster

__all__ = [
    "Claim",
    "Erratum",
    "Interval",
    "Measurement",
    "Picture",
    "Problem",
    "Progress",
    "Prose",
    "Table",
    "Trained",
    "Verdict",
    "accuracy",
    "binary_network",
    "binary_weight_network",
    "claim",
    "digits",
    "digits_cnn",
    "digits_network",
    "epochs",
    "erratum",
    "facts",
    "fashion",
    "fashion_binary",
    "fashion_cnn",
    "float_network",
    "hand_on",
    "measure",
    "median",
    "more_than",
    "not_testable",
    "over_seeds",
    "paired",
    "quick",
    "say",
    "scores",
    "send_to",
    "show",
    "table",
    "take_turns",
    "times_faster",
    "trained",
]
