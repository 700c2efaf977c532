"""Which pairs of runs count, and what a row says of them. measuring.md's first trap: the cores are near or far."""

import math
import statistics
from dataclasses import dataclass, field

# Probes of one state differ less than this, and near and far by a factor of about seven.
TOLERANCE = 1.6


def alike(probes, tolerance=TOLERANCE):
    """Whether the core-to-core round trip was the same all along; None stands for "not measured" and agrees with all."""
    known = [p for p in probes if p is not None]
    return not known or max(known) <= tolerance * min(known)


@dataclass
class Pair:
    """One run of each side, next to each other in time. Values are {metric: ns per op}, None where a side is missing."""
    weft: dict
    go: dict
    probes: list = field(default_factory=list)

    def state(self):
        known = [p for p in self.probes if p is not None]
        return math.exp(statistics.fmean(map(math.log, known))) if known else None


def largest_state(pairs, tolerance=TOLERANCE):
    """The most pairs whose probes all lie within `tolerance` of each other."""
    best = []
    for anchor in pairs:
        low = min((p for p in anchor.probes if p is not None), default=None)
        if low is None:
            group = [pair for pair in pairs if pair.state() is None]
        else:
            group = [pair for pair in pairs if pair.state() is not None
                     and all(low <= p <= tolerance * low for p in pair.probes if p is not None)]
        if len(group) > len(best):
            best = group
    return best


def collect(measure, runs, bound, tolerance=TOLERANCE):
    """Calls measure(i) -> Pair until `runs` pairs agree on the state, at most `bound` times.

    Returns (the pairs that count, how many were thrown away).
    """
    steady, taken = [], 0
    kept = []
    while taken < bound and len(kept) < runs:
        pair = measure(taken)
        taken += 1
        if alike(pair.probes, tolerance):
            steady.append(pair)
            kept = largest_state(steady, tolerance)
    return kept, taken - len(kept)


@dataclass
class Row:
    name: str
    workers: int
    unit: str
    weft: float = None
    go: float = None
    ratio: float = None
    low: float = None  # of the pairs' own ratios
    high: float = None
    runs: int = 0
    thrown_away: int = 0
    probe: float = None  # median round trip, ns

    def json(self):
        return {"name": self.name, "workers": self.workers, "weft_ns": self.weft, "go_ns": self.go,
                "ratio": self.ratio, "runs": self.runs}


def _values(side, key, per):
    return [values[key] / per for values in side if values is not None and key in values]


def summarize(name, workers, unit, key, per, pairs, thrown_away):
    """One row of the table from the pairs that count. The ratio is that of the medians; it lies within the spread."""
    row = Row(name, workers, unit, runs=len(pairs), thrown_away=thrown_away)
    both = [p for p in pairs if p.weft is not None and p.go is not None and key in p.weft and key in p.go]
    # A side that failed now and then is judged, and compared, by the pairs that have both.
    weft = _values([p.weft for p in (both or pairs)], key, per)
    go = _values([p.go for p in (both or pairs)], key, per)
    row.weft = statistics.median(weft) if weft else None
    row.go = statistics.median(go) if go else None
    if both:
        row.runs = len(both)
        ratios = [p.weft[key] / p.go[key] for p in both if p.go[key] > 0]
        if ratios and row.go > 0:
            row.ratio = row.weft / row.go
            row.low, row.high = min(ratios), max(ratios)
    else:
        row.runs = max(len(weft), len(go))
    probes = [p for pair in pairs for p in pair.probes if p is not None]
    row.probe = statistics.median(probes) if probes else None
    return row
