"""The suite also runs on the pure NumPy package: no twins to compare, and its one warning is no error."""

try:
    import qbref_core  # noqa: F401

    COMPILED = True
except ImportError:
    COMPILED = False

collect_ignore = [] if COMPILED else ["test_twins.py", "core"]


def pytest_configure(config):
    """Expect the warning of the pure package."""
    if not COMPILED:
        config.addinivalue_line("filterwarnings", "ignore:qbref_core is not compiled:RuntimeWarning")


def pytest_report_header(config):
    """Say which of the two is being tested."""
    return "kernels: " + ("compiled" if COMPILED else "NumPy only, the compiled twins are not compared")
