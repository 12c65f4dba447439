"""The shape of the project: who may import whom, what is documented, how long a file may be.

Source files are parsed, not imported, so an import hidden in a function counts like any other. Each rule is a
function from a tree on disk to a list of violations; it is applied to this project, and to a small tree that
breaks it.
"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import qbref

ROOT = Path(qbref.__file__).parents[1]
STREAMS = ({"autograd", "nn", "optim"}, {"quant", "binary", "kernels", "calibration"})
COMPILED_MAY_BE_IMPORTED_IN = {"qbref/kernels/backend.py", "qbref/cli/bench.py", "qbref/cli/doctor.py"}
OURS = {"qbref", "qbref_core"}
PYX_LIBRARIES = {"cython", "cpython", "libc", "libcpp", "numpy"}
FORBIDDEN_WORDS = tuple("/" + folder + "/" for folder in ("work", "tmp", "root"))
TEXT_SUFFIXES = {
    ".py",
    ".pyx",
    ".pxd",
    ".pxi",
    ".c",
    ".h",
    ".md",
    ".toml",
    ".cfg",
    ".in",
    ".txt",
    ".yml",
    ".yaml",
}
NOT_OURS = {"build", "dist", "__pycache__", "venv", "env"}


class Import(NamedTuple):
    """One imported name, e.g. ``qbref.quant.params.QuantParams``, and where it stands."""

    target: str
    file: str
    line: int
    in_function: bool

    def __str__(self):
        return f"{self.file}:{self.line} imports {self.target}"


def files_under(root, folder, *suffixes):
    return [
        path for path in sorted((root / folder).rglob("*")) if path.suffix in suffixes and is_ours(path, root)
    ]


def is_ours(path, root):
    parts = path.relative_to(root).parts
    return path.is_file() and not any(
        part in NOT_OURS or part.startswith(".") or part.endswith(".egg-info") for part in parts
    )


@cache  # five rules read the same files
def imports_of(path, root):
    """All imports of a Python file: absolute, relative (resolved), inside functions, by `import_module`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    file = path.relative_to(root).as_posix()
    functions = [
        n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    ]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    return [
        Import(target, file, node.lineno, id(node) in inside)
        for node in ast.walk(tree)
        for target in imported_names(node, path.relative_to(root).parent.parts)
    ]


