"""README's examples run, its links resolve, its commands exist."""

import re
from pathlib import Path

import pytest

from qbref import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(enumerate(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)))


def test_the_python_examples_run_in_order_and_reach_what_they_promise(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in BLOCKS.values():
        exec(compile(block, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    accuracy = float(re.search(r"accuracy ([\d.]+)", printed).group(1))
    assert accuracy > 0.9
    assert "differences from the simulation: 0" in printed
    assert "int8 per channel weights, ReLU fused, int8 out" in printed


def test_every_command_is_documented_and_every_documented_command_exists():
    known = {command.__name__.rpartition(".")[2] for command in cli.COMMANDS}
    documented = set(re.findall(r"^\| `qbref (\w+)", README, flags=re.MULTILINE))
    assert documented == known


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


def test_ci_runs_the_test_command_of_the_readme():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for step in ('pip install -e ".[test]"', "python -m pytest"):
        assert step in README and step in ci
