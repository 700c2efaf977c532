// broadcast.h: every receiver gets every value, and nobody waits for a slow one: it is told how
// much it has missed.
//
// Go: none; tokio's broadcast channel. pubsub.h has a buffer and a policy for each subscriber; here
//   all share one buffer of the last values.
//
// Thread safety: all methods; a Receiver belongs to one fiber at a time, copies of it are
//   independent.
// Blocks: Recv(): until there is a value, the end, or the end of the context. The others: nothing.
// Ordering: all receivers see the values in the same order. A Send() is before the receive of its
//   value.
// Lifetime: receivers share the buffer with the sender; the end of the Broadcast closes it.
// Misuse: a capacity below one panics.
// Cost: Send(): a lock, one move, and waking whoever waits; not more for many receivers that do
//   not. Recv(): a lock and one copy. A value stays in memory until `capacity` others have come.
//
//   weft::Broadcast<Event> events(64);
//   weft::Go([r = events.Subscribe(), ctx]() mutable {
//     for (;;) {
//       absl::StatusOr<Event> e = r.Recv(ctx);
//       if (absl::IsDataLoss(e.status())) continue;        // r.missed() tells how many
//       if (!e.ok()) return;
//       Handle(*e);
//     }
//   });
#ifndef WEFT_PATTERNS_BROADCAST_H_
#define WEFT_PATTERNS_BROADCAST_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/changed.h"
#include "weft/sched/panic.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename T>
class Broadcast {
 public:
  class Receiver;

  // Keeps the last `capacity` values for those who are slow.
  explicit Broadcast(int64_t capacity) : core_(std::make_shared<Core>(capacity)) {
    if (capacity < 1) Panic("Broadcast: no capacity");
  }
  Broadcast(const Broadcast&) = delete;
  Broadcast& operator=(const Broadcast&) = delete;
  ~Broadcast() { Close(); }

  // False: closed, and the value dropped.
  bool Send(T value) const {
    MutexLock lock(core_->mu);
    if (core_->closed) return false;
    if (static_cast<int64_t>(core_->recent.size()) == core_->capacity) core_->recent.pop_front();
    core_->recent.push_back(std::move(value));
    ++core_->next;
    core_->changed.Notify();
    return true;
  }

  // No more values. Receivers get those that are kept before they see the end.
  void Close() const {
    MutexLock lock(core_->mu);
    core_->closed = true;
    core_->changed.Notify();
  }

  // Receives what is sent from now on.
  Receiver Subscribe() const {
    MutexLock lock(core_->mu);
    return Receiver(core_, core_->next);
  }

 private:
  struct Core {
    explicit Core(int64_t c) : capacity(c) {}

    const int64_t capacity;
    Mutex mu;
    patterns_internal::Changed changed{mu};
    // The values next - recent.size() .. next - 1, counted from the first that was sent.
    std::deque<T> recent ABSL_GUARDED_BY(mu);
    int64_t next ABSL_GUARDED_BY(mu) = 0;
    bool closed ABSL_GUARDED_BY(mu) = false;
  };

  const std::shared_ptr<Core> core_;
};

template <typename T>
class Broadcast<T>::Receiver {
 public:
  // The next value. kDataLoss: some are gone; the next call gives the oldest that is kept.
  // kOutOfRange: closed and nothing left. ctx.Err(): the context ended first.
  absl::StatusOr<T> Recv(const Context& ctx) {
    MutexLock lock(core_->mu);
    for (;;) {
      const int64_t oldest = core_->next - static_cast<int64_t>(core_->recent.size());
      if (at_ < oldest) {
        missed_ += oldest - at_;
        at_ = oldest;
        return absl::DataLossError("receiver fell behind");
      }
      if (at_ < core_->next) return core_->recent[at_++ - oldest];
      if (core_->closed) return absl::OutOfRangeError("broadcast closed");
      if (absl::Status s = core_->changed.Wait(ctx); !s.ok()) return s;
    }
  }

  // How many values this receiver has not got because it was too slow.
  int64_t missed() const { return missed_; }

 private:
  friend class Broadcast;
  Receiver(std::shared_ptr<Core> core, int64_t at) : core_(std::move(core)), at_(at) {}

  std::shared_ptr<Core> core_;
  int64_t at_;  // the number of the value to come
  int64_t missed_ = 0;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BROADCAST_H_
