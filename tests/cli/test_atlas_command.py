import json

import pytest

from qbref import cli
from qbref.conventions.differences import FAMILIES


def test_the_table_fits_80_columns_and_names_every_system_and_rule(capsys):
    assert cli.main(["atlas", "dequantize", "sign"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    one_line = " ".join(text.split())
    for name in ("dequantize", "sign"):
        assert all(rule.system in one_line for rule in FAMILIES[name].rules)
    assert "A B scale 0.1, zero point 0, q = 9: 0.90000004 | 0.9" in one_line
    assert "product: s · (q − z) in float32 | s · (q − z) with s in float64" in one_line


def test_json_holds_every_pair_with_nan_as_text(capsys):
    assert cli.main(["atlas", "sign", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 10  # pairs of five systems
    row = rows[0]
    assert (row["a"], row["b"], row["x"], row["a_result"], row["b_result"]) == (
        "Larq",
        "Larq Compute Engine bits",
        "nan",
        "nan",
        1.0,
    )
    assert row["cause"] == [["nan", "NaN", "+1"]]


def test_a_picture_is_drawn_of_one_family(tmp_path, capsys):
    path = tmp_path / "atlas.png"
    assert cli.main(["atlas", "gradient of sign", "--picture", str(path)]) == 0
    assert path.read_bytes()[1:4] == b"PNG"
    assert cli.main(["atlas", "--picture", str(path)]) == 2
    assert "family must be one to draw a picture of it, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["atlas", "rounding"], ["atlas", "sign", "rounding"]])
def test_an_unknown_family_is_one_line_on_stderr(arguments, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert "name must be one of quantize" in captured.err and captured.err.count("\n") == 1
    assert not captured.out
