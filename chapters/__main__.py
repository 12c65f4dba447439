"""Run the chapters and build the book: ``python -m chapters``.

Without names all chapters run, one after another; with names ("realtime/2.1.2", or "2.1.2" where one document
alone has it) only theirs, and the other pages show the last run.
"""

import argparse
import signal
import sys
from pathlib import Path

from chapters import contents
from chapters.book import build, serve
from chapters.book.links import page_of
from chapters.book.outputs import COUNTED

SCRIPTS = Path(__file__).parent


def main(arguments=None):
    """Exit status: 0, or 1 if a chapter failed, 2 for a mistake in what was asked, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the running chapter, too
    try:
        return _run(options)
    except (ValueError, OSError) as error:
        print(f"python -m chapters: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\npython -m chapters: interrupted; chapters that had ended are kept", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m chapters", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="chapters or sections to run")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="the same as NAME …")
    parser.add_argument("--list", action="store_true", help="list the chapters, and run nothing")
    parser.add_argument("--quick", action="store_true", help="short trainings: figures are no evidence")
    parser.add_argument("--no-run", action="store_true", help="pages from the scripts alone, without results")
    parser.add_argument(
        "--serve", nargs="?", type=int, const=serve.PORT, metavar="PORT", help="show the book in a browser"
    )
    parser.add_argument("--output", type=Path, default=Path("book"), metavar="DIR", help="default: book/")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the full data sets")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="of one chapter; default: 300")
    return parser


def _run(options):
    names = [*options.names, *options.only]
    chapters = list(dict.fromkeys(map(contents.find, names))) or list(contents.CHAPTERS)
    if options.list:
        return _list(chapters)
    if options.data and not options.data.is_dir():
        raise FileNotFoundError(f"data must be a folder, got {options.data}")
    status = 0
    if names or options.serve is None or not (options.output / "index.html").exists():
        status = _build(options, chapters)
    if options.serve is not None:
        _serve(options.output, options.serve, page_of(chapters[0]) if names else "")
    return status


def _list(chapters):
    for chapter in chapters:
        print(f"{chapter.name:30} {chapter.title}")
    return 0


def _build(options, chapters):
    builder = build.Build(contents, SCRIPTS, options.output)
    try:
        if not options.no_run:
            if chapters == list(contents.CHAPTERS):
                builder.train_shared(options.quick, options.data)
            builder.run(chapters, quick=options.quick, timeout=options.timeout, data=options.data)
    finally:
        book = builder.write(keep_runs=not options.no_run)
    failed = [chapter.name for chapter in chapters if book.runs[chapter.name].error]
    print(_summary(book, failed, options.output), file=sys.stderr)
    return 1 if failed else 0


def _summary(book, failed, output):
    counts = [f"{n} {COUNTED[word][n != 1]}" for word, n in book.verdict_counts().items() if n]
    n_claims = len(book.outputs("claim"))
    claims = f" · {n_claims} claim{'s'[: n_claims != 1]}: {', '.join(counts)}" if counts else ""
    failures = f" · FAILED: {', '.join(failed)}" if failed else ""
    return f"{output / 'index.html'}{claims}{failures}"


def _serve(folder, port, page):
    with serve.serve(folder, port) as server:
        print(f"http://127.0.0.1:{server.server_port}/{page}  (Ctrl-C ends it)", file=sys.stderr)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
