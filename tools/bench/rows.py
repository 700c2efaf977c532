"""The table of what is compared: for each workload weft's benchmark, Go's counterpart, and what the two figures are per.

A figure is per op on both sides, and an op is the same work on both sides (README.md says which for those that are
ours). `per` is the number of elements in one op; both figures are divided by it, so that the table shows ns per element.
"""

from dataclasses import dataclass

OURS = "tools/bench/go"  # the package of the Go programs kept here
PATTERNS = "tools/bench/go/patterns"  # the same with modules: Go fetches them once, at the versions of its go.mod
KEPT_HERE = (OURS, PATTERNS)


@dataclass(frozen=True)
class Metric:
    """One row of the table. `name` follows the workload's after a slash; `key` is the counter's name on both sides."""
    name: str = ""
    key: str = ""  # empty: the time per op
    unit: str = "ns"


@dataclass(frozen=True)
class Workload:
    name: str
    weft: str  # the Google Benchmark's name
    package: str  # Go's package, or one of KEPT_HERE
    go: str  # Go's benchmark; sub-benchmarks after slashes
    per: int = 1
    workers: tuple = (1, 2)
    iterations: int = 0  # ops in a run; 0: as many as fill the time. The C++ side has the same number built in.
    memory_mib: int = 0  # touched and freed before a run; 0: little
    metrics: tuple = (Metric(),)
    peers: tuple = ()  # the same work on std:: alone, in our benchmark programs

    def row(self, metric):
        return f"{self.name}/{metric.name}" if metric.name else self.name


def _go(package, *names, per=1, workers=(1, 2), rename=()):
    """Workloads that bear Go's names: BM_X/a/b for BenchmarkX/a/b, with each (old, new) of `rename` applied."""
    made = []
    for name in names:
        ours = name
        for old, new in rename:
            ours = ours.replace(old, new)
        made.append(Workload(ours, "BM_" + ours, package, "Benchmark" + name, per=per, workers=workers))
    return made


_ONE = (1,)

_SCHED = [
    Workload("Yield", "BM_Yield", OURS, "BenchmarkYield"),
    Workload("SpawnJoin", "BM_SpawnJoin", OURS, "BenchmarkSpawnJoin"),
    Workload("CreateFibers", "BM_CreateFibers", "runtime", "BenchmarkCreateGoroutines"),
    Workload("CreateFibersParallel", "BM_CreateFibersParallel", "runtime", "BenchmarkCreateGoroutinesParallel"),
    Workload("Sleep", "BM_Sleep", OURS, "BenchmarkSleep", iterations=1, memory_mib=256,
             metrics=(Metric("cpu", "cpu_ns_per_sleep"), Metric("late_p50", "late_p50_ns"),
                      Metric("late_p99", "late_p99_ns"))),
    Workload("Parked1M", "BM_Parked1M", OURS, "BenchmarkParked1M", iterations=1, memory_mib=6144,
             metrics=(Metric("create", "create_ns"), Metric("wake", "wake_ns"),
                      Metric("bytes", "rss_bytes_per_fiber", unit="bytes"))),
    Workload("IdleAfter1M", "BM_IdleAfter1M", OURS, "BenchmarkIdleAfter1M", workers=_ONE, iterations=1, memory_mib=6144,
             metrics=(Metric("before", "before_bytes", unit="bytes"), Metric("after", "after_bytes", unit="bytes"))),
    Workload("Runnable100k", "BM_Runnable100k", OURS, "BenchmarkRunnable100k", per=1100000, iterations=1, memory_mib=1024),
    *[Workload(f"TickerGap/{hog}", f"BM_TickerGap/{hog}", OURS, f"BenchmarkTickerGap/{hog}", iterations=1, workers=_ONE,
               metrics=(Metric("p50", "p50_ns"), Metric("p99", "p99_ns"), Metric("max", "max_ns")))
      for hog in ("EmptyLoop", "SmallCalls", "LongSort")],
    *_go("runtime", "PingPongHog", workers=_ONE),
    *_go("runtime", *[f"WakeupParallel{kind}/{delay}" for kind in ("Spinning", "Syscall")
                      for delay in ("0s", "1µs", "10µs", "100µs")], workers=(2,), rename=[("µ", "u")]),
]

_CHAN = [
    Workload("ChanUncontended", "BM_ChanUncontended", "runtime", "BenchmarkChanUncontended", per=100),
    Workload("ChanContended", "BM_ChanContended", "runtime", "BenchmarkChanContended", per=100),
    Workload("ChanSync", "BM_ChanSync", "runtime", "BenchmarkChanSync"),
    *[Workload(f"ChanProdCons/{size}", f"BM_ChanProdCons/{size}", "runtime", f"BenchmarkChanProdCons{size}")
      for size in (0, 10, 100)],
    Workload("PingPong", "BM_PingPong", OURS, "BenchmarkPingPong", peers=("BM_StdPingPong",)),
    Workload("Buffered1x1", "BM_Buffered1x1", OURS, "BenchmarkBuffered1x1", peers=("BM_StdBuffered1x1",)),
    Workload("Buffered4x4", "BM_Buffered4x4", OURS, "BenchmarkBuffered4x4", peers=("BM_StdBuffered4x4",)),
    Workload("Skynet", "BM_Skynet", OURS, "BenchmarkSkynet", iterations=3, memory_mib=4096),
    *_go("runtime", "ChanCreation", "ChanSem", "ReceiveDataFromClosedChan", "ChanNonblocking", "ChanClosed"),
    *_go("runtime", "ChanPopular", per=1000),
    *_go("runtime", "SelectUncontended", "SelectSyncContended", "SelectAsyncContended", "SelectNonblock",
         "SelectProdCons"),
]

