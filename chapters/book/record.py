"""What a run of a chapter leaves behind, as Python objects and as ``run.json``."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chapters.book import cells

FILE = "run.json"


@dataclass
class CellRun:
    """One cell: its text, where it stands, what it showed.

    Attributes
    ----------
    kind : str
        ``"markdown"`` or ``"code"``.
    source : str
    line : int
        Of the script, where the source begins.
    outputs : list of dict
        In the order in which they were shown; ``"type"`` says what each is.
    seconds : float or None
        None: this cell did not run.
    """

    kind: str
    source: str
    line: int
    outputs: list = field(default_factory=list)
    seconds: float | None = None


@dataclass
class Run:
    """A chapter's cells and what became of them.

    Attributes
    ----------
    cells : list of CellRun
    error : str or None
        One line, if the script did not reach its end.
    seconds : float or None
        None: it has not run (yet).
    quick : bool
        Trainings were cut short.
    when : str or None
        Start, UTC.
    machine : dict or None
        Processor and versions.
    """

    cells: list
    error: str | None = None
    seconds: float | None = None
    quick: bool = False
    when: str | None = None
    machine: dict | None = None

    @classmethod
    def of(cls, script):
        """The cells of a script that has not run."""
        text = Path(script).read_text(encoding="utf-8")
        return cls([CellRun(cell.kind, cell.source, cell.line) for cell in cells.parse(text)])

    @classmethod
    def load(cls, folder):
        """The run that :meth:`save` left in `folder`."""
        record = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
        record["cells"] = [CellRun(**cell) for cell in record["cells"]]
        return cls(**record)

    def save(self, folder):
        """Write ``run.json``: the whole file or none of it."""
        path = Path(folder) / FILE
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(unfinished, path)

    @property
    def state(self):
        """``"not run yet"``, ``"failed"`` or ``"ran"``."""
        if self.error:
            return "failed"
        return "not run yet" if self.seconds is None else "ran"

    def outputs(self, type):
        """All outputs of one type, in order."""
        return [output for cell in self.cells for output in cell.outputs if output["type"] == type]
