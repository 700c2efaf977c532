// Fibers that compute until they are told to stop, and do not come to a safe point of weft's by
// themselves: what preemption is tested and measured with.
#ifndef WEFT_SCHED_TESTING_HOGS_H_
#define WEFT_SCHED_TESTING_HOGS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <string_view>
#include <vector>

namespace weft::testing {

using Stop = std::atomic<bool>;
using Hog = void(const Stop& stop);

// Relaxed: orders nothing.
inline bool Stopped(const Stop& stop) { return stop.load(std::memory_order_relaxed); }

inline void EmptyLoop(const Stop& stop) {
  while (!Stopped(stop)) {
  }
}

[[gnu::noinline]] inline int Small(int n) {
  asm volatile("" : "+r"(n));
  return n + 1;
}

inline void SmallCalls(const Stop& stop) {
  int n = 0;
  while (!Stopped(stop)) n = Small(n);
}

template <size_t elements>
void LongSort(const Stop& stop) {
  std::vector<int> numbers(elements);
  while (!Stopped(stop)) {
    std::iota(numbers.rbegin(), numbers.rend(), 0);
    std::sort(numbers.begin(), numbers.end());
  }
}

// All of them take the same mutex.
inline void MallocUnderMutex(const Stop& stop) {
  static auto* mutex = new std::mutex;
  while (!Stopped(stop)) {
    std::lock_guard<std::mutex> hold(*mutex);
    void* volatile memory = std::malloc(100);
    std::free(memory);
  }
}

inline void LongCalls(const Stop& stop) {
  std::vector<char> text(1 << 20, 'x');
  text.back() = 0;
  volatile size_t length = 0;
  while (!Stopped(stop)) length = length + std::string_view(text.data()).size();
}

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_HOGS_H_
