// Scheduler workloads that Go's own benchmarks do not have. ../README.md describes each; the C++ twins stand in
// //sched:sched_benchmark and must do the same, op for op.

package bench

import (
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// 100,000 goroutines, let go in random order; then each yields to all others ten times.
func BenchmarkRunnable100k(b *testing.B) {
	const fibers, yields = 100000, 10
	for n := 0; n < b.N; n++ {
		b.StopTimer()
		var wg sync.WaitGroup
		wg.Add(fibers)
		start := make([]chan bool, fibers)
		for f := range start {
			c := make(chan bool)
			start[f] = c
			go func() {
				<-c
				for i := 0; i < yields; i++ {
					runtime.Gosched()
				}
				wg.Done()
			}()
		}
		runtime.Gosched()
		rand.New(rand.NewSource(1)).Shuffle(fibers, func(i, j int) { start[i], start[j] = start[j], start[i] })
		b.StartTimer()
		for _, c := range start {
			close(c)
		}
		wg.Wait()
	}
}

// The gaps between the wake-ups of a goroutine that sleeps for a millisecond at a time beside one that computes.
func BenchmarkTickerGap(b *testing.B) {
	for _, hog := range []struct {
		name string
		run  func(stop *int32)
	}{{"EmptyLoop", emptyLoop}, {"SmallCalls", smallCalls}, {"LongSort", longSort}} {
		b.Run(hog.name, func(b *testing.B) {
			const n = 300
			for i := 0; i < b.N; i++ {
				var stop int32
				done := make(chan bool)
				go func() {
					hog.run(&stop)
					done <- true
				}()
				gaps := make([]time.Duration, n)
				last := time.Now()
				for g := range gaps {
					time.Sleep(time.Millisecond)
					now := time.Now()
					gaps[g] = now.Sub(last)
					last = now
				}
				atomic.StoreInt32(&stop, 1)
				<-done
				sort.Slice(gaps, func(i, j int) bool { return gaps[i] < gaps[j] })
				b.ReportMetric(float64(gaps[n/2]), "p50_ns")
				b.ReportMetric(float64(gaps[n/100*99]), "p99_ns")
				b.ReportMetric(float64(gaps[n-1]), "max_ns")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func emptyLoop(stop *int32) {
	for atomic.LoadInt32(stop) == 0 {
	}
}

//go:noinline
func small(n int) int { return n + 1 }

func smallCalls(stop *int32) {
	for n := 0; atomic.LoadInt32(stop) == 0; {
		n = small(n)
	}
}

func longSort(stop *int32) {
	numbers := make([]int, 1000000)
	for atomic.LoadInt32(stop) == 0 {
		for i := range numbers {
			numbers[i] = len(numbers) - i
		}
		sort.Ints(numbers)
	}
}

// parkAndEnd starts goroutines that receive from one unbuffered channel, calls atPeak once they are parked, and closes it.
// It returns the nanoseconds for each, until all ran and from the close until all went on.
func parkAndEnd(fibers int, atPeak func()) (create, wake float64) {
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
	atPeak()
	closed := time.Now()
	close(gate)
	ended.Wait()
	return float64(created.Sub(start)) / float64(fibers), float64(time.Since(closed)) / float64(fibers)
}

const million = 1000000

func BenchmarkParked1M(b *testing.B) {
	for n := 0; n < b.N; n++ {
		debug.FreeOSMemory()
		before := rss()
		var peak int64
		create, wake := parkAndEnd(million, func() { peak = rss() })
		b.ReportMetric(create, "create_ns")
		b.ReportMetric(wake, "wake_ns")
		b.ReportMetric(float64(peak-before)/million, "rss_bytes_per_fiber")
	}
	b.ReportMetric(0, "ns/op")
}

// The memory of an idle process before and after 1,000,000 goroutines. Go gives it back when it collects garbage, so it is
// asked to.
func BenchmarkIdleAfter1M(b *testing.B) {
	parkAndEnd(100, func() {})
	before := rss()
	parkAndEnd(million, func() {})
	debug.FreeOSMemory()
	time.Sleep(30 * time.Second)
	b.ReportMetric(float64(before), "before_bytes")
	b.ReportMetric(float64(rss()), "after_bytes")
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
