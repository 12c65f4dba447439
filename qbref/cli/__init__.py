"""The command line: ``qbref …`` or ``python -m qbref …``."""

import argparse
import sys

import qbref
from qbref.cli import atlas, bench, doctor, evaluate, inspect, tour

COMMANDS = tour, evaluate, inspect, bench, doctor, atlas

__all__ = ["main"]


def main(arguments=None):
    """Run a command; returns the exit status: 0, or 2 for a mistake in what was asked.

    Parameters
    ----------
    arguments : list of str or None
        Default: those of the process.
    """
    parser = argparse.ArgumentParser(prog="qbref", description=qbref.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"qbref {qbref.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        text = command.__doc__.strip()
        subparser = subparsers.add_parser(name, help=text.splitlines()[0], description=text)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    options.arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return options.run(options) or 0
    except (ValueError, TypeError, OSError) as error:
        print(f"qbref {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"qbref {options.command}: interrupted", file=sys.stderr)
        return 130
