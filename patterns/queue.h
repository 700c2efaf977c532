// queue.h: a queue without bound: putting in never waits.
//
// Go: none; the usual answer is a goroutine between two channels (chan/idioms/unbounded.h), which
//   can stand in a select. This one has no fiber, and costs a lock where that one costs two
//   hand-overs.
//
// Thread safety: all methods, any number on both sides.
// Blocks: Pop(): until there is a value, the queue is closed, or the context ends. The others:
//   nothing.
// Ordering: what was put in first comes out first, to whoever asked first; a Push() is before the
//   Pop() of its value.
// Lifetime: must outlive its users; values that nobody took are destroyed with it.
// Misuse: nothing bounds the memory. Where those who take may be slower for long, use a channel
//   with a buffer.
// Cost: Push() and Pop(): two short locks each; no allocation but that of std::deque.
//
//   weft::Queue<Job> jobs;
//   jobs.Push(job);                                          // never waits
//   while (absl::StatusOr<Job> job = jobs.Pop(ctx); job.ok()) { … }
#ifndef WEFT_PATTERNS_QUEUE_H_
#define WEFT_PATTERNS_QUEUE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/sync/mutex.h"
#include "weft/sync/semaphore.h"

namespace weft {

template <typename T>
class Queue {
 public:
  Queue() { turns_.Acquire(kTurns); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // False: the queue is closed, and the value dropped.
  bool Push(T value) {
    {
      MutexLock lock(mu_);
      if (closed_) return false;
      values_.push_back(std::move(value));
    }
    turns_.Release();
    return true;
  }

  // The oldest value. kOutOfRange: closed, and nothing is left. ctx.Err(): the context ended first;
  // nothing is taken.
  absl::StatusOr<T> Pop(const Context& ctx) {
    if (absl::Status s = turns_.Acquire(ctx); !s.ok()) return s;
    if (std::optional<T> value = Take()) return *std::move(value);
    return absl::OutOfRangeError("queue closed");
  }

  // Takes a value if there is one and nobody waits for it.
  std::optional<T> TryPop() {
    if (!turns_.TryAcquire()) return std::nullopt;
    return Take();
  }

  // Ends Push(). Values that are in the queue can still be taken. True: this call closed it.
  bool Close() {
    {
      MutexLock lock(mu_);
      if (std::exchange(closed_, true)) return false;
    }
    turns_.Release(kEndless);
    return true;
  }

  int64_t len() const {
    MutexLock lock(mu_);
    return static_cast<int64_t>(values_.size());
  }

 private:
  // A turn that finds the queue empty can only be one of those that Close() gave, and goes back to
  // them.
  std::optional<T> Take() {
    {
      MutexLock lock(mu_);
      if (!values_.empty()) {
        std::optional<T> value(std::move(values_.front()));
        values_.pop_front();
        return value;
      }
    }
    turns_.Release();
    return std::nullopt;
  }

  static constexpr int64_t kEndless = int64_t{1} << 59;
  static constexpr int64_t kTurns = 2 * kEndless;

  // One permit for each value that is in the queue and promised to nobody; kEndless more once it is
  // closed.
  Semaphore turns_{kTurns};
  mutable Mutex mu_;
  std::deque<T> values_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_QUEUE_H_
