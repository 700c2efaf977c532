#!/usr/bin/env python3
"""Stands in for a program of either side in compare_test: what it prints depends on its name and its arguments.

FAKE_LOG names a file to which each run appends a line, so that a test sees the order.
"""

import json
import os
import re
import sys

NAME = os.path.basename(sys.argv[0])


def log(text):
    if "FAKE_LOG" in os.environ:
        with open(os.environ["FAKE_LOG"], "a", encoding="ascii") as file:
            file.write(text + "\n")


def argument(prefix):
    return next((a[len(prefix):] for a in sys.argv if a.startswith(prefix)), None)


def google_benchmark():
    names = ["BM_ChanProdCons/100/manual_time", "BM_Yield/manual_time", "BM_Parked1M/iterations:1/manual_time",
             "BM_Once/manual_time"]
    if "--benchmark_list_tests" in sys.argv:
        print("\n".join(names))
        return
    pattern = argument("--benchmark_filter=")
    chosen = [n for n in names if re.search(pattern, n)]
    log(f"weft {os.environ['WEFT_MAXPROCS']} {','.join(chosen)}")
    if "BM_Once/manual_time" in chosen:
        sys.exit("once is broken")
    runs = [{"name": n, "run_name": n, "run_type": "iteration", "threads": 1, "iterations": 100, "time_unit": "us",
             "real_time": 0.010 * int(os.environ["WEFT_MAXPROCS"]), "cpu_time": 1.0,
             "create_ns": 300.0, "wake_ns": 200.0, "rss_bytes_per_fiber": 4300.0} for n in chosen]
    print(json.dumps({"context": {}, "benchmarks": runs}, indent=2))


def go_test():
    workers = os.environ["GOMAXPROCS"]
    suffix = "" if workers == "1" else "-" + workers
    name = argument("-test.bench=").replace("^", "").replace("$", "")
    log(f"go {workers} {name}")
    print("goos: linux")
    if name == "BenchmarkParked1M":
        print(f"{name}{suffix} \t 1\t 3000 create_ns\t 2750 rss_bytes_per_fiber\t 400.5 wake_ns")
    elif name != "BenchmarkYield":  # as if this Go were too old to have it
        print(f"{name}{suffix} \t 1000\t 40.0 ns/op\t 0 B/op")
    print("PASS")


def go():
    if sys.argv[1] == "version":
        print("go version go1.99.1 linux/amd64")
    elif sys.argv[1] == "env":
        print(os.environ["FAKE_GOROOT"])
    elif sys.argv[1:3] == ["test", "-c"]:
        log("build " + sys.argv[-1])
        os.symlink(os.path.realpath(__file__), sys.argv[4])


if NAME == "go":
    go()
elif NAME.endswith(".test"):
    go_test()
elif NAME == "core_probe":
    print("gcc 12.2.0, optimized" if "--compiler" in sys.argv else "52.5 0 1")
else:
    google_benchmark()
