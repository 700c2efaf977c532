// What people build on goroutines, in the libraries that they build it with. ../../README.md describes each; the C++
// twins stand in //patterns and must do the same, op for op.

package patterns

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Jeffail/tunny"
	"github.com/destel/rill"
	"github.com/panjf2000/ants/v2"
	"github.com/sony/gobreaker/v2"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"github.com/sourcegraph/conc/stream"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	tasks    = 1000000
	capacity = 50000
	nap      = 10 * time.Millisecond
)

// Runs a million tasks that sleep for 10 ms each, and reports the time for each task and the most memory that the
// process has had.
func million(b *testing.B, start func(task func())) {
	for n := 0; n < b.N; n++ {
		var wg sync.WaitGroup
		wg.Add(tasks)
		task := func() {
			time.Sleep(nap)
			wg.Done()
		}
		began := time.Now()
		for i := 0; i < tasks; i++ {
			start(task)
		}
		wg.Wait()
		b.ReportMetric(float64(time.Since(began))/tasks, "task_ns")
		b.ReportMetric(float64(peak()), "peak_bytes")
	}
	b.ReportMetric(0, "ns/op")
}

// The most memory that was ever resident.
func peak() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		panic(err)
	}
	return kib << 10
}

func BenchmarkMillionBare(b *testing.B) {
	million(b, func(task func()) { go task() })
}

func BenchmarkMillionSemaphore(b *testing.B) {
	sema := make(chan struct{}, capacity)
	million(b, func(task func()) {
		sema <- struct{}{}
		go func() {
			task()
			<-sema
		}()
	})
}

func BenchmarkMillionErrGroup(b *testing.B) {
	var group errgroup.Group
	group.SetLimit(capacity)
	million(b, func(task func()) {
		group.Go(func() error {
			task()
			return nil
		})
	})
}

func BenchmarkMillionPool(b *testing.B) {
	p, err := ants.NewPool(capacity, ants.WithExpiryDuration(10*time.Second))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Release()
	million(b, func(task func()) { _ = p.Submit(task) })
}

func BenchmarkMillionMultiPool(b *testing.B) {
	p, err := ants.NewMultiPool(10, capacity/10, ants.RoundRobin, ants.WithExpiryDuration(10*time.Second))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.ReleaseTimeout(10 * time.Second) }()
	million(b, func(task func()) { _ = p.Submit(task) })
}

// One op is one empty task through a pool of 100.
func BenchmarkPoolSubmit(b *testing.B) {
	p, err := ants.NewPool(100)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Release()
	var wg sync.WaitGroup
	wg.Add(b.N)
	task := func() { wg.Done() }
	for i := 0; i < b.N; i++ {
		_ = p.Submit(task)
	}
	wg.Wait()
}

func BenchmarkErrGroupGo(b *testing.B) {
	var group errgroup.Group
	group.SetLimit(100)
	for i := 0; i < b.N; i++ {
		group.Go(func() error { return nil })
	}
	_ = group.Wait()
}

func BenchmarkTaskPool(b *testing.B) {
	p := pool.New().WithMaxGoroutines(100)
	for i := 0; i < b.N; i++ {
		p.Go(func() {})
	}
	p.Wait()
}

func BenchmarkResultPool(b *testing.B) {
	p := pool.NewWithResults[int]().WithMaxGoroutines(100)
	for i := 0; i < b.N; i++ {
		p.Go(func() int { return i })
	}
	_ = p.Wait()
}

func BenchmarkOrderedStream(b *testing.B) {
	s := stream.New().WithMaxGoroutines(100)
	for i := 0; i < b.N; i++ {
		s.Go(func() stream.Callback { return func() {} })
	}
	s.Wait()
}

// One op is one element of a slice of 1000, visited by as many goroutines as there are processors.
func BenchmarkParallelForEach(b *testing.B) {
	values := make([]int, 1000)
	for i := 0; i < b.N; i += len(values) {
		iter.ForEach(values, func(v *int) { *v++ })
	}
}

// One op is one request to a pool of 10 workers, one after the other.
func BenchmarkProcess(b *testing.B) {
	p := tunny.NewFunc(10, func(in any) any { return in.(int) * 2 })
	defer p.Close()
	for i := 0; i < b.N; i++ {
		if p.Process(10).(int) != 20 {
			b.Fatal("wrong answer")
		}
	}
}

func source(n int) <-chan rill.Try[int] {
	return rill.Generate(func(send func(int), sendErr func(error)) {
		for i := 0; i < n; i++ {
			send(i)
		}
	})
}

// One op is one value through a source, a map by 4 goroutines, and a sink.
func BenchmarkPipelineMap(b *testing.B) {
	rill.Drain(rill.Map(source(b.N), 4, func(v int) (int, error) { return v + 1, nil }))
}

func BenchmarkPipelineOrderedMap(b *testing.B) {
	rill.Drain(rill.OrderedMap(source(b.N), 4, func(v int) (int, error) { return v + 1, nil }))
}

// One op is one value through batches of 100.
func BenchmarkPipelineBatch(b *testing.B) {
	rill.Drain(rill.Batch(source(b.N), 100, -1))
}

// One op is one Do() that nobody shares.
func BenchmarkSingleFlight(b *testing.B) {
	var group singleflight.Group
	for i := 0; i < b.N; i++ {
		_, _, _ = group.Do("key", func() (any, error) { return 1, nil })
	}
}

func BenchmarkRateAllow(b *testing.B) {
	limiter := rate.NewLimiter(1000, 100)
	for i := 0; i < b.N; i++ {
		limiter.Allow()
	}
}

func BenchmarkRateWait(b *testing.B) {
	limiter := rate.NewLimiter(1e12, 1000)
	for i := 0; i < b.N; i++ {
		_ = limiter.Wait(context.Background())
	}
}

func BenchmarkBreaker(b *testing.B) {
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
	for i := 0; i < b.N; i++ {
		_, _ = breaker.Execute(func() (int, error) { return 1, nil })
	}
}

// What Go's own BenchmarkSema* do with the runtime's semaphore, on the one that is first come, first served.
func weighted(b *testing.B, block bool, work int) {
	ctx := context.Background()
	sem := semaphore.NewWeighted(1 << 20)
	sem.Acquire(ctx, 1<<20)
	ended := make(chan bool)
	if block {
		go func() {
			for p := 0; p < runtime.GOMAXPROCS(0)/2; p++ {
				sem.Acquire(ctx, 1)
			}
			close(ended)
		}()
	}
	b.RunParallel(func(pb *testing.PB) {
		foo := 0
		for pb.Next() {
			sem.Release(1)
			for i := 0; i < work; i++ {
				foo *= 2
				foo /= 2
			}
			sem.Acquire(ctx, 1)
		}
		_ = foo
		sem.Release(1)
	})
	if block {
		<-ended
	}
}

func BenchmarkWeightedUncontended(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		sem := semaphore.NewWeighted(1)
		sem.Acquire(context.Background(), 1)
		for pb.Next() {
			sem.Release(1)
			sem.Acquire(context.Background(), 1)
		}
	})
}
func BenchmarkWeightedSyntNonblock(b *testing.B) { weighted(b, false, 0) }
func BenchmarkWeightedSyntBlock(b *testing.B)    { weighted(b, true, 0) }
func BenchmarkWeightedWorkBlock(b *testing.B)    { weighted(b, true, 100) }
