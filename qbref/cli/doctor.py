"""Say what runs on this machine, what does not and why, and check the kernels.

Each variant of each compiled kernel that can run here multiplies small random matrices, and must give the
same integers as the definition in NumPy. The exit status is 1 if one does not, else 0.
"""

import json

import numpy as np

from qbref import kernels
from qbref.cli import machine
from qbref.quant import pack_int4

WIDTH = 100  # columns of the page
HOW_TO_BUILD = "with a C compiler at hand, `pip install -e .` in the checkout builds it"
# The oldest compilers that know each instruction set and target attributes for its intrinsics.
COMPILERS = {
    "sse2": "gcc 4.9 or clang 3.8",
    "popcnt": "gcc 4.9 or clang 3.8",
    "avx2": "gcc 4.9 or clang 3.8",
    "avxvnni": "gcc 11 or clang 12",
    "avx512": "gcc 5 or clang 4",
    "avx512vnni": "gcc 8 or clang 6",
    "avx512vpopcntdq": "gcc 7 or clang 5",
    "amx": "gcc 11 or clang 12",
}


def add_arguments(parser):
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options):
    """Look, check, print; returns the exit status."""
    findings = examine()
    print(json.dumps(findings, indent=1) if options.json else as_text(findings))
    return 0 if all(check["ok"] for check in findings["checks"]) else 1


def examine():
    """Return a dict of all that the command prints."""
    try:
        import qbref_core
        from qbref_core import cpu
    except ImportError as error:
        nothing = {"instruction_sets": [], "kernels": {}, "checks": []}
        return machine.describe() | {"qbref_core": False, "why": str(error), "threads": 1} | nothing
    sets = [s._asdict() | {"advice": advice(s)} for s in cpu.instruction_sets()]
    return machine.describe(cpu) | {
        "qbref_core": True,
        "why": "",
        "threads": qbref_core.get_num_threads(),
        "instruction_sets": sets,
        "kernels": cpu.kernel_in_use(),
        "checks": self_check(qbref_core, cpu),
    }


def advice(found):
    """Why an instruction set does not run and what to do about it, or '' if it runs.

    Parameters
    ----------
    found : qbref_core.cpu.InstructionSet
        Its name, and whether it is built, in the processor, allowed by the system, and wanted.
    """
    if not found.processor:
        return "the processor does not have it; nothing to do"
    if not found.built:
        return (
            f"the compiler did not know it: install {COMPILERS[found.name]}, or newer, and then qbref again"
        )
    if not found.system and found.name == "amx":
        return (
            "the system does not grant it: Linux 5.16 or newer, with arch_prctl allowed, in a VM that has it"
        )
    if not found.system:
        return "the system does not save its registers: a newer kernel, or a hypervisor that lets it through"
    return "" if found.wanted else "QBREF_KERNELS leaves it out: unset it, or add the name"


def product_of_int8(backend, rng):
    """int8 times int8, with tails in every direction."""
    lhs, rhs = (rng.integers(-128, 128, shape, np.int8) for shape in ((13, 259), (259, 37)))
    return backend.int8_matmul(lhs, rhs, lhs_zero_point=-3)


def product_of_signs(backend, rng):
    """Packed signs times packed signs."""
    a, b = (rng.normal(size=shape).astype(np.float32) for shape in ((13, 259), (37, 259)))
    return backend.xnor_matmul(backend.pack_bits(a), backend.pack_bits(b), 259)


def product_of_int4(backend, rng):
    """int8 times packed 4-bit weights."""
    lhs, weights = rng.integers(-128, 128, (13, 259), np.int8), rng.integers(-8, 8, (37, 259), np.int8)
    return backend.int4_matmul(lhs, pack_int4(weights), lhs_zero_point=5)


def product_of_a_table(backend, rng):
    """int8 times 4-bit codes into a table."""
    lhs, table = rng.integers(-128, 128, (13, 259), np.int8), rng.integers(-128, 128, 16, np.int8)
    return backend.lut_matmul(lhs, rng.integers(0, 256, (37, 130), np.uint8), table, lhs_zero_point=5)


# kernel, as qbref_core.cpu.VARIANTS has it -> a product that a backend computes
PRODUCTS = {
    "int8_matmul": product_of_int8,
    "xnor_matmul": product_of_signs,
    "int4_matmul": product_of_int4,
    "lut_matmul": product_of_a_table,
}


def self_check(core, cpu):
    """Compare every variant that can run with its NumPy definition; returns a list of dicts, one for each."""
    checks = []
    for kernel, product in PRODUCTS.items():
        expected = product(kernels, np.random.default_rng(0))
        for variant in cpu.variants(kernel):
            with cpu.use(*machine.up_to(variant, cpu.INSTRUCTION_SETS)):
                same = np.array_equal(product(core, np.random.default_rng(0)), expected)
            checks.append({"kernel": kernel, "variant": variant, "ok": same})
    return checks


def as_text(findings):
    """The findings for people."""
    lines = [
        f"qbref       {findings['qbref']} on Python {findings['python']}",
        f"processor   {findings['processor']}, {findings['processors']} usable, {findings['system']}",
        f"NumPy       {findings['numpy']}, {findings['blas']}",
    ]
    if not findings["qbref_core"]:
        return "\n".join(
            [
                *lines,
                f"kernels     the definitions in NumPy: qbref_core does not load ({findings['why']})",
                f"what to do  {HOW_TO_BUILD}",
            ]
        )
    lines += [
        f"kernels     compiled by {findings['compiler']}, up to {findings['threads']} threads a call",
        "",
        "instruction set  built  processor  system  wanted",
    ]
    for found in findings["instruction_sets"]:
        marks = ("yes" if found[key] else "no" for key in ("built", "processor", "system", "wanted"))
        line = "{:15}  {:5}  {:9}  {:6}  {:6}  ".format(found["name"], *marks)
        beside = len(line + found["advice"]) <= WIDTH
        lines += [(line + found["advice"]).rstrip()] if beside else [line.rstrip(), f"    {found['advice']}"]
    lines += ["", "kernel              runs as           checked against NumPy"]
    for kernel, variant in findings["kernels"].items():
        checks = [check for check in findings["checks"] if check["kernel"] == kernel]
        results = ", ".join(f"{check['variant']} {'ok' if check['ok'] else 'WRONG'}" for check in checks)
        lines.append(f"{kernel:18}  {variant:16}  {results}")
    return "\n".join(lines)
