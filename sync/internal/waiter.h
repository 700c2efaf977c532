// waiter.h: a caller that waits in the queue of a primitive, and the race between those who may end
// its wait.
//
// A waiter lives in the frame of the caller that parks. Its links and `queued` belong to whoever
// holds the lock of the queue. Who ends the wait must Claim() it first, then call Ready(self), and
// after that not touch it any more. A waiter without a deadline is claimed by the owner of the
// queue alone, for which no atomic is needed.
#ifndef WEFT_SYNC_INTERNAL_WAITER_H_
#define WEFT_SYNC_INTERNAL_WAITER_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft::sync_internal {

enum class Outcome : uint32_t { kWaiting, kWoken, kCancelled };

// Aligned so that a Mutex can keep four flags in a pointer to it.
struct alignas(16) Waiter {
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // For the owner of the queue. Returns false if a deadline or a cancellation was faster: then the
  // waiter is to be taken out of the queue and left alone.
  bool ClaimWake() { return !contested || Claim(Outcome::kWoken); }

  // For a deadline or a cancellation. Ends the wait if it has not been claimed.
  void Cancel() {
    if (Claim(Outcome::kCancelled)) Ready(self);
  }

  // Parks until claimed. Returns false if cancelled.
  bool Await(WaitReason reason) {
    Park(reason);
    // Relaxed: Ready() has synchronized with the return of Park().
    return outcome.load(std::memory_order_relaxed) != Outcome::kCancelled;
  }

  // Parks until claimed, at most until `deadline_ns`. Returns false if the deadline passed first.
  bool AwaitUntil(int64_t deadline_ns, WaitReason reason);

  // Makes the waiter ready for another wait. Only outside of queues, and with no timer armed.
  void Reset(bool has_rivals) {
    contested = has_rivals;
    // Relaxed: published by the queue's lock.
    outcome.store(Outcome::kWaiting, std::memory_order_relaxed);
  }

  Parkable* const self = CurrentParkable();
  Waiter* next = nullptr;
  Waiter* prev = nullptr;
  // Whether anybody but the owner of the queue may end the wait. Written before publication.
  bool contested = false;
  bool queued = false;
  // The only simulated world whose fibers may end the wait. 0: all may.
  uint32_t bubble = 0;
  sched_internal::Atom<Outcome> outcome{Outcome::kWaiting};

 private:
  bool Claim(Outcome claimed) {
    Outcome waiting = Outcome::kWaiting;
    // Relaxed: decides only who calls Ready(), and that call carries the order.
    return outcome.compare_exchange_strong(waiting, claimed, std::memory_order_relaxed,
                                           std::memory_order_relaxed);
  }
};

// The value of a deadline that never comes.
inline constexpr int64_t kNever = INT64_MAX;

// A first-in-first-out queue of waiters in one pointer: a ring whose links are the waiters'. Not
// synchronized.
class WaitList {
 public:
  WaitList() = default;
  explicit WaitList(Waiter* head) : head_(head) {}

  bool empty() const { return head_ == nullptr; }
  Waiter* front() const { return head_; }

  void PushBack(Waiter* waiter) {
    waiter->queued = true;
    if (head_ == nullptr) {
      head_ = waiter->next = waiter->prev = waiter;
      return;
    }
    Waiter* const last = head_->prev;
    waiter->next = head_;
    waiter->prev = last;
    last->next = waiter;
    head_->prev = waiter;
  }

  void PushFront(Waiter* waiter) {
    PushBack(waiter);
    head_ = waiter;
  }

  void Remove(Waiter* waiter) {
    waiter->queued = false;
    if (waiter->next == waiter) {
      head_ = nullptr;
      return;
    }
    waiter->prev->next = waiter->next;
    waiter->next->prev = waiter->prev;
    if (head_ == waiter) head_ = waiter->next;
  }

  Waiter* PopFront() {
    Waiter* const front = head_;
    if (front != nullptr) Remove(front);
    return front;
  }

  // Takes out the first waiter that can still be woken, and those before it that cannot. Null if
  // there is none.
  Waiter* PopClaimed() {
    for (;;) {
      Waiter* const front = PopFront();
      if (front == nullptr || front->ClaimWake()) return front;
    }
  }

 private:
  Waiter* head_ = nullptr;
};

// Readies all that are in `claimed`, which the caller has taken out of their queue.
void ReadyAll(WaitList claimed);

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_WAITER_H_
