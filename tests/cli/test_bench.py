import json
from types import SimpleNamespace

import numpy as np
import pytest

from qbref import cli, kernels
from qbref.cli import bench, bench_against, bench_contenders, bench_report, threads
from qbref.cli.bench_convolutions import patches
from qbref.cli.bench_limits import Limits
from qbref.cli.bench_rounds import Contender, Timing, difference, take_turns

pytest.importorskip(
    "qbref_core", reason="there is nothing to time without the compiled kernels", exc_type=ImportError
)


@pytest.fixture
def one_thread(monkeypatch):
    """The command believes to be the process that it started."""
    for name in threads.VARIABLES:
        monkeypatch.setenv(name, "1")


@pytest.fixture
def fast(monkeypatch, one_thread):
    for name in ("SECONDS", "QUICK_SECONDS"):
        monkeypatch.setattr(bench, name, 0.01)
    monkeypatch.setattr(bench, "LONG", 0.0)
    monkeypatch.setattr("qbref.cli.bench_rounds.TURN", 1e-5)
    monkeypatch.setattr("qbref.cli.bench_limits.WORKING_SETS", (2**12,))
    monkeypatch.setattr(bench, "WORKING_SETS", (2**12,))


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """A module of the user's: right, wrong, and failing in three ways."""
    (tmp_path / "peers_of_mine.py").write_text(
        "import numpy as np\n"
        "def right(lhs, rhs):\n"
        "    wide = rhs.astype(np.int32)\n"
        "    return lambda: lhs.astype(np.int32) @ wide\n"
        "def wrapped(lhs, rhs):\n"
        "    return lambda: lhs @ rhs\n"
        "def refuses(lhs, rhs):\n"
        "    raise NotImplementedError('only uint8')\n"
        "def multiplies_at_once(lhs, rhs):\n"
        "    return lhs\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "peers_of_mine"


def figures(tmp_path, capsys, *arguments):
    status = cli.main(["bench", "--json", str(tmp_path / "figures.json"), *arguments])
    return status, json.loads((tmp_path / "figures.json").read_text()), capsys.readouterr().out


def test_every_figure_follows_from_the_times_and_limits_beside_it(fast, tmp_path, capsys):
    status, found, out = figures(tmp_path, capsys, "--shapes", "5x64x7,1x128x9")
    assert status == 0
    assert found["machine"]["threads"] == 1 and found["machine"]["compiler"] in out
    assert [row["shape"] for row in found["products"] if row["kind"] == "float32"] == [
        [5, 64, 7],
        [1, 128, 9],
    ]
    for row in found["products"]:
        m, k, n = row["shape"]
        baseline = next(r for r in found["products"] if r["kind"] == "float32" and r["shape"] == row["shape"])
        assert row["gops"] == pytest.approx(2 * m * k * n / row["milliseconds"] * 1e-6)
        assert row["ratio_to_numpy_float32"] == pytest.approx(baseline["milliseconds"] / row["milliseconds"])
        assert row["error"] == "" and row["rounds"] >= 3
        limit = found["limits"].get(row["kind"], {}).get(row["variant"])
        if row["kind"] != "float32":
            assert row["fraction_of_limit"] == (limit and pytest.approx(row["gops"] / limit))
        assert (row["fraction_of_read_bandwidth"] is not None) == (m == 1)
        assert row["contender"] in out
    fastest = max(found["limits"]["float32"].values())
    assert found["products"][0]["fraction_of_limit"] == pytest.approx(found["products"][0]["gops"] / fastest)


def test_every_variant_that_runs_here_takes_part(fast, tmp_path, capsys):
    from qbref_core import cpu

    _, found, _ = figures(tmp_path, capsys, "--shapes", "4x64x4")
    for kind, kernel in (("int8", "int8_matmul"), ("xnor", "xnor_matmul"), ("int4", "int4_matmul")):
        raced = [row["variant"] for row in found["products"] if row["kind"] == kind]
        assert list(dict.fromkeys(raced)) == cpu.variants(kernel)


def test_kernels_restricts_what_runs_beside_float32(fast, tmp_path, capsys):
    _, found, _ = figures(tmp_path, capsys, "--shapes", "4x64x4", "--kernels", "float64,int8")
    assert {row["kind"] for row in found["products"]} == {"float32", "float64", "int8"}
    assert {row["kind"] for row in found["convolutions"]} == {"float32", "int8"}


def test_convolutions_and_a_second_thread_are_measured(fast, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("qbref.cli.machine.processors", lambda: 2)
    _, found, out = figures(tmp_path, capsys, "--shapes", "8x64x8")
    assert [row["kind"] for row in found["convolutions"]][:1] == ["float32"]
    assert {"int8", "xnor"} <= {row["kind"] for row in found["convolutions"]}
    assert not any(row["error"] for row in found["convolutions"])
    assert [row["contender"].split()[0] for row in found["two_threads"]] == ["int8", "xnor"]
    for row in found["two_threads"]:
        assert row["gain"] == pytest.approx(row["milliseconds_one"] / row["milliseconds_two"])
    assert "3×3 convolution" in out and "A second thread" in out


def test_the_tables_fit_a_terminal(fast, tmp_path, capsys, peers):
    _, _, out = figures(tmp_path, capsys, "--shapes", "1x64x4", "--against", f"{peers}:wrapped")
    assert max(map(len, out.splitlines())) <= 100


def test_a_picture_is_written(fast, tmp_path, capsys):
    assert cli.main(["bench", "--shapes", "4x64x4", "--picture", str(tmp_path / "roofline.svg")]) == 0
    text = (tmp_path / "roofline.svg").read_text(encoding="utf-8")
    assert "4×64×4" in text and "numpy float32" in text


def test_your_own_function_is_timed_and_its_product_compared_with_the_exact_one(
    fast, tmp_path, capsys, peers
):
    wanted = [f"{peers}:{name}" for name in ("right", "wrapped", "refuses", "multiplies_at_once")]
    arguments = [part for name in wanted for part in ("--against", name)]
    status, found, out = figures(tmp_path, capsys, "--shapes", "5x64x7", *arguments)
    assert status == 0  # others' mistakes are not ours
    right, wrapped, refuses, at_once = (row for row in found["products"] if row["kind"] == "against")
    assert right["error"] == "" and right["gops"] > 0
    assert "entries wrong" in wrapped["error"] and wrapped["gops"] > 0
    assert refuses["error"] == "NotImplementedError: only uint8" and refuses["gops"] is None
    assert "must return a function without arguments, got ndarray" in at_once["error"]
    assert "WRONG: " in out and "FAILED: NotImplementedError: only uint8" in out


def test_a_wrong_kernel_of_our_own_gives_status_1(fast, tmp_path, capsys, monkeypatch):
    import qbref_core

    right = qbref_core.int8_matmul
    monkeypatch.setattr(qbref_core, "int8_matmul", lambda *arguments: right(*arguments) + 1)
    status, found, out = figures(tmp_path, capsys, "--shapes", "5x64x7", "--kernels", "int8")
    assert status == 1 and "WRONG: 35 of 35 entries wrong" in out
    assert all(row["error"] for row in found["products"] if row["kind"] == "int8")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["--shapes", "12x12"],
            "shapes must be like 64x4096x4096 (M, K, N; separated by commas), got '12x12'",
        ),
        (["--shapes", "1x0x1"], "got '1x0x1'"),
        (["--shapes", "2x131072x2"], "K must be at most 131,071, got 131,072 in 2x131072x2"),
        (["--kernels", "int8,int9"], "kernels must list some of float64, int8, xnor, int4, got 'int9'"),
        (["--threads", "0"], "threads must be in 1.."),
        (["--json", "no/such/folder.json"], "path must be in an existing folder"),
        (["--picture", "roofline.gif"], "picture must end in .png or .svg, got roofline.gif"),
        (["--against", "json"], "against must be module:function, got 'json'"),
        (["--against", "no_such_module:f"], "got 'no_such_module:f' (ModuleNotFoundError: "),
        (["--against", "json:no_such_function"], "got 'json:no_such_function' (AttributeError: "),
        (
            ["--against", "json:__name__"],
            "against must name a function, got 'json:__name__', which is 'json'",
        ),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(arguments, message, capsys, one_thread):
    assert cli.main(["bench", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_other_thread_counts_need_another_process(monkeypatch, one_thread):
    started = []
    monkeypatch.setattr("qbref.cli.machine.processors", lambda: 2)
    monkeypatch.setattr(threads, "run_with", lambda n, arguments: started.append((n, arguments)) or 5)
    assert cli.main(["bench", "--threads", "2"]) == 5
    assert started == [(2, ["bench", "--threads", "2"])]


def test_without_compiled_kernels_bench_says_how_to_get_them(monkeypatch, capsys, one_thread):
    monkeypatch.setitem(__import__("sys").modules, "qbref_core", None)
    assert cli.main(["bench"]) == 2
    assert "bench must have compiled kernels" in capsys.readouterr().err


def contender(call, expected=None, name="it", kind="int8", variant="avx2", weight_bytes=8):
    return Contender(name, kind, variant, call, expected, weight_bytes, 10)


def test_contenders_take_turns_and_stay_within_their_context(monkeypatch):
    monkeypatch.setattr("qbref.cli.bench_rounds.TURN", 0.0)
    monkeypatch.setattr("qbref.cli.bench_rounds.WARM_UP", 0.0)
    log = []

    class Held:
        def __enter__(self):
            log.append("hold")

        def __exit__(self, *_):
            log.append("free")

    pair = [contender(lambda name=name: log.append(name))._replace(hold=Held) for name in "ab"]
    timings = take_turns(pair, seconds=1e-9)
    turns = [["hold", name, name, "free"] for name in "ab"]  # once uncounted, once counted
    assert log == sum(turns * 4, [])  # the check and three rounds
    assert [timing.rounds for timing in timings] == [3, 3]


def test_medians_are_taken_of_what_the_clock_shows(monkeypatch):
    now = [0.0]
    durations = iter([1.0, 6.0, 1.0, 3.0])  # the check, three rounds of one call

    def call():
        now[0] += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert take_turns([contender(call)], seconds=2.0) == [Timing(3.0, 3, "")]


def test_an_interrupted_call_does_not_spoil_its_turn(monkeypatch):
    now = [0.0]
    durations = iter([1.0, *[1.0, 9.0, 1.0] * 3])  # the check, three rounds of three calls

    def call():
        now[0] += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("qbref.cli.bench_rounds.TURN", 3.0)
    assert take_turns([contender(call)], seconds=2.0) == [Timing(1.0, 3, "")]


def test_difference_names_the_first_wrong_entry():
    expected = np.array([[1, 2], [3, 4]])
    assert difference(expected.astype(np.int64), expected) == ""
    assert difference(np.array([[1, 2], [0, 0]]), expected) == (
        "2 of 4 entries wrong, the first at [1, 0]: 0 instead of 3"
    )
    assert difference(expected[:1], expected) == "shape (1, 2) instead of (2, 2)"


def fake_limits():
    limits = Limits(
        SimpleNamespace(
            measurable=lambda: {"float32": ["generic", "avx2"], "int8": ["avx2"]},
            gops=lambda variant, kind, **_: {"generic": 50.0, "avx2": 200.0}[variant],
            read_bandwidth=lambda nbytes, **_: 20.0,
        )
    )
    limits.measure()
    return limits


def test_rows_by_hand():
    # 2 * 1 * 1000 * 500 = 10^6 operations in 10 us are 100 GOP/s, half of the limit of 200;
    # 100,000 bytes in 10 us are 10 GB/s, half of the 20 that were read
    timings = [Timing(2e-5, 3, ""), Timing(1e-5, 7, ""), Timing(None, 0, "ValueError: no")]
    others = [contender(None, name="int8"), contender(None, kind="against", variant=None)]
    found = bench_report.rows(
        (1, 1000, 500), [contender(None, kind="float32", variant=None), *others], timings
    )
    row = bench_report.beside_limits(found[1] | {"weight_bytes": 100_000}, fake_limits())
    assert row["gops"] == pytest.approx(100.0) and row["ratio_to_numpy_float32"] == pytest.approx(2.0)
    assert row["fraction_of_limit"] == pytest.approx(0.5)
    assert row["fraction_of_read_bandwidth"] == pytest.approx(0.5)
    assert row["operations_per_byte"] == 100_000 and row["rounds"] == 7
    on_two = bench_report.beside_limits(found[1], fake_limits(), threads=2)
    assert on_two["fraction_of_limit"] == pytest.approx(0.25)
    failed = bench_report.beside_limits(found[2], fake_limits())
    assert failed["gops"] is failed["fraction_of_limit"] is failed["fraction_of_read_bandwidth"] is None
    assert bench_report.beside_limits(found[0], fake_limits())["fraction_of_limit"] == pytest.approx(0.25)


def test_a_limit_is_the_highest_seen_and_fewer_bytes_are_never_slower():
    rates = iter([100.0, 300.0, 200.0])
    read = {2**14: 5.0, 2**24: 10.0, 2**27: 8.0}
    limits = Limits(
        SimpleNamespace(
            measurable=lambda: {"int8": ["avx2"]},
            gops=lambda *_, **__: next(rates),
            read_bandwidth=lambda nbytes, **_: read[nbytes],
        )
    )
    for _ in range(3):
        limits.measure()
    assert (
        limits.of("int8", "avx2") == 300.0
        and limits.of("int8", "generic") is limits.of("xnor", "avx2") is None
    )
    assert [limits.reading_of(n) for n in (1, 2**24, 2**25, 2**28)] == [10.0, 10.0, 8.0, None]


def test_bytes_moved_by_hand():
    from qbref_core import cpu

    backend = bench_contenders.Backend(__import__("qbref_core"), cpu)
    moved = {
        c.name: (c.weight_bytes, c.moved_bytes)
        for c in bench_contenders.products(backend, (2, 64, 3), ("int8", "xnor"))
    }
    # results: 2 * 3 of 4 bytes
    assert moved["numpy float32"] == (768, 512 + 768 + 24)
    assert moved["int8 generic"] == (192, 128 + 192 + 24)
    assert moved["xnor generic"] == (24, 16 + 24 + 24)
    assert [value for name, value in moved.items() if "packing x" in name] == [(24, 512 + 24 + 24)]


def test_threads_are_lent_within_their_context_to_the_variant_that_is_held():
    import qbref_core
    from qbref_core import cpu

    backend = bench_contenders.Backend(qbref_core, cpu)
    before = qbref_core.get_num_threads()
    (name, hold), *_ = backend.held("int8_matmul")
    with backend.threads(3, hold):
        assert (qbref_core.get_num_threads(), cpu.kernel_in_use("int8_matmul"), name) == (
            3,
            "generic",
            "generic",
        )
    assert qbref_core.get_num_threads() == before


def test_one_thread_is_timed_before_two(monkeypatch):
    import qbref_core
    from qbref_core import cpu

    backend = bench_contenders.Backend(qbref_core, cpu)
    seen = []
    slow = contender(lambda: seen.append(qbref_core.get_num_threads()), np.array(None))
    monkeypatch.setattr("qbref.cli.bench_rounds.TURN", 0.0)
    (row,) = bench._on_two_threads(backend, (2, 3, 4), [slow], [Timing(1.0, 3, "")], seconds=1e-9)
    assert list(dict.fromkeys(seen)) == [1, 2]
    assert (row["shape"], row["contender"]) == ([2, 3, 4], "it")


def test_patches_are_the_columns_of_im2col():
    x = np.random.default_rng(0).integers(-128, 128, (2, 5, 4, 3), np.int8)
    assert np.array_equal(patches(x, pad_value=7), kernels.im2col(x, 3, padding=1, pad_value=7))


def test_a_module_beside_the_user_is_found(tmp_path, monkeypatch):
    (tmp_path / "beside_the_user.py").write_text("def f(lhs, rhs):\n    return 'mine'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    assert bench_against.load("beside_the_user:f")(1, 2) == "mine"


def test_limits_are_positive_and_unknown_ones_are_refused():
    from qbref_core import cpu, limits

    for kind, variants in limits.measurable().items():
        for variant in variants:
            assert limits.gops(variant, kind, seconds=1e-4, repeats=1) > 0
    with pytest.raises(
        ValueError, match="variant and kind must be one of .*generic float32.*, got avx9 int8"
    ):
        limits.gops("avx9", "int8")
    with pytest.raises(ValueError, match="nbytes must be positive, got 0"):
        limits.read_bandwidth(0)
    assert limits.read_bandwidth(1, seconds=1e-5, repeats=1) > 0
    with cpu.use("generic"):
        assert limits.measurable() == {"float32": ["generic"]}
