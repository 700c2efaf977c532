// Timers beside a million others that never fire; the C++ twins stand in //chan:time_benchmark.

package bench

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

func besideAMillionTimers(b *testing.B, body func(*testing.PB)) {
	workers := runtime.GOMAXPROCS(0)
	live := make([][]*time.Timer, workers)
	var made sync.WaitGroup
	made.Add(workers)
	for w := range live {
		go func(w int) {
			defer made.Done()
			for i := 0; i < 1_000_000/workers; i++ {
				live[w] = append(live[w], time.AfterFunc(time.Hour, func() {}))
			}
		}(w)
	}
	made.Wait()
	b.ResetTimer()
	b.RunParallel(body)
	b.StopTimer()
	for _, some := range live {
		for _, timer := range some {
			timer.Stop()
		}
	}
}

// One op starts a thousand timers and stops them.
func BenchmarkStartStopLive1M(b *testing.B) {
	besideAMillionTimers(b, func(pb *testing.PB) {
		timers := make([]*time.Timer, 1000)
		for pb.Next() {
			for i := range timers {
				timers[i] = time.AfterFunc(time.Hour, func() {})
			}
			for _, timer := range timers {
				timer.Stop()
			}
		}
	})
}

func BenchmarkResetLive1M(b *testing.B) {
	besideAMillionTimers(b, func(pb *testing.PB) {
		timer := time.AfterFunc(time.Hour, func() {})
		for pb.Next() {
			timer.Reset(time.Hour)
		}
		timer.Stop()
	})
}

// One op is a chain of a thousand timers, each of which starts the next.
func BenchmarkAfterFuncLive1M(b *testing.B) {
	besideAMillionTimers(b, func(pb *testing.PB) {
		for pb.Next() {
			left, end := 1000, make(chan bool)
			var link func()
			link = func() {
				left--
				if left >= 0 {
					time.AfterFunc(0, link)
				} else {
					end <- true
				}
			}
			time.AfterFunc(0, link)
			<-end
		}
	})
}
