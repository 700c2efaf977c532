// Channel workloads that Go's own benchmarks do not have; the C++ twins stand in //chan:chan_benchmark.

package bench

import "testing"

// One op is one round trip: a send on one unbuffered channel, answered on another.
func BenchmarkPingPong(b *testing.B) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for i := 0; i < b.N; i++ {
			pong <- <-ping
		}
	}()
	for i := 0; i < b.N; i++ {
		ping <- i
		<-pong
	}
}

// One op is one element that goes through a channel of 128 ints, k senders to k receivers.
func benchmarkBuffered(b *testing.B, k int) {
	c, done := make(chan int, 128), make(chan bool, 2*k)
	for f := 0; f < k; f++ {
		go func() {
			for i := 0; i < b.N/k; i++ {
				c <- i
			}
			done <- true
		}()
		go func() {
			for i := 0; i < b.N/k; i++ {
				<-c
			}
			done <- true
		}()
	}
	for f := 0; f < 2*k; f++ {
		<-done
	}
}

func BenchmarkBuffered1x1(b *testing.B) { benchmarkBuffered(b, 1) }
func BenchmarkBuffered4x4(b *testing.B) { benchmarkBuffered(b, 4) }

func skynet(result chan<- int, num, size int) {
	if size == 1 {
		result <- num
		return
	}
	children := make(chan int)
	for i := 0; i < 10; i++ {
		go skynet(children, num+i*(size/10), size/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	result <- sum
}

// One op is the whole tree: 1,000,000 leaves, 10 children a node, one unbuffered channel for each inner node.
func BenchmarkSkynet(b *testing.B) {
	for i := 0; i < b.N; i++ {
		result := make(chan int)
		go skynet(result, 0, 1000000)
		if sum := <-result; sum != 499999500000 {
			b.Fatal("wrong sum", sum)
		}
	}
}
