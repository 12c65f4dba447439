"""A chapter runs in a process of its own, and whatever it does, there is a record of it."""

import subprocess
import sys
import textwrap
import time

import pytest

from chapters.book import run
from chapters.book.printed import LAST_LINES, MOST_CHARACTERS, MOST_LINES, clean, shortened
from chapters.book.record import Run


@pytest.fixture
def run_text(tmp_path):
    def run_text(text, **options):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text), encoding="utf-8")
        return run.run_script(script, tmp_path / "out", **options)

    return run_text


def outputs(cell):
    """Outputs in short: the type, and the text if it is printed text."""
    return [(o["type"], o["text"]) if o["type"] == "text" else o["type"] for o in cell.outputs]


def code(found):
    return [cell for cell in found.cells if cell.kind == "code"]


def test_cells_share_a_namespace_and_their_outputs_stand_in_the_order_in_which_they_were_shown(run_text):
    found = run_text("""
        # %% [markdown]
        # # A title
        # %%
        import os, sys
        from qbref import lab
        print("one")
        lab.say("**two**")
        print("three", file=sys.stderr)
        print("four", end="")
        os.system("echo five")
        # %%
        lab.table(("a",), [(len("123"),)])
        6 + 1
        """)
    first, second = code(found)
    assert found.error is None
    assert [cell.kind for cell in found.cells] == ["markdown", "code", "code"]
    assert outputs(first) == [("text", "one\n"), "prose", ("text", "three\nfourfive\n0\n")]
    assert outputs(second) == ["table", ("text", "7\n")]


def test_the_last_expression_of_a_cell_shows_its_value_as_in_a_notebook(run_text):
    found = run_text("""
        # %%
        from qbref import lab
        None
        # %%
        x = 3
        # %%
        'text'
        # %%
        lab.Prose("p")
        """)
    assert found.error is None
    assert [outputs(cell) for cell in code(found)] == [[], [], [("text", "'text'\n")], ["prose"]]


def test_a_picture_stands_beside_the_record_and_a_figure_that_is_a_value_is_an_error(run_text, tmp_path):
    found = run_text("""
        # %%
        from qbref import lab, plots
        lab.show(plots.figure(300, 200), "Nothing.")
        # %%
        plots.figure(300, 200)
        """)
    (picture,) = found.outputs("picture")
    assert (tmp_path / "out" / picture["file"]).read_bytes().startswith(b"\x89PNG")
    assert (picture["width"], picture["height"]) == (300, 200)
    assert found.error.startswith("TypeError: ") and "lab.show(fig, alt)" in found.error


def test_an_exception_ends_the_script_with_a_traceback_of_its_own_frames_and_lines(run_text, tmp_path):
    found = run_text("""
        # %%
        def fails(x):
            return 1 / x
        # %%
        print("before")
        fails(0)
        # %%
        print("after")
        """)
    _, failed, after = code(found)
    assert found.error == "ZeroDivisionError: division by zero"
    assert outputs(failed) == [("text", "before\n"), "error"]
    text = failed.outputs[-1]["traceback"]
    assert 'script.py", line 7, in <module>\n    fails(0)' in text
    assert 'script.py", line 4, in fails' in text
    assert "execute.py" not in text and "runpy" not in text
    assert (after.outputs, after.seconds) == ([], None)


