"""Builds the compiled kernels; everything else about the package is in pyproject.toml.

QBREF_PURE=1   installs the NumPy package alone, which needs no compiler.
QBREF_DEBUG=1  compiles with bounds checks, -O1 and debug symbols.
"""

import os
import tempfile
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

PURE = os.environ.get("QBREF_PURE", "0") not in ("", "0")
DEBUG = os.environ.get("QBREF_DEBUG", "0") not in ("", "0")

NO_COMPILER = (
    "qbref could not compile a C file, so please install a C compiler and Python's headers "
    "(Debian and Ubuntu: apt install gcc python3-dev; macOS: xcode-select --install; "
    "Windows: Microsoft C++ Build Tools), or set QBREF_PURE=1 to install the slower NumPy-only package."
)


class BuildKernels(build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        self.force = os.path.exists("build/cython-debug")  # whose modules may look up to date

    def build_extensions(self):
        self.require_compiler()
        optimize = ["-O1", "-g"] if DEBUG else ["-O3", "-g0"]
        for extension in self.extensions:
            if self.compiler.compiler_type == "msvc":
                extension.extra_compile_args = ["/Od", "/Zi"] if DEBUG else ["/O2"]
            else:
                # no fused multiply-add: float requantization rounds after the product, on every machine
                extension.extra_compile_args = [*optimize, "-ffp-contract=off", "-fno-math-errno"]
        super().build_extensions()

    def require_compiler(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "trial.c")
            source.write_text("#include <Python.h>\n")
            try:
                self.compiler.compile([str(source)], output_dir=folder)
            except (CompileError, OSError) as error:
                raise SystemExit(NO_COMPILER) from error


def kernels():
    from Cython.Build import cythonize

    headers = sorted(glob("qbref_core/*.h"))
    extensions = [
        Extension(f"qbref_core.{Path(source).stem}", [source], include_dirs=["qbref_core"], depends=headers)
        for source in sorted(glob("qbref_core/*.pyx"))
    ]
    directives = {"language_level": 3, "boundscheck": DEBUG, "initializedcheck": DEBUG, "wraparound": False}
    folder = "build/cython-debug" if DEBUG else "build/cython"
    return cythonize(extensions, build_dir=folder, compiler_directives=directives)


setup(ext_modules=[] if PURE else kernels(), cmdclass={"build_ext": BuildKernels})
