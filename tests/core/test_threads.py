"""The pool, and kernels on several threads: any number of them, from any number of callers, same result."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import qbref_core
from qbref_core import threads


@pytest.fixture(autouse=True)
def restored():
    before = qbref_core.get_num_threads()
    yield
    qbref_core.set_num_threads(before)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_every_part_is_done_once(n, count):
    qbref_core.set_num_threads(n)
    done = []
    threads.run(lambda first, last: done.extend(range(first, last)), count, seconds=1.0)
    assert sorted(done) == list(range(count))


def test_short_work_stays_on_the_calling_thread():
    qbref_core.set_num_threads(4)
    names = []
    threads.run(lambda first, last: names.append(threading.get_ident()), 100, seconds=0.5e-3)
    assert names == [threading.get_ident()]
    assert [threads.useful(s) for s in (0, 0.9e-3, 1.1e-3, 2.1e-3, 1.0)] == [1, 1, 2, 3, 4]


def test_an_error_in_a_part_reaches_the_caller_and_the_pool_lives_on():
    qbref_core.set_num_threads(3)

    def fail(first, last):
        raise RuntimeError("part failed")

    with pytest.raises(RuntimeError, match="part failed"):
        threads.run(fail, 12, seconds=1.0)
    done = []
    threads.run(lambda first, last: done.extend(range(first, last)), 12, seconds=1.0)
    assert sorted(done) == list(range(12))


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2"])
def test_a_number_of_threads_that_makes_no_sense_is_refused(bad):
    before = qbref_core.get_num_threads()
    with pytest.raises((ValueError, TypeError), match="n must be"):
        qbref_core.set_num_threads(bad)
    assert qbref_core.get_num_threads() == before


@pytest.mark.parametrize("text", ["0", "two", "-1", "1.5"])
def test_a_mistake_in_the_environment_is_named(text):
    environment = {**os.environ, "QBREF_NUM_THREADS": text}
    command = [sys.executable, "-c", "import qbref_core"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert f"QBREF_NUM_THREADS must be a positive integer, got '{text}'" in finished.stderr


def long_calls():
    """One call of each kernel that is long enough to be shared out."""
    rng = np.random.default_rng(0)
    lhs = rng.integers(0, 256, (300, 700)).astype(np.uint8)
    rhs = rng.integers(-128, 128, (700, 500)).astype(np.int8)
    zero_points = rng.integers(0, 256, 300), rng.integers(-128, 128, 500)
    image = rng.integers(-128, 128, (4, 28, 28, 48)).astype(np.int8)
    filters = rng.integers(-128, 128, (32, 3, 3, 48)).astype(np.int8)
    depthwise = rng.integers(-128, 128, (48, 5, 5, 1)).astype(np.int8)
    words = rng.integers(0, 2**64, (700, 40), np.uint64)
    packed = rng.integers(0, 256, (4096, 1024)).astype(np.uint8)
    row = rng.integers(-128, 128, (2, 2048)).astype(np.int8)
    return {
        "int8_matmul": lambda k: k.int8_matmul(lhs, rhs, *zero_points),
        "int8_conv2d": lambda k: k.int8_conv2d(image, filters, 1, 1, 1, 1, 5),
        "depthwise": lambda k: k.int8_conv2d(image, depthwise, 1, 2, 1, 48, 5),
        "xnor_matmul": lambda k: k.xnor_matmul(words, words, 40 * 64),
        "int4_matmul": lambda k: k.int4_matmul(row, packed),
        "lut_matmul": lambda k: k.lut_matmul(row, packed, np.arange(-8, 8, dtype=np.int8)),
    }


@pytest.mark.parametrize("name", long_calls())
def test_results_do_not_depend_on_the_number_of_threads(name, monkeypatch):
    monkeypatch.setattr(threads, "LONG_ENOUGH", 1e-5)  # share out what would not be worth it
    call = long_calls()[name]
    qbref_core.set_num_threads(1)
    expected = call(qbref_core)
    for n in (2, 3, 7):
        qbref_core.set_num_threads(n)
        assert np.array_equal(call(qbref_core), expected), n


def test_several_python_threads_may_call_at_once(monkeypatch):
    monkeypatch.setattr(threads, "LONG_ENOUGH", 1e-5)
    calls = list(long_calls().values())
    expected = [call(qbref_core) for call in calls]
    qbref_core.set_num_threads(3)

    def work(i):
        order = [(i + j) % len(calls) for j in range(len(calls))]
        return all(np.array_equal(calls[j](qbref_core), expected[j]) for j in order)

    with ThreadPoolExecutor(4) as callers:
        assert all(callers.map(work, range(8)))


def test_changing_the_number_while_calls_run_changes_no_result(monkeypatch):
    monkeypatch.setattr(threads, "LONG_ENOUGH", 1e-5)
    call = long_calls()["int8_matmul"]
    expected = call(qbref_core)
    with ThreadPoolExecutor(1) as caller:
        results = [caller.submit(call, qbref_core) for _ in range(20)]
        for n in (1, 2, 3, 4) * 5:
            qbref_core.set_num_threads(n)
        assert all(np.array_equal(result.result(), expected) for result in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_makes_threads_of_its_own():
    code = """
import os, warnings, numpy as np, qbref_core
from qbref_core import threads
threads.LONG_ENOUGH = 1e-6
qbref_core.set_num_threads(3)
a = np.ones((300, 300), np.int8)
warnings.simplefilter("ignore")  # forking a process with threads: that is the point
qbref_core.int8_matmul(a, a)
child = os.fork()
if child == 0:
    os._exit(0 if (qbref_core.int8_matmul(a, a) == 300).all() else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
