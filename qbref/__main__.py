"""``python -m qbref``: the same as the command ``qbref``."""

import sys

from qbref.cli import main

if __name__ == "__main__":
    sys.exit(main())
