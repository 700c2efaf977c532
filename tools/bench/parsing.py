"""Reads what Google Benchmark and `go test -bench` print into {benchmark: {metric: value}}; "" is the time per op in ns."""

import json
import re

_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
# What Google Benchmark appends to a name to say how it was run.
_HOW = re.compile(r"/(real_time|manual_time|process_time|iterations:\d+|min_time:[^/]+|min_warmup_time:[^/]+|"
                  r"repeats:\d+|threads:\d+)(?=/|$)")
_GO_LINE = re.compile(r"^(Benchmark\S*)\s+\d+\s+(.+)$")
_STANDARD = {
    "name", "run_name", "run_type", "family_index", "per_family_instance_index", "repetitions", "repetition_index",
    "threads", "iterations", "real_time", "cpu_time", "time_unit", "label", "aggregate_name", "aggregate_unit",
    "error_occurred", "error_message", "skipped", "skip_message",
}


def plain_name(name):
    return _HOW.sub("", name)


def google_benchmark(text):
    """Reads --benchmark_format=json. Other text before the object is skipped; failed benchmarks are left out."""
    start = text.find('{\n  "context"')
    if start < 0:
        start = text.find("{")
    if start < 0:
        raise ValueError("no JSON in the benchmark's output")
    report, _ = json.JSONDecoder().raw_decode(text[start:])
    found = {}
    for run in report.get("benchmarks", []):
        if run.get("error_occurred") or run.get("skipped") or run.get("run_type") == "aggregate":
            continue
        metrics = {"": run["real_time"] * _NS[run.get("time_unit", "ns")]}
        for key, value in run.items():
            if key not in _STANDARD and isinstance(value, (int, float)):
                metrics[key] = float(value)
        found[plain_name(run["name"])] = metrics
    return found


def google_error(text):
    """Why a benchmark failed, if it said so."""
    match = re.search(r'"(?:error|skip)_message": "([^"]+)"', text)
    return match.group(1) if match else None


def go_benchmark(text, workers):
    """Reads the lines of `go test -bench`, run with GOMAXPROCS=workers."""
    suffix = f"-{workers}"
    found = {}
    for line in text.splitlines():
        match = _GO_LINE.match(line.strip())
        if not match:
            continue
        name, fields = match.group(1), match.group(2).split()
        if workers > 1 and name.endswith(suffix):
            name = name[:-len(suffix)]
        metrics = {}
        for value, unit in zip(fields[::2], fields[1::2]):
            try:
                metrics["" if unit == "ns/op" else unit] = float(value)
            except ValueError:
                break
        if metrics:
            found[name] = metrics
    return found
