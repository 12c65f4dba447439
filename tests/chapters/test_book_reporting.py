"""Which cells are folded: those that compute nothing."""

import pytest

from chapters.book.reporting import only_reports


@pytest.mark.parametrize(
    "source",
    [
        "lab.claim('a/1#b', 'It is so.', lab.facts(a < b), f'{a} and {b}.')",
        "with plots.style():\n    fig = plots.figure()\n    fig.add_subplot()\nlab.show(fig, alt='A line.')",
        "lab.table(('a', 'b'), [(n, f'{v:.2f}') for n, v in found.items()])\nlab.say('So.')",
        "# a comment\nlab.erratum('a/1#c', 'One.', 'Two.', 'Three.')",
    ],
)
def test_a_cell_that_only_tells_is_folded(source):
    assert only_reports(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# a comment",
        "print(x)",
        "lab.trained(build, train)",
        "x = 1\nlab.say('So.')",
        "with open('x') as file:\n    text = file.read()\nlab.say(text)",
        "lab.say('So.'",
    ],
)
def test_a_cell_that_computes_something_stays_open(source):
    assert not only_reports(source)
