"""Starts the benchmark programs of both sides and the probe, each with the same processors and warm memory."""

import mmap
import os
import re
import subprocess

import parsing
import rows

_PAGE = mmap.PAGESIZE
_SPECIAL = re.compile(r"([.^$*+?()\[\]{}|\\])")


def exactly(name):
    """A regular expression for one name, in every dialect that Google Benchmark and Go are built with."""
    return "^" + _SPECIAL.sub(r"\\\1", name) + "$"


def warm_memory(mib):
    """Touches and frees memory. The host takes freed pages back after a while, and lends them again slowly."""
    if mib <= 0:
        return
    size = mib << 20
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory[::_PAGE] = b"\1" * (size // _PAGE)


def available_mib(proc="/proc/meminfo", cgroup="/sys/fs/cgroup"):
    """What this process may use now: the machine's available memory, or less if its cgroup says so."""
    def number(path):
        try:
            with open(path, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    with open(proc, encoding="ascii") as file:
        free = int(re.search(r"^MemAvailable:\s+(\d+) kB", file.read(), re.M).group(1)) >> 10
    for limit, used in (("memory.max", "memory.current"),
                        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        bound, now = number(os.path.join(cgroup, limit)), number(os.path.join(cgroup, used))
        if bound is not None and now is not None:
            free = min(free, max(0, bound - now) >> 20)
    return free


def two_processors(sys="/sys/devices/system/cpu"):
    """Two processors that this process may use and that do not share a core, if there are such; else what there is."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return allowed
    try:
        with open(f"{sys}/cpu{allowed[0]}/topology/thread_siblings_list", encoding="ascii") as file:
            siblings = {cpu for part in file.read().strip().split(",")
                        for first, _, last in [part.partition("-")] for cpu in range(int(first), int(last or first) + 1)}
    except (OSError, ValueError):
        siblings = set()
    other = next((cpu for cpu in allowed[1:] if cpu not in siblings), allowed[1])
    return [allowed[0], other]


class Bystanders:
    """How many processors everything but this tool and its programs has used since this object was made."""

    def __init__(self, stat="/proc/stat"):
        self._stat = stat
        self._began = self._now()

    def _now(self):
        """(elapsed, machine's busy, and our own) seconds."""
        try:
            with open(self._stat, encoding="ascii") as file:
                user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
        except (OSError, ValueError):
            return None
        own = os.times()
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return own.elapsed, busy, own.user + own.system + own.children_user + own.children_system

    def processors(self):
        now = self._now()
        if not now or not self._began or now[0] - self._began[0] < 0.1:
            return None
        elapsed, busy, own = (end - begin for end, begin in zip(now, self._began))
        return max(0.0, (busy - own) / elapsed)


class Runner:
    """Runs programs on fixed processors, with a time limit; remembers why runs failed."""

    def __init__(self, processors, min_time, limit):
        self.processors, self.min_time, self._limit = processors, min_time, limit
        self.failures = {}

    def output(self, what, command, cwd=None, processors=None, **variables):
        """What the program printed; None if it failed, with the reason in `failures`."""
        processors = processors or self.processors

        def pin():
            if processors:
                os.sched_setaffinity(0, processors)

        try:
            done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, text=True, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=self._limit, preexec_fn=pin)
        except subprocess.TimeoutExpired:
            self.failures[what] = f"took more than {self._limit:g} s"
            return None
        except OSError as error:
            self.failures[what] = str(error)
            return None
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or [""]
            self.failures[what] = f"ended with status {done.returncode}: {last[0][:200]}"
            return None
        return done.stdout


class Probe:
    """tools/bench/core_probe."""

    def __init__(self, runner, binary):
        self._runner, self.binary = runner, binary

    def __call__(self):
        if not self.binary or len(self._runner.processors) < 2:
            return None
        text = self._runner.output("core_probe", [self.binary, *map(str, self._runner.processors[:2])])
        return float(text.split()[0]) if text else None

    def compiler(self):
        text = self.binary and self._runner.output("core_probe", [self.binary, "--compiler"])
        return text.strip() if text else None


class Weft:
    """Our Google Benchmark programs."""

    def __init__(self, runner, binaries):
        self._runner = runner
        self._where = {}
        for binary in binaries:
            listed = runner.output(binary, [binary, "--benchmark_list_tests"], WEFT_MAXPROCS="1")
            for name in (listed or "").split():
                self._where.setdefault(parsing.plain_name(name), (binary, name))

    def has(self, name):
        return name in self._where

    def run(self, name, workers, processors=None):
        """{metric: value} of one benchmark, or None. A peer does not know of workers: it gets as many processors."""
        binary, full = self._where[name]
        text = self._runner.output(name, [binary, "--benchmark_format=json", "--benchmark_filter=" + exactly(full),
                                          f"--benchmark_min_time={self._runner.min_time:g}"],
                                   processors=processors, WEFT_MAXPROCS=str(workers))
        if text is None:
            return None
        try:
            found = parsing.google_benchmark(text).get(name)
        except (ValueError, KeyError) as error:
            self._runner.failures[name] = f"output not understood: {error}"
            return None
        if found is None:
            self._runner.failures[name] = parsing.google_error(text) or "printed no result"
        return found


class GoSide:
    """Go's benchmarks, and ours in Go."""

    def __init__(self, runner, go, source):
        self._runner, self._go, self._source = runner, go, source
        self._broken = {}

    def prepare(self, workload):
        """Builds what the workload needs; False (and the reason once) if that fails."""
        if workload.package not in self._broken:
            try:
                self._binary(workload.package)
                self._broken[workload.package] = None
            except (RuntimeError, OSError) as error:
                self._broken[workload.package] = str(error)
                self._runner.failures["Go package " + workload.package] = str(error)
        return self._broken[workload.package] is None

    def _binary(self, package):
        if package in rows.KEPT_HERE:
            return self._go.program(os.path.join(self._source, os.path.relpath(package, rows.OURS)))
        return self._go.standard(package)

    def run(self, workload, workers):
        """{metric: value} of one benchmark, or None."""
        time = f"{workload.iterations}x" if workload.iterations else f"{self._runner.min_time:g}s"
        pattern = "/".join(exactly(part) for part in workload.go.split("/"))
        cwd = None if workload.package in rows.KEPT_HERE else self._go.directory(workload.package)
        text = self._runner.output("Go's " + workload.go,
                                   [self._binary(workload.package), "-test.run=^$", "-test.bench=" + pattern,
                                    "-test.benchtime=" + time],
                                   cwd=cwd, GOMAXPROCS=str(workers))
        if text is None:
            return None
        found = parsing.go_benchmark(text, workers).get(workload.go)
        if found is None:
            self._runner.failures["Go's " + workload.go] = "printed no result"
        return found
