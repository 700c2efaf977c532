#include "weft/sched/internal/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <limits>

#include "weft/sched/timer.h"

namespace weft::sched_internal {

void FutexWait(Atom<uint32_t>& word, uint32_t expected, int64_t deadline_ns) {
  timespec deadline;
  timespec* timeout = nullptr;
  if (deadline_ns != std::numeric_limits<int64_t>::max()) {
    deadline.tv_sec = deadline_ns / 1'000'000'000;
    deadline.tv_nsec = deadline_ns % 1'000'000'000;
    timeout = &deadline;
  }
  // WAIT_BITSET, because its timeout is an absolute time of the monotonic clock. Errors (a changed
  // word, a signal, the timeout) all mean the same to the caller: look again.
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

void FutexWake(Atom<uint32_t>& word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

bool Futex::Wait(int64_t deadline_ns) {
  uint32_t seen = kClear;
  // ORDER(futex.set): acquire; pairs with the release in Set().
  if (!word_.compare_exchange_strong(seen, kWaiting, std::memory_order_acquire)) {
    return true;
  }
  for (;;) {
    FutexWait(word_, kWaiting, deadline_ns);
    // ORDER(futex.set): acquire; pairs with the release in Set().
    if (word_.load(std::memory_order_acquire) == kSet) return true;
    if (deadline_ns != std::numeric_limits<int64_t>::max() && MonotonicNanos() >= deadline_ns) {
      seen = kWaiting;
      // ORDER(futex.set): acquire; pairs with the release in Set().
      return !word_.compare_exchange_strong(seen, kClear, std::memory_order_acquire);
    }
  }
}

}  // namespace weft::sched_internal
