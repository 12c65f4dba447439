from typing import NamedTuple

from qbref.ptq import Table


class Row(NamedTuple):
    path: str
    count: int
    value: float


def test_text_stands_left_and_numbers_right():
    table = Table([Row("0", 1_234_567, 0.5), Row("long.path", 1, 1e-9)])
    assert str(table).split("\n") == [
        "path           count  value",
        "0          1,234,567    0.5",
        "long.path          1  1e-09",
    ]


def test_an_empty_table_prints():
    assert str(Table()) == "(no rows)"
