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
