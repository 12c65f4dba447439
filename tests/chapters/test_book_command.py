"""``python -m chapters``: what it is asked, what it answers, and with which status."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from threading import Thread

import pytest

from chapters import __main__ as command
from chapters.book import serve
from tests.chapters.book_of_three import CONTENTS, THREE, write_scripts


@pytest.fixture(autouse=True)
def book_of_three(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "contents", CONTENTS)
    monkeypatch.setattr(command, "SCRIPTS", write_scripts(tmp_path / "scripts"))
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)


def test_a_failed_chapter_gives_status_one_and_a_summary(capsys):
    assert command.main(["text/2.1.2", "--only", "text/3"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in told[:2]] == [["[1/2]", "text/2.1"], ["[2/2]", "text/3"]]
    assert told[2] == f"{os.path.join('book', 'index.html')} · 1 claim: 1 holds · FAILED: text/3"


def test_a_chapter_that_runs_gives_status_zero(tmp_path):
    assert command.main(["basics/sums", "--output", "elsewhere", "--quick"]) == 0
    text = (tmp_path / "elsewhere" / "basics" / "sums" / "index.html").read_text(encoding="utf-8")
    assert "2 &lt;b&gt;" in text and "no evidence" in text


def test_the_list_names_every_chapter_and_runs_nothing(capsys, tmp_path):
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == ["basics/sums", "text/2.1", "text/3"]
    assert not (tmp_path / "book").exists()


def test_without_running_all_pages_are_written(tmp_path):
    assert command.main(["--no-run"]) == 0
    assert len(list((tmp_path / "book").rglob("index.html"))) == 4


@pytest.mark.parametrize("arguments", [["text/9"], ["--data", "nowhere"]])
def test_a_mistake_in_what_was_asked_gives_status_two_before_anything_runs(arguments, capsys, tmp_path):
    assert command.main(arguments) == 2
    assert arguments[-1] in capsys.readouterr().err
    assert not (tmp_path / "book").exists()


def test_a_time_limit_can_be_given(capsys, tmp_path):
    (tmp_path / "scripts" / THREE.file).write_text("# %%\nwhile True:\n    pass\n")
    assert command.main(["text/3", "--timeout", "3"]) == 1
    assert "stopped after 3 s" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_when_the_build_is_stopped_the_chapter_stops_with_it(tmp_path, how, status):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    (tmp_path / "scripts" / THREE.file).write_text(
        f"# %%\nimport pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(2)\n"
        f"pathlib.Path({str(ended)!r}).touch()\n"
    )
    program = (
        "import signal, sys, pathlib; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from chapters import __main__ as command; from tests.chapters.book_of_three import CONTENTS\n"
        f"command.contents, command.SCRIPTS = CONTENTS, pathlib.Path({str(tmp_path / 'scripts')!r})\n"
        f"sys.exit(command.main(['text/3', '--output', {str(tmp_path / 'book')!r}]))"
    )
    root = command.build.ASSETS.parents[2]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stderr=subprocess.PIPE) as process:
        while not begun.exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(how)
        assert process.wait(30) == status
        assert b"Traceback" not in process.stderr.read()
    time.sleep(2.2)
    assert not ended.exists()
    assert not list((tmp_path / "book").rglob("run.json"))


def test_the_server_shows_the_folder_to_this_computer_only(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    with serve.serve(tmp_path, 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert answer.read() == b"the book"
        server.shutdown()
        assert server.server_address[0] == "127.0.0.1"


def test_serving_a_book_that_is_there_does_not_run_it_again(monkeypatch, tmp_path):
    served = []
    monkeypatch.setattr(command, "_serve", lambda folder, port, page: served.append((port, page)))
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text("built before")
    assert command.main(["--serve"]) == 0
    assert command.main(["--serve", "8123", "--no-run", "--only", "basics/sums"]) == 0
    assert served == [(8000, ""), (8123, "basics/sums/index.html")]
    assert (tmp_path / "book" / "index.html").read_text() != "built before"
