"""Run the script of one chapter in a process of its own.

``python -m chapters.book.run SCRIPT FOLDER [--quick]`` leaves ``run.json`` and the pictures in FOLDER.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from chapters.book import printed
from chapters.book.record import FILE, CellRun, Run
from qbref.cli import threads

__all__ = ["CellRun", "Run", "run_script"]

ROOT = Path(__file__).parents[2]
TIMEOUT = 300  # seconds
PATIENCE = 5  # seconds between the request to stop and the end


def run_script(path, out_dir, quick=False, timeout=None, data=None):
    """Run a script; whatever happens to it, the result is a Run.

    Parameters
    ----------
    path : path-like
    out_dir : path-like
        An empty folder.
    quick : bool
        Cut trainings short.
    timeout : float or None
        Seconds, by default 300.
    data : path-like or None
        Folder with the full data sets.

    Returns
    -------
    Run
        With `error` if the script raised, crashed, was killed or took too long.
    """
    out_dir, timeout = Path(out_dir).resolve(), TIMEOUT if timeout is None else timeout
    out_dir.mkdir(parents=True, exist_ok=True)
    try:
        Run.of(path)
    except (OSError, ValueError) as error:
        run = Run([], error=f"{type(error).__name__}: {error}", seconds=0.0)
        run.save(out_dir)
        return run
    arguments = [sys.executable, "-m", "chapters.book.run", str(Path(path).resolve()), str(out_dir)]
    started = time.perf_counter()
    with open(out_dir / "printed.txt", "ab") as output:
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=environment(quick, data),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # the script and what it starts end together
        )
    too_long = None
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        too_long = f"stopped after {timeout:g} s, the most that a chapter may take"
        _ask_to_stop(process)
    finally:
        _end(process)
    return _result(path, out_dir, too_long or _how_it_ended(process.returncode), bool(too_long), started)


def environment(quick, data):
    """Variables of a chapter's process."""
    variables = os.environ | {"MPLBACKEND": "Agg", "QBREF_QUICK": "1" if quick else "0"}
    if not threads.are_chosen():
        variables |= dict.fromkeys(threads.VARIABLES, "1")  # what is timed is one thread
    if data is not None:
        variables["QBREF_DATA"] = str(Path(data).resolve())
    return variables


def _how_it_ended(status):
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended by itself, with exit status {status}, before its last cell"


def _ask_to_stop(process):
    """Ctrl-C, so that the traceback says where the script was."""
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def _end(process):
    """End the process and whatever it has left running."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _result(path, out_dir, reason, too_long, started):
    """The run as the script's process left it; if that could not finish it, with the reason."""
    left = out_dir / "printed.txt"
    run = Run.load(out_dir) if (out_dir / FILE).exists() else Run.of(path)
    if died := run.seconds is None:
        run.seconds = time.perf_counter() - started
        cell = next((c for c in run.cells if c.kind == "code" and c.seconds is None), run.cells[-1])
        if text := printed.read(left):
            cell.outputs.append({"type": "text", "text": text})
        cell.outputs.append({"type": "error", "traceback": f"The process was {reason}."})
    if died or (too_long and run.error):
        run.error = reason
        run.save(out_dir)
    left.unlink()
    return run


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m chapters.book.run", description=__doc__)
    parser.add_argument("script", type=Path, metavar="SCRIPT")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="short trainings: figures are no evidence")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.quick:
        os.environ["QBREF_QUICK"] = "1"
    from chapters.book.execute import execute  # not before the environment is as it should be

    return 1 if execute(options.script, options.folder).error else 0


if __name__ == "__main__":
    sys.exit(main())
