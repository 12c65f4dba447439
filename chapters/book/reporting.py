"""Cells that only report: what they show matters, and their code can stay folded."""

import ast

REPORTS = {"lab.say", "lab.table", "lab.show", "lab.claim", "lab.erratum"}


def only_reports(source):
    """Whether code does nothing but tell what was computed before: prose, tables, pictures, claims.

    Examples
    --------
    >>> only_reports('lab.say(f"{n} signs")')
    True
    >>> only_reports('n = count(x)\\nlab.say(f"{n} signs")')
    False
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return False
    return bool(statements) and all(map(_reports, statements))


def _reports(statement):
    if isinstance(statement, ast.With):
        return [ast.unparse(item.context_expr) for item in statement.items] == ["plots.style()"]
    call = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr) and isinstance(call, ast.Call) and ast.unparse(call.func) in REPORTS
    )