def imported_names(node, package):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = list(package[: len(package) - node.level + 1]) if node.level else []
        base += [node.module] if node.module else []
        return [".".join([*base, alias.name]) for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def pyx_imports_of(path, root):
    """The same for a Cython file, which `ast` cannot parse: line by line."""
    file = path.relative_to(root).as_posix()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if found := re.match(r"\s*from\s+(\.*[\w.]*)\s+c?import\s", line):
            module = "qbref_core" + found[1] if found[1].startswith(".") else found[1]
            yield Import(module, file, number, False)
        elif found := re.match(r"\s*c?import\s+(\w.*?)\s*(#.*)?$", line):
            for part in found[1].split(","):
                yield Import(part.split()[0], file, number, False)


def all_imports(root, folder):
    for path in files_under(root, folder, ".py"):
        yield from imports_of(path, root)
    for path in files_under(root, folder, ".pyx", ".pxd", ".pxi"):
        yield from pyx_imports_of(path, root)


def package_of(file):
    """`quant` for qbref/quant/affine.py, `random` for qbref/random.py, None for what stands above all."""
    name = file.split("/")[1].removesuffix(".py")
    return None if name in ("__init__", "__main__") else name


def internal_imports(root):
    """(package, imported package, Import) for every import of one part of qbref by another."""
    for found in all_imports(root, "qbref"):
        package, (top, *rest) = package_of(found.file), found.target.split(".")
        if top == "qbref" and package and rest[:1] != [package]:
            yield package, rest[0] if rest else None, found


def reading_order_violations(root, order):
    """A package imports only packages above it in the list; every package is in the list."""
    packages = {package_of(path.relative_to(root).as_posix()) for path in files_under(root, "qbref", ".py")}
    wrong = [f"{package} is not in the reading order" for package in sorted(packages - {None} - set(order))]
    position = {package: index for index, package in enumerate(order)}
    for package, imported, found in internal_imports(root):
        if imported not in position and package == order[-1]:
            continue  # `import qbref` is an import of everything, which the last one may use
        if imported not in position:
            wrong.append(f"{found}, which is no package of the reading order")
        elif package in position and position[imported] > position[package]:
            wrong.append(f"{found}, which is below {package}")
    return wrong


def stream_violations(root, streams=STREAMS):
    """Learning floats and numbers in few bits do not know each other before qnn."""
    one, other = streams
    return [
        str(found)
        for package, imported, found in internal_imports(root)
        if (package in one and imported in other) or (package in other and imported in one)
    ]


def compiled_import_violations(root):
    """Within qbref, the compiled twins are known to three files."""
    return [
        str(found)
        for found in all_imports(root, "qbref")
        if found.target.split(".")[0] == "qbref_core" and found.file not in COMPILED_MAY_BE_IMPORTED_IN
    ]


def foreign_import_violations(root):
    """NumPy, the standard library and ourselves; Matplotlib only to draw, pytest only in tests."""
    neighbours = {path.stem for path in files_under(root, "tests", ".py")} | {"chapters", "tests"}
    allowed = {
        "qbref": OURS | {"numpy"},
        "qbref_core": OURS | PYX_LIBRARIES,
        "chapters": OURS | {"numpy", "matplotlib", "chapters"},
        "tests": OURS | {"numpy", "matplotlib", "pytest"} | neighbours,
    }
    wrong = []
    for folder, names in allowed.items():
        for found in all_imports(root, folder):
            top = found.target.split(".")[0]
            in_plots = found.file.startswith("qbref/plots/") and top == "matplotlib"
            if top not in names and top not in sys.stdlib_module_names and not in_plots:
                wrong.append(str(found))
    return wrong


def eager_matplotlib_violations(root):
    """Matplotlib is imported inside functions: computing needs no pictures."""
    return [
        str(found)
        for found in all_imports(root, "qbref")
        if found.target.split(".")[0] == "matplotlib" and not found.in_function
    ]


def length_violations(root, limit=300):
    """No module of qbref is longer than can be read in one sitting."""
    lengths = {
        path: path.read_text(encoding="utf-8").count("\n") for path in files_under(root, "qbref", ".py")
    }
    return [
        f"{path.relative_to(root)} has {length} lines" for path, length in lengths.items() if length > limit
    ]


def word_violations(root):
    """No file speaks of the machine that it was written on."""
    wrong = []
    for path in files_under(root, ".", *TEXT_SUFFIXES):
        text = path.read_text(encoding="utf-8")
        wrong += [f"{path.relative_to(root)} contains {word}" for word in FORBIDDEN_WORDS if word in text]
    return wrong


def public_objects(package):
    """Functions and classes that a package offers: those of `__all__`, or, without it, those it defines."""
    module = importlib.import_module(f"qbref.{package}")
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            n
            for n, v in vars(module).items()
            if n[0] != "_" and getattr(v, "__module__", "") == module.__name__
        ]
    objects = [(f"qbref.{package}.{name}", getattr(module, name)) for name in names]
    return [(name, value) for name, value in objects if inspect.isfunction(value) or inspect.isclass(value)]


def test_packages_import_only_what_stands_above_them_in_the_reading_order():
    assert reading_order_violations(ROOT, qbref.READING_ORDER) == []


def test_the_two_streams_do_not_meet_before_qnn():
    assert stream_violations(ROOT) == []


def test_compiled_kernels_are_imported_in_three_files_only():
    assert compiled_import_violations(ROOT) == []


def test_nothing_foreign_is_imported():
    assert foreign_import_violations(ROOT) == []


def test_matplotlib_is_never_imported_at_the_top_of_a_module():
    assert eager_matplotlib_violations(ROOT) == []


def test_importing_qbref_and_its_plots_does_not_import_matplotlib():
    code = "import sys, qbref, qbref.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("package", getattr(qbref, "READING_ORDER", ()))
def test_every_public_function_and_class_says_in_its_first_line_what_it_does(package):
    without = [
        name for name, value in public_objects(package) if not (value.__doc__ or "").split("\n")[0].strip()
    ]
    assert without == []


def test_every_package_lists_its_public_names():
    folders = [name for name in qbref.READING_ORDER if (ROOT / "qbref" / name).is_dir()]
    assert [
        name for name in folders if not hasattr(importlib.import_module(f"qbref.{name}"), "__all__")
    ] == []


def test_no_module_is_longer_than_300_lines():
    assert length_violations(ROOT) == []


def test_no_file_speaks_of_one_machine():
    assert word_violations(ROOT) == []


ORDER = ("random", "nn", "quant", "kernels", "qnn", "plots", "cli")


