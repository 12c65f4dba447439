"""The figures of `qbref bench` as rows, and as tables for people."""

COLUMNS = "{:31} {:>10} {:>8} {:>10} {:>9} {:>10}"
TITLES = "ms", "GOP/s", "× float32", "of limit", "of reading"


def rows(shape, contenders, timings):
    """One dict for each contender, with its speed beside that of the first, NumPy's float32.

    Parameters
    ----------
    shape : (M, K, N)
    contenders : list of Contender
    timings : list of Timing

    Notes
    -----
    A multiply-add counts as two operations: 2 * M * K * N in all, for signs too.
    """
    m, k, n = shape
    operations = 2 * m * k * n
    baseline = timings[0].seconds
    return [
        {
            "shape": list(shape),
            "contender": contender.name,
            "kind": contender.kind,
            "variant": contender.variant,
            "rounds": rounds,
            "milliseconds": seconds and seconds * 1e3,
            "gops": seconds and operations / seconds * 1e-9,
            "ratio_to_numpy_float32": seconds and baseline / seconds,
            "weight_bytes": contender.weight_bytes,
            "operations_per_byte": operations / contender.moved_bytes,
            "error": error,
        }
        for contender, (seconds, rounds, error) in zip(contenders, timings, strict=True)
    ]


def beside_limits(row, limits, threads=1):
    """The row with its fractions of what so many threads could compute, and one could read.

    A product with one row reads its weights once: of these, bytes per second, over the bytes per second of a
    bare read of as many. None where nothing was measured to compare with. A little above 1 is noise.
    """
    limit, rate = limits.of(row["kind"], row["variant"]), row["gops"]
    reading = limits.reading_of(row["weight_bytes"]) if row["shape"][0] == 1 else None
    return row | {
        "fraction_of_limit": rate / (limit * threads) if rate and limit else None,
        "fraction_of_read_bandwidth": (
            row["weight_bytes"] / row["milliseconds"] * 1e-6 / reading if rate and reading else None
        ),
    }


def header(machine):
    """What the figures depend on."""
    used = f"{machine['threads']} of {machine['processors']} processors"
    return (
        f"qbref {machine['qbref']} compiled by {machine['compiler']}, {machine['date']}\n"
        f"{machine['processor']}, {used}, {machine['load']}\n"
        f"Python {machine['python']}, NumPy {machine['numpy']} with {machine['blas']}"
    )


def limits_table(limits):
    """The limits of one thread: kind by variant, and bytes read."""
    lines = ["Limits of one thread, the highest seen in this run; a multiply-add is two operations"]
    for kind, variants in limits.gops.items():
        rates = "  ".join(f"{name} {rate:,.0f}" for name, rate in variants.items())
        lines.append(f"  {kind:8} {rates} GOP/s, in registers")
    sizes = "  ".join(f"{size(nbytes)} {limits.reading[nbytes]:,.0f}" for nbytes in sorted(limits.reading))
    return "\n".join([*lines, f"  {'reading':8} {sizes} GB/s"])


def size(nbytes):
    """A number of bytes that people can say.

    Examples
    --------
    >>> size(16384), size(2**24)
    ('16 KiB', '16 MiB')
    """
    return f"{nbytes / 2**20:,.4g} MiB" if nbytes >= 2**20 else f"{nbytes / 2**10:,.4g} KiB"


def table(title, found):
    """Rows under a title; what was wrong stands below the row that it belongs to."""
    lines = [title, COLUMNS.format("", *TITLES)]
    for row in found:
        lines.append(COLUMNS.format(row["contender"][:31], *_cells(row)))
        if row["error"]:
            lines.append(f"    {'FAILED' if row['gops'] is None else 'WRONG'}: {row['error']}"[:100])
    return "\n".join(lines)


def _cells(row):
    rate, ratio = row["gops"], row["ratio_to_numpy_float32"]
    return (
        _milliseconds(row["milliseconds"]),
        "–" if rate is None else f"{rate:,.1f}" if rate < 100 else f"{rate:,.0f}",
        "–" if ratio is None else f"{ratio:,.2f}",
        *(
            "–" if row[fraction] is None else f"{row[fraction]:.0%}"
            for fraction in ("fraction_of_limit", "fraction_of_read_bandwidth")
        ),
    )


def _milliseconds(value):
    return "–" if value is None else f"{value:,.3f}" if value < 10 else f"{value:,.1f}"


def threads_table(found):
    """The gain of a second thread."""
    lines = ["A second thread, for calls of a millisecond and more", f"{'1 thread':>57}  2 threads   gain"]
    for row in found:
        one, two = (_milliseconds(row[f"milliseconds_{n}"]) for n in ("one", "two"))
        shape = "×".join(map(str, row["shape"]))
        lines.append(f"{shape:15} {row['contender'][:30]:30} {one:>8}ms {two:>8}ms  {row['gain']:5.2f}")
    return "\n".join(lines)
