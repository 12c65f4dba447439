"""The highest speeds seen so far: a busy machine shows less than its limits, never more."""

WORKING_SETS = 2**14, 2**24, 2**27  # bytes: the first-level cache, the last-level one or not, memory


class Limits:
    """Limits of one thread, to be measured again and again during a run.

    Attributes
    ----------
    gops : dict
        kind -> variant -> 10^9 operations per second.
    reading : dict
        Bytes of a working set -> 10^9 bytes per second.

    Parameters
    ----------
    module : module
        With the functions of `qbref_core.limits`.
    """

    def __init__(self, module):
        self.module = module
        self.gops, self.reading = {}, dict.fromkeys(WORKING_SETS, 0.0)

    def measure(self, working_sets=()):
        """Measure everything once, and these working sets from now on."""
        for kind, variants in self.module.measurable().items():
            best = self.gops.setdefault(kind, {})
            for variant in variants:
                rate = self.module.gops(variant, kind, seconds=0.01, repeats=3)
                best[variant] = max(best.get(variant, 0.0), rate)
        for nbytes in {*self.reading, *working_sets}:
            rate = self.module.read_bandwidth(nbytes, seconds=0.005, repeats=8)
            self.reading[nbytes] = max(self.reading.get(nbytes, 0.0), rate)

    def reading_of(self, nbytes):
        """Of the working sets that are no smaller, the highest: to read fewer bytes is never slower."""
        return max((rate for known, rate in self.reading.items() if known >= nbytes), default=None)

    def of(self, kind, variant):
        """The limit of a contender's arithmetic, for NumPy's float32 the highest; None if not measured."""
        if kind == "float32":
            return max(self.gops["float32"].values())
        return self.gops.get(kind, {}).get(variant)
