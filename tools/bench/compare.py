#!/usr/bin/env python3
"""Runs weft's benchmarks beside Go's, alternating, and prints medians and ratios. See README.md."""

import argparse
import os
import re
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import go_toolchain  # noqa: E402
import pairing  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import rows as table_of_rows  # noqa: E402
import running  # noqa: E402


def arguments(argv):
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("--filter", metavar="RE", type=re.compile, default=re.compile(""),
                        help="only rows whose name (BM_… too) contains a match")
    parser.add_argument("--runs", metavar="N", type=int, default=5, help="pairs of runs for each row (default 5)")
    parser.add_argument("--workers", metavar="LIST", default="1,2", help="numbers of workers (default 1,2)")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the ratios")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--all", action="store_true", help="also rows that weft has no benchmark for")
    parser.add_argument("--peers", action="store_true", help="also the same work on std:: alone, as a second table")
    parser.add_argument("--min-time", metavar="S", type=float, default=0.5, help="seconds in a run (default 0.5)")
    parser.add_argument("--limit", metavar="S", type=float, default=300, help="seconds after which a run is given up")
    parser.add_argument("--bench-bin", metavar="DIR", action="append", help="where our benchmark programs are")
    parser.add_argument("--probe", metavar="FILE", help="the core_probe program")
    parser.add_argument("--cpus", metavar="A,B", help="the processors to run on (default: two that share no core)")
    parser.add_argument("--go", metavar="FILE", help="this go, as it is, instead of the newest that can be had")
    parser.add_argument("--no-go", action="store_true", help="ours alone")
    parser.add_argument("--cache", metavar="DIR", default=go_toolchain.default_cache(),
                        help="where Go's benchmarks are kept once built (default %(default)s)")
    options = parser.parse_args(argv)
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    try:
        options.workers = [int(w) for w in options.workers.split(",")]
        options.cpus = [int(c) for c in options.cpus.split(",")] if options.cpus else running.two_processors()
    except ValueError:
        parser.error("--workers and --cpus are lists of numbers")
    # `bazel run` changes the directory; a file is meant relative to where the user stands.
    stand = os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd())
    for name in ("json", "plot", "probe", "go", "cache"):
        path = getattr(options, name)
        setattr(options, name, path and os.path.join(stand, path))
    options.bench_bin = [os.path.join(stand, d) for d in options.bench_bin or ()] or [os.path.join(HERE, "optimized")]
    return options


def programs(directories):
    found = []
    for directory in directories:
        if os.path.isdir(directory):
            found += sorted(path for name in os.listdir(directory) for path in [os.path.join(directory, name)]
                            if name.endswith("_benchmark") and os.access(path, os.X_OK) and os.path.isfile(path))
    return found


def wanted(workload, pattern):
    """The metrics of a workload that a filter asks for."""
    return [metric for metric in workload.metrics
            if any(pattern.search(name) for name in (workload.row(metric), "BM_" + workload.row(metric), workload.weft))]


class Comparison:
    """Everything that one run of the tool needs."""

    def __init__(self, options):
        self.options = options
        self.runner = running.Runner(options.cpus, options.min_time, options.limit)
        probe = options.probe or os.path.join(HERE, "optimized", "core_probe")
        self.probe = running.Probe(self.runner, probe if os.access(probe, os.X_OK) else None)
        self.weft = running.Weft(self.runner, programs(options.bench_bin))
        self.go = None if options.no_go else go_toolchain.find(options.cache, only=options.go)
        self.go_side = self.go and running.GoSide(self.runner, self.go, os.path.join(HERE, "go"))

    def measure(self, workload, workers, has_weft, has_go, turn):
        """One pair: probe, one side, probe, the other side, probe. Who is first alternates."""
        def weft():
            return self.weft.run(workload.weft, workers) if has_weft else None

        def go():
            return self.go_side.run(workload, workers) if has_go else None

        probes, results = [self._probe(workers)], {}
        for side in (weft, go) if turn % 2 == 0 else (go, weft):
            if side is weft and not has_weft or side is go and not has_go:
                continue
            running.warm_memory(workload.memory_mib)
            results[side] = side()
            probes.append(self._probe(workers))
        return pairing.Pair(results.get(weft), results.get(go), probes)

    def _probe(self, workers):
        return self.probe() if workers > 1 else None

    def rows(self, workload, workers):
        """The rows of one workload; none if neither side could run."""
        has_weft = self.weft.has(workload.weft)
        has_go = self.go_side is not None and self.go_side.prepare(workload)
        if not has_weft and not has_go:
            return []
        runs = self.options.runs
        pairs, thrown = pairing.collect(
            lambda turn: self.measure(workload, workers, has_weft, has_go, turn), runs, bound=3 * runs + 2)
        if not pairs:
            self.runner.failures[f"{workload.name}, {workers} workers"] = \
                f"the cores changed their distance in each of {thrown} pairs of runs"
        return [pairing.summarize(workload.row(metric), workers, metric.unit, metric.key, workload.per, pairs, thrown)
                for metric in wanted(workload, self.options.filter)]

    def peer_rows(self, workload, workers):
        made = []
        for peer in workload.peers:
            if self.weft.has(peer):
                def measure(_, peer=peer):
                    before = self._probe(workers)
                    values = self.weft.run(peer, workers, self.options.cpus[:workers])
                    return pairing.Pair(values, None, [before, self._probe(workers)])

                pairs, thrown = pairing.collect(measure, self.options.runs, 3 * self.options.runs + 2)
                made.append(pairing.summarize(peer, workers, "ns", "", workload.per, pairs, thrown))
        return made


