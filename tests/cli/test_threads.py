import subprocess
import sys

from qbref.cli import threads


def test_a_choice_in_the_environment_counts(monkeypatch):
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert not threads.are_chosen()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.are_chosen()


def test_the_second_process_gets_one_thread_and_the_same_arguments(monkeypatch):
    calls = []
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, env: calls.append((command, env)) or subprocess.CompletedProcess([], 7),
    )
    assert threads.run_with_one(["tour", "--seed", "3"]) == 7
    (command, env), *_ = calls
    assert command == [sys.executable, "-m", "qbref", "tour", "--seed", "3"]
    assert all(env[name] == "1" for name in threads.VARIABLES)


def test_every_library_must_be_told_the_number(monkeypatch):
    for name in threads.VARIABLES:
        monkeypatch.setenv(name, "2")
    assert threads.are(2) and not threads.are(1)
    monkeypatch.setenv(threads.VARIABLES[0], "1")
    assert not threads.are(2)


def test_the_second_process_may_get_several_threads(monkeypatch):
    calls = []
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, env: calls.append(env) or subprocess.CompletedProcess([], 0),
    )
    assert threads.run_with(2, ["bench"]) == 0
    assert all(calls[0][name] == "2" for name in threads.VARIABLES)
