"""Tests of compare: on recorded output of both sides, and end to end with programs that only print."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import compare  # noqa: E402
import go_toolchain  # noqa: E402
import pairing  # noqa: E402
import parsing  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import running  # noqa: E402


def recorded(name):
    with open(os.path.join(HERE, "testdata", name), encoding="utf-8") as file:
        return file.read()


def pair(weft, go, *probes):
    return pairing.Pair(None if weft is None else {"": weft}, None if go is None else {"": go}, list(probes))


class ParsingTest(unittest.TestCase):
    def test_google_benchmark_names_lose_how_they_were_run(self):
        found = parsing.google_benchmark(recorded("chan_benchmark.json"))
        self.assertEqual({"BM_ChanUncontended", "BM_ChanProdCons/0", "BM_ChanProdCons/10", "BM_ChanProdCons/100",
                          "BM_PingPong", "BM_StdPingPong"}, set(found))
        self.assertGreater(found["BM_PingPong"][""], 0)

    def test_google_benchmark_counters_and_units(self):
        found = parsing.google_benchmark(recorded("parked_benchmark.json"))
        self.assertEqual({"": 1.23e9, "create_ns": 412.5, "wake_ns": 203.25, "rss_bytes_per_fiber": 4312.0},
                         found["BM_Parked1M"])

    def test_a_benchmark_that_failed_is_missing_and_says_why(self):
        text = recorded("parked_benchmark.json")
        self.assertNotIn("BM_Skynet", parsing.google_benchmark(text))
        self.assertEqual("wrong sum", parsing.google_error(text))

    def test_text_before_the_json_is_skipped(self):
        found = parsing.google_benchmark("a {warning}\n" + recorded("parked_benchmark.json") + "goodbye\n")
        self.assertIn("BM_Parked1M", found)

    def test_no_json_is_an_error(self):
        with self.assertRaises(ValueError):
            parsing.google_benchmark("Segmentation fault\n")

    def test_go_with_one_worker_has_no_suffix(self):
        found = parsing.go_benchmark(recorded("go_chan_1.txt"), 1)
        self.assertEqual({"": 3929.0}, found["BenchmarkChanUncontended"])
        self.assertEqual({"": 31.67}, found["BenchmarkChanProdCons100"])

    def test_go_with_two_workers_has_one(self):
        found = parsing.go_benchmark(recorded("go_chan_2.txt"), 2)
        self.assertEqual({"": 44.73}, found["BenchmarkChanProdCons10"])

    def test_go_sub_benchmarks_and_allocations(self):
        found = parsing.go_benchmark(recorded("go_sync_2.txt"), 2)
        self.assertEqual(26.12, found["BenchmarkMapLoadMostlyHits/*sync.Map"][""])
        self.assertEqual(0.5555, found["BenchmarkOnce"][""])

    def test_go_metrics_without_a_time(self):
        found = parsing.go_benchmark(recorded("go_parked.txt"), 2)
        self.assertEqual({"create_ns": 5756.0, "rss_bytes_per_fiber": 2749.0, "wake_ns": 598.6},
                         found["BenchmarkParked1M"])


class PairingTest(unittest.TestCase):
    def test_near_and_far_are_not_alike(self):
        self.assertTrue(pairing.alike([50, 62, 55]))
        self.assertFalse(pairing.alike([50, 340, 52]))
        self.assertTrue(pairing.alike([None, None]))

    def collected(self, states, runs=3, bound=20):
        pairs = [pair(10, 20 + i, *probes) for i, probes in enumerate(states)]
        asked = []

        def measure(turn):
            asked.append(turn)
            return pairs[turn]

        kept, thrown = pairing.collect(measure, runs, bound)
        return [pairs.index(p) for p in kept], thrown, len(asked)

    def test_a_pair_during_which_the_cores_moved_is_repeated(self):
        near, moved = (50, 52, 51), (50, 51, 340)
        self.assertEqual(([0, 2, 3], 1, 4), self.collected([near, moved, near, near]))

    def test_pairs_of_different_states_are_not_mixed(self):
        near, far = (50, 52, 51), (330, 340, 335)
        self.assertEqual(([0, 3, 4], 2, 5), self.collected([near, far, far, near, near]))

    def test_states_do_not_drift_together(self):
        # Each is like its neighbour, the ends are not like each other.
        kept, _, _ = self.collected([(50, 50), (70, 70), (100, 100)], bound=3)
        self.assertEqual([0, 1], kept)

    def test_the_bound_ends_it(self):
        self.assertEqual(([], 7, 7), self.collected([(50, 340)] * 7, bound=7))

    def test_without_a_probe_every_pair_counts(self):
        self.assertEqual(([0, 1, 2], 0, 3), self.collected([(None, None)] * 3))


class SummaryTest(unittest.TestCase):
    def test_medians_ratio_and_spread(self):
        row = pairing.summarize("X", 2, "ns", "", 10, [pair(100, 200, 50), pair(120, 400, 52), pair(900, 300, 51)], 4)
        self.assertEqual((12.0, 30.0, 0.4), (row.weft, row.go, row.ratio))
        self.assertEqual((0.3, 3.0), (row.low, row.high))
        self.assertEqual((3, 4, 51), (row.runs, row.thrown_away, row.probe))

    def test_a_missing_side_is_null(self):
        alone = pairing.summarize("X", 1, "ns", "", 1, [pair(10, None), pair(12, None)], 0)
        self.assertEqual({"name": "X", "workers": 1, "weft_ns": 11.0, "go_ns": None, "ratio": None, "runs": 2},
                         alone.json())
        none = pairing.summarize("X", 1, "ns", "", 1, [], 17)
        self.assertEqual({"name": "X", "workers": 1, "weft_ns": None, "go_ns": None, "ratio": None, "runs": 0},
                         none.json())

    def test_a_side_that_failed_once_is_compared_by_the_other_pairs(self):
        row = pairing.summarize("X", 1, "ns", "", 1, [pair(10, 20), pair(None, 80), pair(20, 40)], 0)
        self.assertEqual((15.0, 30.0, 0.5, 2), (row.weft, row.go, row.ratio, row.runs))


class RowsTest(unittest.TestCase):
    def test_names_are_unique(self):
        names = [w.row(m) for w in rows.WORKLOADS for m in w.metrics]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len(rows.WORKLOADS), len({w.weft for w in rows.WORKLOADS}))

    def test_every_go_program_of_ours_is_a_row(self):
        for package, names in ((rows.OURS, ("sched_test.go", "chan_test.go", "time_test.go")),
                               (rows.PATTERNS, ("patterns/patterns_test.go",))):
            defined = set()
            for name in names:
                with open(os.path.join(HERE, "go", name), encoding="utf-8") as file:
                    defined |= set(re.findall(r"^func (Benchmark\w+)", file.read(), re.M))
            self.assertEqual(defined, {w.go.split("/")[0] for w in rows.WORKLOADS if w.package == package})

    def test_the_names_of_first_light_are_there(self):
        have = {w.weft for w in rows.WORKLOADS}
        for name in ("ChanUncontended", "ChanContended", "ChanSync", "ChanProdCons/0", "ChanProdCons/10",
                     "ChanProdCons/100", "CreateFibers", "PingPong", "Yield", "Sleep", "Parked1M", "Skynet"):
            self.assertIn("BM_" + name, have)

    def test_exact_names_in_regular_expressions(self):
        self.assertEqual(r"^\*sync\.Map$", running.exactly("*sync.Map"))
        self.assertIsNone(re.search(running.exactly("BM_CreateFibers"), "BM_CreateFibersParallel"))


class GoTest(unittest.TestCase):
    def test_versions_are_ordered(self):
        texts = ["go version go1.9.7 linux/amd64", "go version go1.19.8 linux/amd64", "go version go1.27rc1 linux/amd64",
                 "go version go1.27 linux/amd64", "go version go1.27.3 linux/amd64", "go version go2.0 linux/amd64"]
        keys = [go_toolchain.version_key(t) for t in texts]
        self.assertEqual(sorted(keys), keys)
        self.assertIsNone(go_toolchain.version_key("go: download failed"))

    def test_a_go_that_does_not_run_is_none(self):
        self.assertIsNone(go_toolchain.find("/nonexistent", only="/bin/false"))
        self.assertIsNone(go_toolchain.find("/nonexistent", only="/nonexistent/go"))


class ReportTest(unittest.TestCase):
    def test_units_and_figures(self):
        row = pairing.Row("Skynet", 1, "ns", weft=3.5e8, go=7e8, ratio=0.5, low=0.4, high=0.6, runs=5)
        line = report.table([row]).splitlines()[1].split()
        self.assertEqual(["Skynet", "1", "ms", "350", "700", "0.50", "0.40–0.60", "5", "0", "-"], line)
        row = pairing.Row("Parked1M/bytes", 1, "bytes", weft=4312.0)
        self.assertEqual(["bytes", "4312", "-"], report.table([row]).splitlines()[1].split()[2:5])
        self.assertEqual(["0.556", "1.25", "22.6", "340"], [report.figure(v) for v in (0.5559, 1.25, 22.58, 340.2)])

    def test_a_picture_without_any_library(self):
        data = plot.bars([pairing.Row("Yield", 1, "ns", ratio=0.25, low=0.2, high=0.3),
                          pairing.Row("Sleep", 2, "ns", ratio=1.5, low=1.2, high=1.9),
                          pairing.Row("Once", 2, "ns")])
        self.assertEqual(["Yield [1]", "Sleep [2]"], [label for label, *_ in data])
        for picture in (plot.own_png(data), plot.own_png([])):
            self.assertEqual(b"\x89PNG\r\n\x1a\n", picture[:8])
            width, height = (int.from_bytes(picture[i:i + 4], "big") for i in (16, 20))
            start = picture.index(b"IDAT") + 4
            length = int.from_bytes(picture[start - 8:start - 4], "big")
            self.assertEqual(height * (3 * width + 1), len(zlib.decompress(picture[start:start + length])))


class ProbeTest(unittest.TestCase):
    def test_it_prints_a_round_trip_or_why_not(self):
        probe = os.path.join(HERE, "core_probe")
        if not os.access(probe, os.X_OK):
            self.skipTest("core_probe is not built here")
        done = subprocess.run([probe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if len(os.sched_getaffinity(0)) < 2:
            self.assertEqual("core_probe: needs two processors\n", done.stderr)
        else:
            self.assertRegex(done.stdout, r"^\d+\.\d \d+ \d+\n$")


class MemoryTest(unittest.TestCase):
    def test_a_cgroup_bounds_what_may_be_touched(self):
        with tempfile.TemporaryDirectory() as scratch:
            for name, text in (("meminfo", "MemAvailable:    8388608 kB\n"), ("memory.max", "1073741824\n"),
                               ("memory.current", "536870912\n")):
                with open(os.path.join(scratch, name), "w", encoding="ascii") as file:
                    file.write(text)
            self.assertEqual(512, running.available_mib(os.path.join(scratch, "meminfo"), scratch))
            self.assertEqual(8192, running.available_mib(os.path.join(scratch, "meminfo"), "/nonexistent"))

    def test_touching_works(self):
        running.warm_memory(0)
        running.warm_memory(3)


class BystandersTest(unittest.TestCase):
    def test_only_what_others_use_counts(self):
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as stat:
            def busy(seconds):
                stat.seek(0)
                stat.write(f"cpu  {int(seconds * os.sysconf('SC_CLK_TCK'))} 0 0 1000 0 0 0 0 0 0\n")
                stat.flush()

            busy(1000)
            others = running.Bystanders(stat.name)
            self.assertIsNone(others.processors())  # too early to say
            began = time.monotonic()
            time.sleep(0.25)
            busy(1001)
            self.assertAlmostEqual(1 / (time.monotonic() - began), others.processors(), delta=1)
        self.assertIsNone(running.Bystanders("/nonexistent").processors())


class EndToEndTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        fake = os.path.realpath(os.path.join(HERE, "testdata", "fake_benchmark.py"))
        os.makedirs(os.path.join(self.dir, "goroot", "src", "runtime"))
        os.makedirs(os.path.join(self.dir, "goroot", "src", "sync"))
        for name in ("go", "core_probe", "chan_benchmark"):
            os.symlink(fake, os.path.join(self.dir, name))
        self.log = os.path.join(self.dir, "log")
        os.environ.update(FAKE_LOG=self.log, FAKE_GOROOT=os.path.join(self.dir, "goroot"))
        os.environ.pop("BUILD_WORKING_DIRECTORY", None)

    def path(self, name):
        return os.path.join(self.dir, name)

    def compare(self, *more, go=True):
        argv = ["--bench-bin", self.dir, "--probe", self.path("core_probe"), "--cache", self.path("cache"),
                "--json", self.path("out.json"), *more]
        if go:
            argv += ["--go", self.path("go")]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            options = compare.arguments(argv)
            options.cpus = sorted(os.sched_getaffinity(0))[:1] * 2  # two, also where there is only one
            status = compare.run(options, argv)
        self.out, self.err = out.getvalue(), err.getvalue()
        if not os.path.exists(self.path("out.json")):
            return status, None
        with open(self.path("out.json"), encoding="utf-8") as file:
            return status, json.load(file)

    def logged(self):
        with open(self.log, encoding="ascii") as file:
            return file.read().splitlines()

    def test_both_sides_alternate_and_the_json_has_its_keys(self):
        status, found = self.compare("--filter", "ChanProdCons/100", "--runs", "3")
        self.assertEqual(0, status)
        self.assertEqual([
            {"name": "ChanProdCons/100", "workers": 1, "weft_ns": 10.0, "go_ns": 40.0, "ratio": 0.25, "runs": 3},
            {"name": "ChanProdCons/100", "workers": 2, "weft_ns": 20.0, "go_ns": 40.0, "ratio": 0.5, "runs": 3}], found)
        self.assertEqual(["build runtime", "weft 1", "go 1", "go 1", "weft 1", "weft 1", "go 1",
                          "weft 2", "go 2", "go 2", "weft 2", "weft 2", "go 2"],
                         [" ".join(line.split()[:2]) for line in self.logged()])
        for text in ("go1.99.1", "gcc 12.2.0", "kernel", "command", "--runs 3", "0.25–0.25", "52 ns round trip"):
            self.assertIn(text, self.out)

    def test_go_is_built_once(self):
        for _ in range(2):
            self.compare("--filter", "ChanProdCons/100", "--runs", "1", "--workers", "1")
        self.assertEqual(1, self.logged().count("build runtime"))

    def test_one_run_makes_several_rows(self):
        rows.WORKLOADS, saved = [w.__class__(**{**w.__dict__, "memory_mib": 1}) for w in rows.WORKLOADS], rows.WORKLOADS
        self.addCleanup(setattr, rows, "WORKLOADS", saved)
        _, found = self.compare("--filter", "Parked1M/", "--runs", "2", "--workers", "2")
        self.assertEqual([("Parked1M/create", 0.1), ("Parked1M/wake", 0.499), ("Parked1M/bytes", 1.564)],
                         [(r["name"], round(r["ratio"], 3)) for r in found])
        self.assertIn("bytes", self.out)
        _, found = self.compare("--filter", "^Parked1M/wake$", "--runs", "1", "--workers", "2")
        self.assertEqual(["Parked1M/wake"], [r["name"] for r in found])

    def test_without_go_ours_alone(self):
        saved = go_toolchain.candidates
        self.addCleanup(setattr, go_toolchain, "candidates", saved)
        go_toolchain.candidates = lambda path=None: []
        status, found = self.compare("--filter", "BM_ChanProdCons/100", "--runs", "2", "--workers", "1", go=False)
        self.assertEqual(0, status)
        self.assertEqual([{"name": "ChanProdCons/100", "workers": 1, "weft_ns": 10.0, "go_ns": None, "ratio": None,
                           "runs": 2}], found)
        self.assertIn("no Go found", self.err)
        self.assertIn("ours alone", self.out)

    def test_what_this_go_does_not_have_is_null(self):
        _, found = self.compare("--filter", "^Yield$", "--runs", "2", "--workers", "1")
        self.assertEqual([{"name": "Yield", "workers": 1, "weft_ns": 10.0, "go_ns": None, "ratio": None, "runs": 2}],
                         found)
        self.assertIn("Go's BenchmarkYield: printed no result", self.err)

    def test_a_benchmark_that_crashes_is_null_and_reported(self):
        _, found = self.compare("--filter", "^Once$", "--runs", "2", "--workers", "1")
        self.assertEqual([{"name": "Once", "workers": 1, "weft_ns": None, "go_ns": 40.0, "ratio": None, "runs": 2}],
                         found)
        self.assertIn("once is broken", self.err)

    def test_rows_without_a_benchmark_of_ours_are_left_out_unless_asked_for(self):
        status, found = self.compare("--filter", "^ChanSync$")
        self.assertEqual((1, []), (status, found))
        _, found = self.compare("--filter", "^ChanSync$", "--all", "--runs", "1", "--workers", "1")
        self.assertEqual([(None, 40.0)], [(r["weft_ns"], r["go_ns"]) for r in found])

    def test_no_such_row(self):
        status, found = self.compare("--filter", "Nonsense")
        self.assertEqual((1, None), (status, found))
        self.assertIn("--list", self.err)

    def test_the_plot_is_a_png(self):
        self.compare("--filter", "ChanProdCons/100", "--runs", "1", "--plot", self.path("p.png"))
        with open(self.path("p.png"), "rb") as file:
            self.assertEqual(b"\x89PNG", file.read(4))


if __name__ == "__main__":
    unittest.main()
