"""Execute the cells of a script, one after another, in this process."""

import ast
import faulthandler
import json
import signal
import sys
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType

from chapters.book.printed import Printed
from chapters.book.record import Run
from qbref import lab
from qbref.cli import machine

ROOT = Path(__file__).parents[2]


def execute(script, folder):
    """Run `script`; ``run.json``, kept up to date after every cell, and the pictures go to `folder`.

    Returns
    -------
    Run
    """
    script, folder = Path(script).resolve(), Path(folder).resolve()
    shown = Shown(folder)
    run = Run.of(script)
    run.quick, run.when, run.machine = lab.quick(), _now(), _machine()
    run.save(folder)
    namespace = _become_main(script)
    started = time.perf_counter()
    for cell in run.cells:
        if cell.kind == "code":
            run.error = _execute_cell(cell, namespace, str(script), shown)
            run.save(folder)
        if run.error:
            break
    run.seconds = time.perf_counter() - started
    run.save(folder)
    return run


class Shown:
    """What the cell at hand shows, in the order in which it is shown."""

    def __init__(self, folder):
        self.folder, self.outputs = folder, []
        self.printed = Printed(folder / "printed.txt")
        lab.send_to(self.add)

    def add(self, thing):
        """Something said or shown, after what was printed before it."""
        self.add_printed()
        output = thing.as_dict(self.folder)
        json.dumps(output)  # what cannot be kept is an error of the line that shows it
        self.outputs.append(output)

    def add_printed(self):
        if text := self.printed.take():
            self.outputs.append({"type": "text", "text": text})

    def add_value(self, value):
        """The value of a cell's last expression."""
        figures = sys.modules.get("matplotlib.figure")
        if figures and isinstance(value, figures.Figure):
            raise TypeError("the value of a cell must not be a Figure: lab.show(fig, alt) describes it, too")
        if hasattr(value, "as_dict"):
            self.add(value)
        elif value is not None:
            print(repr(value))


def _execute_cell(cell, namespace, file, shown):
    """Fill in the cell's outputs and seconds; returns what went wrong in one line, or None."""
    shown.outputs = cell.outputs
    started = time.perf_counter()
    error = None
    try:
        shown.add_value(_value_of(cell, namespace, file))
        shown.add_printed()
    except BaseException as raised:  # sys.exit and Ctrl-C end a chapter like every other exception
        shown.add_printed()
        cell.outputs.append({"type": "error", "traceback": traceback_in(raised, file)})
        error = "".join(traceback.format_exception_only(raised)).strip().splitlines()[-1]
    cell.seconds = time.perf_counter() - started
    return error


def _value_of(cell, namespace, file):
    """Execute a cell; the value of its last statement if that is an expression, else None."""
    # Empty lines before it give tracebacks and inspect.getsource the line numbers of the script.
    tree = ast.parse("\n" * (cell.line - 1) + cell.source, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec", dont_inherit=True), namespace)
    if last:
        return eval(compile(ast.Expression(last.value), file, "eval", dont_inherit=True), namespace)


def traceback_in(error, file):
    """The traceback from the script's own frame on, with paths as seen from the project's folder."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != file:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return text.replace(str(ROOT / "_")[:-1], "")


def _become_main(script):
    """The namespace of a module ``__main__`` whose classes and functions `inspect` and `pickle` find."""
    main = ModuleType("__main__")
    main.__file__ = str(script)
    sys.modules["__main__"] = main
    sys.argv = [str(script)]
    faulthandler.enable()  # a crash in C code says where it happened
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has turned it off
    return main.__dict__


def _now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _machine():
    try:
        from qbref_core import cpu
    except ImportError:
        cpu = None
    described = machine.describe(cpu)
    return {name: described[name] for name in ("qbref", "processor", "processors", "python", "numpy")}