def warn(text):
    print(text, file=sys.stderr, flush=True)


def run(options, argv):
    selected = [w for w in table_of_rows.WORKLOADS if wanted(w, options.filter)]
    if options.list:
        for workload in selected:
            for metric in wanted(workload, options.filter):
                print(f"{workload.row(metric):40} {workload.weft:36} {workload.package} {workload.go}")
        return 0
    if not selected:
        warn("compare: no row has such a name; --list shows them")
        return 1
    comparison = Comparison(options)
    compiler, probe = comparison.probe.compiler(), comparison.probe()
    command = "./bazelw run //tools/bench:compare --" if "BUILD_WORKSPACE_DIRECTORY" in os.environ else sys.argv[0]
    print(report.circumstances(shlex.join(command.split() + argv), compiler, comparison.go, probe), flush=True)
    if comparison.go is None and not options.no_go:
        warn("compare: no Go found (on PATH, in /usr/local/go, or in /usr/lib/go-*): ours alone")
    if compiler and "NOT" in compiler:
        warn("compare: our programs were compiled without optimization: the figures say nothing")
    if probe is None and len(options.cpus) > 1:
        warn("compare: no core_probe: figures with two workers are not guarded against cores that move apart")
    todo = selected if options.all else [w for w in selected if comparison.weft.has(w.weft)]
    if len(todo) < len(selected):
        warn(f"compare: {len(selected) - len(todo)} workloads have no benchmark of ours here and are left out (--all)")
    measured, peers, bystanders = [], [], running.Bystanders()
    try:
        for number, workload in enumerate(todo, 1):
            if workload.memory_mib > running.available_mib():
                comparison.runner.failures[workload.name] = f"needs {workload.memory_mib} MiB of free memory"
                continue
            for workers in workload.workers:
                if workers not in options.workers:
                    continue
                if workers > len(options.cpus):
                    comparison.runner.failures[f"{workers} workers"] = f"only {len(options.cpus)} processors"
                    continue
                warn(f"[{number}/{len(todo)}] {workload.name}, {workers} worker{'s' * (workers > 1)}")
                measured += comparison.rows(workload, workers)
                if options.peers:
                    peers += comparison.peer_rows(workload, workers)
    except KeyboardInterrupt:
        warn("compare: interrupted; this is what was measured")
    print("\n" + report.table(measured))
    if peers:
        print("\nThe same work on std:: threads, mutex and condition variable:\n" + report.table(peers))
    others = bystanders.processors()
    if others is not None:
        print(f"\nMeanwhile other programs used {others:.2f} processors.")
        if others > 0.2:
            warn("compare: the machine was not quiet: do not trust absolute figures, nor ratios of close sides")
    for what, why in comparison.runner.failures.items():
        warn(f"compare: {what}: {why}")
    if options.json:
        report.write_json(options.json, measured)
    if options.plot:
        print(f"\n{options.plot}: drawn with {plot.draw(options.plot, measured)}")
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(run(arguments(sys.argv[1:]), sys.argv[1:]))
