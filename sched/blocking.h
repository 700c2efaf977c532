// blocking.h: calls that block the thread: system calls, foreign libraries, std::mutex.
//
// While a fiber is inside, its processor can be given to another thread, which runs the other
// fibers. A call that turns out short keeps its processor and costs next to nothing.
//
// Go: what every system call and every cgo call does by itself (entersyscall, exitsyscall). C++ has
//   no hook there, so it is said.
//
// Thread safety: both act on the caller. From a plain thread they do nothing, so shared code may
// use
//   them everywhere.
// Blocks: the end of the region, when the processor was taken and none is free: the fiber waits for
//   its turn.
// Ordering: none beyond the call itself.
// Misuse: more calls at once than SetMaxThreads() allows is fatal, as in Go. Channels and locks may
// be
//   used inside; one that parks ends the effect of the region.
// Cost: two plain stores and a load on the way in and on the way out. One thread for each call that
//   lasts longer than about 0.1 ms while other fibers wait.
//
//   int n = weft::Blocking([&] { return read(fd, buffer, size); });
#ifndef WEFT_SCHED_BLOCKING_H_
#define WEFT_SCHED_BLOCKING_H_

#include <utility>

namespace weft {

// For the scope of the object, the calling fiber is in a call that may block its thread. Regions
// nest; the outermost counts. To be destroyed by the fiber that made it.
class BlockingRegion {
 public:
  BlockingRegion();
  ~BlockingRegion();
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;

 private:
  const bool outermost_;
};

// Returns what fn() returns; fn() may block the thread.
template <typename Fn>
decltype(auto) Blocking(Fn&& fn) {
  const BlockingRegion region;
  return std::forward<Fn>(fn)();
}

}  // namespace weft

#endif  // WEFT_SCHED_BLOCKING_H_