def synthetic(root, files):
    """A tree with these files; the lawful base that each violation is added to."""
    lawful = {
        "qbref/__init__.py": "from qbref import random, nn, quant, qnn",
        "qbref/random.py": "import numpy",
        "qbref/nn/layer.py": "from qbref.random import default_rng\nfrom .module import Module",
        "qbref/quant/affine.py": "import numpy as np\nfrom qbref.quant.params import QuantParams",
        "qbref/qnn/linear.py": "from qbref import nn\nimport qbref.quant.affine",
        "qbref/cli/tour.py": "import qbref as qb\nfrom qbref import __version__",
        "qbref/plots/style.py": "def figure():\n    from matplotlib.figure import Figure",
        "qbref/kernels/backend.py": "def default():\n    import qbref_core",
        "qbref_core/pack.pyx": "cimport cython\nfrom libc.stdint cimport uint64_t\nimport numpy as np  # y",
        "tests/test_pack.py": "import pytest, numpy\nfrom qbref_core import pack",
        "chapters/rounding.py": "import qbref as qb",
    }
    for name, text in (lawful | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text) + "\n", encoding="utf-8")
    return root


RULES = {
    "order": lambda root: reading_order_violations(root, ORDER),
    "streams": stream_violations,
    "compiled": compiled_import_violations,
    "foreign": foreign_import_violations,
    "eager": eager_matplotlib_violations,
    "length": length_violations,
    "words": word_violations,
}


def test_a_lawful_tree_breaks_no_rule(tmp_path):
    root = synthetic(tmp_path, {})
    assert {name: rule(root) for name, rule in RULES.items()} == dict.fromkeys(RULES, [])


@pytest.mark.parametrize(
    "rule, file, text, culprit",
    [
        ("order", "qbref/nn/early.py", "from qbref.qnn import linear", "qbref.qnn.linear"),
        ("order", "qbref/nn/early.py", "from qbref import qnn", "qbref.qnn"),
        ("order", "qbref/nn/early.py", "from .. import qnn", "qbref.qnn"),
        ("order", "qbref/nn/early.py", "from ..qnn.linear import Linear", "qbref.qnn.linear.Linear"),
        ("order", "qbref/nn/early.py", "import qbref.qnn as q", "qbref.qnn"),
        ("order", "qbref/nn/early.py", "def late():\n    import qbref.qnn", "qbref.qnn"),
        ("order", "qbref/nn/early.py", "import qbref", "imports qbref, which is no package"),
        ("order", "qbref/random.py", "from qbref import nn", "qbref.nn"),
        ("order", "qbref/nn/deep/er.py", "from ... import qnn", "qbref.qnn"),
        ("order", "qbref/stray/file.py", "", "stray is not in the reading order"),
        ("streams", "qbref/quant/bad.py", "from qbref.nn import Module", "qbref.nn.Module"),
        ("streams", "qbref/nn/bad.py", "from qbref import quant", "qbref.quant"),
        ("streams", "qbref/autograd/bad.py", "from ..binary.sign import sign", "qbref.binary.sign"),
        ("compiled", "qbref/integer/bad.py", "import qbref_core", "imports qbref_core"),
        ("compiled", "qbref/cli/tour.py", "from qbref_core.pack import pack_bits", "qbref_core.pack"),
        (
            "compiled",
            "qbref/qnn/bad.py",
            "import importlib\nimportlib.import_module('qbref_core')",
            "qbref_core",
        ),
        ("foreign", "qbref/quant/bad.py", "import scipy.special", "scipy.special"),
        ("foreign", "qbref/quant/bad.py", "def f():\n    from torch import nn", "torch.nn"),
        ("foreign", "qbref/quant/bad.py", "def f():\n    import matplotlib", "matplotlib"),
        ("foreign", "qbref/quant/bad.py", "import pytest", "pytest"),
        ("foreign", "qbref_core/bad.pyx", "cimport numpy, scipy.linalg", "scipy.linalg"),
        ("foreign", "qbref_core/bad.pyx", "from scipy.linalg cimport cython_blas", "scipy.linalg"),
        ("foreign", "chapters/bad.py", "import pandas as pd", "pandas"),
        ("foreign", "tests/quant/test_bad.py", "from hypothesis import given", "hypothesis.given"),
        ("eager", "qbref/plots/bad.py", "import matplotlib.pyplot as plt", "matplotlib.pyplot"),
        (
            "eager",
            "qbref/plots/bad.py",
            "try:\n    import matplotlib\nexcept ImportError: pass",
            "matplotlib",
        ),
        ("length", "qbref/nn/long.py", "x = 1\n" * 301, "long.py has 302 lines"),
        ("words", "README.md", "run it in " + FORBIDDEN_WORDS[0] + "here", "README.md"),
        ("words", "qbref_core/bad.pyx", "# see " + FORBIDDEN_WORDS[1] + "notes", "bad.pyx"),
    ],
)
def test_each_rule_sees_its_violation_and_says_where(tmp_path, rule, file, text, culprit):
    found = RULES[rule](synthetic(tmp_path, {file: text}))
    assert len(found) == 1
    assert culprit in found[0]
