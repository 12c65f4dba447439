"""What can be read from a chapter's script without running it: headings, claims, imports."""

import ast
import re
from typing import NamedTuple

from chapters.book import cells

HEADING = re.compile(r"^(#{1,4}) (.+)$", re.MULTILINE)


class Script(NamedTuple):
    """The cells of a script and the syntax tree of its code."""

    cells: list
    tree: ast.Module

    @classmethod
    def of(cls, text):
        parsed = cells.parse(text)
        return cls(parsed, ast.parse("\n".join(cell.source for cell in parsed if cell.kind == "code")))

    def headings(self):
        """Its headings, [(level, text), …]."""
        text = "\n".join(cell.source for cell in self.cells if cell.kind == "markdown")
        return [(len(marks), title) for marks, title in HEADING.findall(text)]

    def recorded(self, kind):
        """The calls of ``lab.claim`` or ``lab.erratum``, [(id, call), …]."""
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return [(call.args[0].value, call) for call in calls if ast.unparse(call.func) == f"lab.{kind}"]

    def typed_verdicts(self):
        """The ids of claims whose verdict no measured value can change."""
        return [id for id, call in self.recorded("claim") if not self._is_computed(call.args[2])]

    def _is_computed(self, verdict):
        made = [verdict, *self._values_of(verdict)]
        calls = [node for tree in made for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return any(
            ast.unparse(call.func) == "lab.not_testable"
            or ast.unparse(call.func) in ("lab.more_than", "lab.facts")
            and any(self._varies(argument) for argument in call.args)
            for call in calls
        )

    def _varies(self, expression):
        """Whether it is built from more than constants, also where a constant has got a name."""
        names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        return any(not self._is_constant(name) for name in names - {"lab"})

    def _is_constant(self, name):
        values = self._values_of(ast.Name(name))
        return bool(values) and all(isinstance(value, ast.Constant) for value in values)

    def _values_of(self, name):
        """What is assigned to a name in the script."""
        if not isinstance(name, ast.Name):
            return []
        return [
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name.id for target in node.targets)
        ]

    def imported(self):
        """The names of modules that it imports."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module

    def private_names(self):
        """Names with a leading underscore that it takes from elsewhere."""
        attributes = [node.attr for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)]
        imported = [
            alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        return [
            name
            for name in attributes + imported
            if name.startswith("_") and not name.startswith("__") and name not in ("_replace", "_asdict")
        ]
