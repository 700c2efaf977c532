// Scheduler workloads that Go's own benchmarks do not have. ../README.md describes each; the C++ twins stand in
// //sched:sched_benchmark and must do the same, op for op.

package bench

import (
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// One op is one Gosched, made by one of 8 goroutines that do nothing else.
func BenchmarkYield(b *testing.B) {
	const fibers = 8
	var wg sync.WaitGroup
	wg.Add(fibers)
	for f := 0; f < fibers; f++ {
		go func() {
			for i := 0; i < b.N/fibers; i++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
}

// One op starts one goroutine and joins it, in batches of 100 with a WaitGroup each.
func BenchmarkSpawnJoin(b *testing.B) {
	const batch = 100
	for done := 0; done < b.N; done += batch {
		var wg sync.WaitGroup
		wg.Add(batch)
		for i := 0; i < batch; i++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
}

// 10,000 goroutines, each 20 times asleep for 20 ms, first steps staggered over 20 ms: 500,000 sleeps a second.
func BenchmarkSleep(b *testing.B) {
	const fibers, rounds, nap = 10000, 20, 20 * time.Millisecond
	for n := 0; n < b.N; n++ {
		late := make([]time.Duration, fibers*rounds)
		before := cpuTime()
		var wg sync.WaitGroup
		wg.Add(fibers)
		for f := 0; f < fibers; f++ {
			f := f
			go func() {
				time.Sleep(nap / fibers * time.Duration(f))
				for r := 0; r < rounds; r++ {
					start := time.Now()
					time.Sleep(nap)
					late[f*rounds+r] = time.Since(start) - nap
				}
				wg.Done()
			}()
		}
		wg.Wait()
		cpu := cpuTime() - before
		sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
		b.ReportMetric(float64(cpu)/(fibers*rounds), "cpu_ns_per_sleep")
		b.ReportMetric(float64(late[len(late)/2]), "late_p50_ns")
		b.ReportMetric(float64(late[len(late)/100*99]), "late_p99_ns")
	}
	b.ReportMetric(0, "ns/op")
}

// 1,000,000 goroutines receive from one unbuffered channel; when all are parked it is closed, and all end.
func BenchmarkParked1M(b *testing.B) {
	const fibers = 1000000
	for n := 0; n < b.N; n++ {
		debug.FreeOSMemory()
		before := rss()
		gate := make(chan struct{})
		var running, ended sync.WaitGroup
		running.Add(fibers)
		ended.Add(fibers)
		start := time.Now()
		for f := 0; f < fibers; f++ {
			go func() {
				running.Done()
				<-gate
				ended.Done()
			}()
		}
		running.Wait()
		created := time.Now()
		settle()
		after := rss()
		closed := time.Now()
		close(gate)
		ended.Wait()
		woken := time.Now()
		b.ReportMetric(float64(created.Sub(start))/fibers, "create_ns")
		b.ReportMetric(float64(woken.Sub(closed))/fibers, "wake_ns")
		b.ReportMetric(float64(after-before)/fibers, "rss_bytes_per_fiber")
	}
	b.ReportMetric(0, "ns/op")
}

// settle gives the last fibers that said "running" the time to park.
func settle() { time.Sleep(50 * time.Millisecond) }

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss is the resident set of this process in bytes.
func rss() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}
