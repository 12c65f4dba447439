"""Which variants run: what the environment and `use` say, and that nothing else decides."""

import os
import subprocess
import sys

import pytest

from qbref_core import cpu


def in_a_process_with(kernels, code):
    environment = {**os.environ, "QBREF_KERNELS": kernels}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_generic_is_always_there_and_the_fastest_comes_last():
    for kernel, names in cpu.VARIANTS.items():
        assert names[0] == "generic"
        assert cpu.kernel_in_use(kernel) == cpu.variants(kernel)[-1]
        positions = [names.index(name) for name in cpu.variants(kernel)]
        assert positions == sorted(positions)


def test_an_instruction_set_runs_only_if_built_usable_and_wanted():
    for s in cpu.instruction_sets():
        runs = any(s.name in cpu.variants(kernel) for kernel in cpu.VARIANTS)
        used = any(s.name in names for names in cpu.VARIANTS.values())
        assert runs == (used and s.built and s.processor and s.system and s.wanted), s


def test_the_system_allows_nothing_that_the_processor_lacks():
    assert all(s.processor or not s.system for s in cpu.instruction_sets())


def test_use_restricts_for_a_while_and_then_gives_back_what_was():
    before = cpu.kernel_in_use()
    with cpu.use("sse2"):
        assert set(cpu.variants("int8_matmul")) <= {"generic", "sse2"}
        with cpu.use():
            assert set(cpu.kernel_in_use().values()) == {"generic"}
        assert cpu.kernel_in_use("xnor_matmul") == "generic"
    with pytest.raises(ZeroDivisionError), cpu.use("sse2"):
        1 / 0  # noqa: B018
    assert cpu.kernel_in_use() == before


def test_use_adds_nothing_that_cannot_run():
    missing = [s.name for s in cpu.instruction_sets() if not (s.built and s.system)]
    with cpu.use(*missing):
        assert set(cpu.kernel_in_use().values()) == {"generic"}


def test_unknown_names_are_refused_before_anything_changes():
    before = cpu.kernel_in_use()
    message = "names must list some of generic, sse2.*got 'avx3'"
    with pytest.raises(ValueError, match=message), cpu.use("avx3"):
        pass
    with pytest.raises(ValueError, match="kernel must be one of int8_matmul.*got 'int9'"):
        cpu.kernel_in_use("int9")
    assert cpu.kernel_in_use() == before


def test_the_environment_restricts_the_kernels():
    code = "import qbref_core; print(*sorted(set(qbref_core.kernel_in_use().values())))"
    assert in_a_process_with("generic", code).stdout.split() == ["generic"]
    assert in_a_process_with(" generic, ", code).stdout.split() == ["generic"]
    everything = in_a_process_with("", code).stdout.split()
    assert everything == sorted(set(cpu.kernel_in_use().values())) or "QBREF_KERNELS" in os.environ


def test_a_mistake_in_the_environment_is_named():
    finished = in_a_process_with("avx2,turbo", "import qbref_core")
    assert finished.returncode != 0
    assert "QBREF_KERNELS must list some of generic" in finished.stderr
    assert "got 'turbo'" in finished.stderr