_TIME = [
    *_go("time", "After", "Stop/impl=chan", "Stop/impl=func", "Reset/impl=chan", "Reset/impl=func", "Ticker",
         "TickerReset", rename=[("impl=", "")]),
    *_go("time", "AfterFunc1000", "SimultaneousAfterFunc1000", "StartStop1000", "Sleep1000", per=1000),
    *_go(OURS, "AfterFuncLive1M", "StartStopLive1M", per=1000),
    *_go(OURS, "ResetLive1M"),
]

_SYNC = [
    *_go("sync", "MutexUncontended", "Mutex", "MutexSlack", "MutexWork", "MutexWorkSlack", "MutexNoSpin", "MutexSpin",
         "RWMutexUncontended", "RWMutexWrite100", "RWMutexWrite10", "RWMutexWorkWrite100", "RWMutexWorkWrite10",
         "WaitGroupUncontended", "WaitGroupAddDone", "WaitGroupAddDoneWork", "WaitGroupWait", "WaitGroupWaitWork",
         "WaitGroupActuallyWait", "Once", "OnceFunc/v=Local", "OnceValue/v=Local", "Pool", "SemaUncontended",
         "SemaSyntNonblock", "SemaSyntBlock", "SemaWorkNonblock", "SemaWorkBlock", rename=[("/v=Local", "")]),
    # The runtime's semaphore of the rows before lets newcomers overtake; x/sync's, as ours, does not.
    *_go(PATTERNS, "WeightedUncontended", "WeightedSyntNonblock", "WeightedSyntBlock", "WeightedWorkBlock"),
    *_go("sync", "PoolOverflow", per=100),
    *_go("sync", "PoolStarvation", per=100),
    *[Workload(f"Cond/{n}", f"BM_Cond/{n}", "sync", f"BenchmarkCond{n}") for n in (1, 2, 4, 8, 16, 32)],
    *_go("sync", *[f"Map{what}/*sync.Map" for what in (
        "LoadMostlyHits", "LoadMostlyMisses", "LoadOrStoreBalanced", "LoadOrStoreUnique", "LoadOrStoreCollision",
        "LoadAndDeleteBalanced", "LoadAndDeleteUnique", "LoadAndDeleteCollision", "Range", "AdversarialAlloc",
        "AdversarialDelete", "DeleteCollision", "SwapCollision", "SwapMostlyHits", "SwapMostlyMisses",
        "CompareAndSwapCollision", "CompareAndSwapNoExistingKey", "CompareAndSwapValueNotEqual",
        "CompareAndSwapMostlyHits", "CompareAndSwapMostlyMisses", "CompareAndDeleteCollision",
        "CompareAndDeleteMostlyHits", "CompareAndDeleteMostlyMisses", "Clear")], rename=[("/*sync.Map", "")]),
]

_CONTEXT = [
    *_go("context", "CommonParentCancel", "CheckCanceled/Err", "CheckCanceled/Done", "ContextCancelDone", "ErrOK",
         "ErrCanceled"),
    *_go("context", *[f"WithTimeout/concurrency={n}" for n in (40, 4000, 400000)],
         *[f"DeepValue{where}GoRoutine/depth={n}" for where in ("New", "Same") for n in (10, 100)],
         rename=[("concurrency=", ""), ("depth=", ""), ("GoRoutine", "Fiber")]),
    *_go("context", *[f"CancelTree/depth={n}/Root={root}" for n in (1, 10, 100, 1000)
                      for root in ("Background", "OpenCanceler", "ClosedCanceler")],
         rename=[("depth=", ""), ("Root=", "")]),
]

_MILLION = (Metric("task", "task_ns"), Metric("peak", "peak_bytes", unit="bytes"))

_PATTERNS = [
    *[Workload(f"Million{how}", f"BM_Million{how}", PATTERNS, f"BenchmarkMillion{how}", iterations=1, memory_mib=memory,
               metrics=_MILLION)
      for how, memory in (("Bare", 6144), ("Semaphore", 512), ("ErrGroup", 512), ("Pool", 512), ("MultiPool", 512))],
    *_go(PATTERNS, "PoolSubmit", "ErrGroupGo", "TaskPool", "ResultPool", "OrderedStream", "ParallelForEach", "Process",
         "PipelineMap", "PipelineOrderedMap", "PipelineBatch", "SingleFlight", "RateAllow", "RateWait", "Breaker"),
]

WORKLOADS = _SCHED + _CHAN + _TIME + _SYNC + _CONTEXT + _PATTERNS
