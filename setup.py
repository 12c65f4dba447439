"""Builds the compiled kernels; everything else about the package is in pyproject.toml.

QBREF_PURE=1                      installs the NumPy package alone, which needs no compiler.
QBREF_DEBUG=1                     compiles with bounds checks, -O1 and debug symbols.
QBREF_SANITIZE=address,undefined  compiles with these sanitizers of gcc or clang.
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
SANITIZE = os.environ.get("QBREF_SANITIZE", "")
STATE = Path("build/kernels-built-as")  # a change of switches rebuilds what only looks up to date

NO_COMPILER = (
    "qbref could not compile a C file, so please install a C compiler and Python's headers "
    "(Debian and Ubuntu: apt install gcc python3-dev; macOS: xcode-select --install; "
    "Windows: Microsoft C++ Build Tools), or set QBREF_PURE=1 to install the slower NumPy-only package."
)

# One statement for each instruction set of dispatch.h: a compiler that cannot translate it skips the variant.
TRIALS = {
    "SSE2": "__m128i x = _mm_setzero_si128(); x = _mm_madd_epi16(x, x);",
    "POPCNT": "long long x = 5; x = _mm_popcnt_u64(x);",
    "AVX2": "__m256i x = _mm256_setzero_si256(); x = _mm256_madd_epi16(x, x);",
    "AVXVNNI": "__m256i x = _mm256_setzero_si256(); x = _mm256_dpbusd_avx_epi32(x, x, x);",
    "AVX512": "__m512i x = _mm512_setzero_si512(); x = _mm512_madd_epi16(x, x);",
    "AVX512VNNI": "__m512i x = _mm512_setzero_si512(); x = _mm512_dpbusd_epi32(x, x, x);",
    "AVX512VPOPCNTDQ": "__m512i x = _mm512_setzero_si512(); x = _mm512_popcnt_epi64(x);",
    "AMX": "_tile_zero(0); _tile_dpbssd(0, 1, 2); _tile_release();",
}
TRIAL = """#include "dispatch.h"
#include <immintrin.h>
QB_TARGET_{name} void trial(void);
QB_TARGET_{name} void trial(void) {{ {statement} }}
"""


class BuildKernels(build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        built_as = STATE.read_text() if STATE.exists() else ""
        self.force = self.force or built_as != switches()

    def build_extensions(self):
        if not self.compiles("#include <Python.h>\n"):
            raise SystemExit(NO_COMPILER)
        trials = {name: TRIAL.format(name=name, statement=code) for name, code in TRIALS.items()}
        macros = [(f"QB_BUILD_{name}", "1") for name, text in trials.items() if self.compiles(text)]
        for extension in self.extensions:
            extension.define_macros = [*extension.define_macros, *macros]
            extension.extra_compile_args, extension.extra_link_args = self.arguments()
        super().build_extensions()
        STATE.parent.mkdir(exist_ok=True)
        STATE.write_text(switches())

    def arguments(self):
        if self.compiler.compiler_type == "msvc":
            return (["/Od", "/Zi"] if DEBUG else ["/O2"]), []
        optimize = ["-O1", "-g"] if DEBUG or SANITIZE else ["-O3", "-g0"]
        # no fused multiply-add: float requantization rounds after the product, on every machine
        compile_args = [*optimize, "-ffp-contract=off", "-fno-math-errno"]
        if not SANITIZE:
            return compile_args, []
        sanitize = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
        return compile_args + sanitize, sanitize

    def compiles(self, text):
        """Whether the compiler translates a C file of this text; what it says is not shown."""
        with tempfile.TemporaryDirectory() as folder, silence():
            source = Path(folder, "trial.c")
            source.write_text(text)
            try:
                self.compiler.compile([str(source)], output_dir=folder, include_dirs=["qbref_core"])
            except (CompileError, OSError):
                return False
        return True


class silence:
    """Sends the standard error of this process and its children to nowhere."""

    def __enter__(self):
        self.kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def __exit__(self, *_):
        os.dup2(self.kept, 2)
        os.close(self.kept)


def switches():
    return f"debug={DEBUG} sanitize={SANITIZE}"


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