@pytest.mark.parametrize(
    "statement, error",
    [
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("import os; os._exit(0)", "ended by itself, with exit status 0, before its last cell"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
    ],
)
def test_however_a_script_ends_itself_the_run_says_so_and_keeps_what_was_shown_before(
    run_text, statement, error
):
    found = run_text(f"# %%\nprint('shown')\n# %%\nprint('last words')\n# %%\n{statement}\n# %%\nprint(1)\n")
    assert found.error == error
    assert [outputs(cell) for cell in code(found)[:2]] == [[("text", "shown\n")], [("text", "last words\n")]]
    assert outputs(code(found)[2])[-1] == "error"
    assert code(found)[3].outputs == []


def test_what_was_printed_in_the_cell_that_died_is_kept(run_text):
    found = run_text("# %%\nimport os\nprint('last words')\nos.abort()\n")
    text, error = code(found)[0].outputs
    assert text["text"].startswith("last words\nFatal Python error: Aborted")
    assert error == {"type": "error", "traceback": "The process was ended by SIGABRT."}


def test_a_script_that_takes_too_long_is_stopped_and_its_traceback_says_where(run_text):
    found = run_text("# %%\nprint('begins')\nwhile True:\n    pass\n", timeout=5)
    assert found.error == "stopped after 5 s, the most that a chapter may take"
    assert outputs(code(found)[0]) == [("text", "begins\n"), "error"]
    assert "KeyboardInterrupt" in code(found)[0].outputs[-1]["traceback"]


def test_a_script_that_ignores_being_asked_to_stop_is_ended(run_text, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    text = "# %%\nimport signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)\n"
    found = run_text(text, timeout=2)
    assert found.error == "stopped after 2 s, the most that a chapter may take"


def test_what_a_script_leaves_running_ends_with_it(run_text, tmp_path):
    late = tmp_path / "late"
    run_text(f"# %%\nimport os\nos.system('(sleep 1.5; touch {late}) &')\n")
    time.sleep(2)
    assert not late.exists()


def test_a_hundred_thousand_lines_are_shortened_and_printing_forever_does_not_fill_the_disk(
    run_text, tmp_path
):
    found = run_text(
        "# %%\nfor i in range(100_000):\n    print(i)\n# %%\nwhile True:\n    print('y' * 1_000_000)\n",
        timeout=60,
    )
    lines = code(found)[0].outputs[0]["text"].splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[MOST_LINES - LAST_LINES] == f"[… {100_000 - MOST_LINES:,} lines left out …]"
    assert (lines[0], lines[-1]) == ("0", "99999")
    assert found.error == "OSError: [Errno 27] File too large"
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 1_000_000


def test_a_line_that_is_too_long_is_shortened():
    text = shortened("x" * (MOST_CHARACTERS + 10))
    assert "[… 10 characters left out …]" in text
    assert text.count("x") == MOST_CHARACTERS


def test_control_characters_do_not_reach_a_page():
    assert clean("a\x00b\x1b[31mred\x1b[0m\x07\n0 %\r99 %\r\n\tend") == "abred\n99 %\n\tend"


def test_source_and_classes_can_be_inspected_and_pickled(run_text):
    found = run_text("""
        # %%
        import inspect, pickle
        class Level:
            n = 1
        def twice(x):
            return 2 * x
        # %%
        assert inspect.getsource(twice) == "def twice(x):\\n    return 2 * x\\n"
        assert inspect.getsource(Level) == "class Level:\\n    n = 1\\n"
        assert type(pickle.loads(pickle.dumps(Level()))) is Level
        assert __name__ == "__main__" and __file__.endswith("script.py")
        """)
    assert found.error is None


def test_a_run_says_whether_it_was_quick_and_when_and_where_it_took_place(run_text, tmp_path):
    text = "# %%\nimport os\nos.environ['QBREF_QUICK'], os.environ['QBREF_DATA']"
    found = run_text(text, quick=True, data=tmp_path)
    assert found.quick
    assert outputs(code(found)[0]) == [("text", f"('1', {str(tmp_path.resolve())!r})\n")]
    assert found.when.endswith(" UTC")
    assert set(found.machine) == {"qbref", "processor", "processors", "python", "numpy"}
    assert Run.load(tmp_path / "out") == found


def test_what_is_timed_is_one_thread_unless_the_reader_chose(monkeypatch):
    for name in run.threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert run.environment(quick=False, data=None)["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert "OPENBLAS_NUM_THREADS" not in run.environment(quick=False, data=None)


@pytest.mark.parametrize("text, error", [("print(1)\n", "ValueError: "), (None, "FileNotFoundError: ")])
def test_a_script_that_is_no_chapter_is_a_run_with_an_error(tmp_path, text, error):
    if text:
        (tmp_path / "script.py").write_text(text)
    found = run.run_script(tmp_path / "script.py", tmp_path / "out")
    assert found.cells == [] and found.error.startswith(error)
    assert Run.load(tmp_path / "out") == found


def test_the_command_ends_with_status_one_if_the_script_failed(tmp_path):
    (tmp_path / "script.py").write_text("# %%\n1 / 0\n")
    command = [sys.executable, "-m", "chapters.book.run", tmp_path / "script.py", tmp_path / "out"]
    assert subprocess.run(command, cwd=run.ROOT).returncode == 1
    assert Run.load(tmp_path / "out").error == "ZeroDivisionError: division by zero"
