import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from qbref import cli
from qbref.cli import doctor


@pytest.fixture
def core():
    return pytest.importorskip(
        "qbref_core", reason="the compiled kernels are not built", exc_type=ImportError
    )


def findings(capsys):
    status = cli.main(["doctor", "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_every_variant_that_runs_is_checked_and_found_right(core, capsys):
    from qbref_core import cpu

    status, found = findings(capsys)
    assert status == 0
    for kernel in cpu.VARIANTS:
        checked = [check["variant"] for check in found["checks"] if check["kernel"] == kernel]
        assert checked == cpu.variants(kernel)
    assert all(check["ok"] is True for check in found["checks"])
    assert found["kernels"] == cpu.kernel_in_use()


def test_a_check_runs_the_variant_that_it_names(core, monkeypatch):
    from qbref_core import cpu

    seen = []
    monkeypatch.setitem(
        doctor.PRODUCTS,
        "int8_matmul",
        lambda backend, rng: seen.append((backend, cpu.kernel_in_use("int8_matmul"))) or 1,
    )
    doctor.self_check(core, cpu)
    assert [name for backend, name in seen if backend is core] == cpu.variants("int8_matmul")


def test_a_wrong_kernel_is_named_and_gives_status_1(core, capsys, monkeypatch):
    right = core.xnor_matmul
    monkeypatch.setattr(core, "xnor_matmul", lambda *arguments: right(*arguments) + 2)
    status, found = findings(capsys)
    assert status == 1
    assert {check["kernel"] for check in found["checks"] if not check["ok"]} == {"xnor_matmul"}
    assert cli.main(["doctor"]) == 1
    assert "generic WRONG" in capsys.readouterr().out


def test_the_page_names_processor_compiler_versions_and_every_instruction_set(core, capsys):
    from qbref_core import cpu

    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for text in (
        cpu.compiler(),
        np.__version__,
        sys.version.split()[0],
        *cpu.INSTRUCTION_SETS,
        *cpu.VARIANTS,
    ):
        assert text in out
    assert "WRONG" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_without_compiled_kernels_it_says_why_and_how_to_build_them(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "qbref_core", None)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "qbref_core does not load" in out and "pip install -e ." in out
    status, found = findings(capsys)
    assert (status, found["qbref_core"], found["checks"], found["compiler"]) == (0, False, [], None)


def instruction_set(name="avx512vnni", built=True, processor=True, system=True, wanted=True):
    return SimpleNamespace(name=name, built=built, processor=processor, system=system, wanted=wanted)


@pytest.mark.parametrize(
    "found, text",
    [
        (instruction_set(), ""),
        (instruction_set(processor=False, system=False), "the processor does not have it; nothing to do"),
        (instruction_set(processor=False, system=False, built=False), "nothing to do"),
        (instruction_set(built=False), "install gcc 8 or clang 6, or newer, and then qbref again"),
        (instruction_set("amx", built=False), "install gcc 11 or clang 12, or newer, and then qbref again"),
        (
            instruction_set(system=False),
            "the system does not save its registers: a newer kernel, or a hypervisor",
        ),
        (instruction_set("amx", system=False), "Linux 5.16 or newer"),
        (instruction_set(wanted=False), "QBREF_KERNELS leaves it out: unset it"),
    ],
)
def test_advice_names_the_reason_and_the_remedy(found, text):
    assert text in doctor.advice(found) and bool(text) == bool(doctor.advice(found))


def test_there_is_a_compiler_to_recommend_for_every_instruction_set(core):
    from qbref_core import cpu

    assert set(doctor.COMPILERS) == set(cpu.INSTRUCTION_SETS) - {"generic"}


def test_every_kernel_with_variants_has_a_check(core):
    from qbref_core import cpu

    assert set(doctor.PRODUCTS) == set(cpu.VARIANTS)


def test_what_qbref_kernels_leaves_out_is_shown(core, capsys):
    from qbref_core import cpu

    with cpu.use("generic"):
        _, found = findings(capsys)
    assert set(found["kernels"].values()) == {"generic"}
    assert [check["variant"] for check in found["checks"]] == ["generic"] * len(found["checks"])
    assert not any(s["wanted"] for s in found["instruction_sets"] if s["name"] != "generic")
