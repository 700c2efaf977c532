// pool_base.h: the part of the pools that does not depend on what they work on.
#ifndef WEFT_PATTERNS_INTERNAL_POOL_BASE_H_
#define WEFT_PATTERNS_INTERNAL_POOL_BASE_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/patterns/panics.h"
#include "weft/sched/park.h"
#include "weft/sync/cancellation.h"
#include "weft/sync/event.h"

namespace weft {

struct PoolOptions {
  // Idle workers end after this long, and at most twice as long.
  absl::Duration expiry = absl::Seconds(1);
  // Idle workers never end.
  bool disable_purge = false;
  // A submission that would have to wait fails instead.
  bool nonblocking = false;
  // Fails if so many wait already. 0: any number may.
  int64_t max_blocking = 0;
  // Gets the panic of a task, in the worker's fiber; must not throw. Empty: the panic is written to
  // stderr, with its stack, and the process goes on.
  std::function<void(const Recovered&)> panic_handler = nullptr;
};

namespace patterns_internal {

struct PoolCounts {
  int64_t capacity;
  int64_t running;
  int64_t waiting;
  bool closed;
};

// Panics if they make no sense.
PoolOptions CheckedOptions(PoolOptions options);
void HandlePanic(const PoolOptions& options, const Recovered& panic);

absl::Status PoolClosedError();    // kFailedPrecondition
absl::Status PoolOverloadError();  // kResourceExhausted
absl::Status PoolTimeoutError();   // kDeadlineExceeded

template <typename T>
struct ListNode {
  T* after = nullptr;
  T* before = nullptr;
};

// A doubly linked list whose links are the elements'. Not synchronized.
template <typename T>
class NodeList {
 public:
  bool empty() const { return front_ == nullptr; }
  int64_t size() const { return size_; }
  T* back() const { return back_; }

  void PushFront(T* node) {
    node->before = nullptr;
    node->after = front_;
    (front_ == nullptr ? back_ : front_->before) = node;
    front_ = node;
    ++size_;
  }

  void PushBack(T* node) {
    node->after = nullptr;
    node->before = back_;
    (back_ == nullptr ? front_ : back_->after) = node;
    back_ = node;
    ++size_;
  }

  void Remove(T* node) {
    (node->before == nullptr ? front_ : node->before->after) = node->after;
    (node->after == nullptr ? back_ : node->after->before) = node->before;
    --size_;
  }

  // Null if there is none.
  T* PopFront() { return Pop(front_); }
  T* PopBack() { return Pop(back_); }

 private:
  T* Pop(T* node) {
    if (node != nullptr) Remove(node);
    return node;
  }

  T* front_ = nullptr;
  T* back_ = nullptr;
  int64_t size_ = 0;
};

// A fiber that works; lives in its frame.
template <typename Item>
struct PoolWorker : ListNode<PoolWorker<Item>> {
  Parkable* const self = CurrentParkable();
  std::optional<Item> item;
  bool counted = true;  // among those that run
  uint64_t idle_since = 0;
};

// One who waits for a worker; lives in its frame.
template <typename Item>
struct PoolSubmitter : ListNode<PoolSubmitter<Item>>, CancelWatcher {
  explicit PoolSubmitter(Item* item)
      : CancelWatcher([](CancelWatcher* w) { static_cast<PoolSubmitter*>(w)->woken.Set(); }),
        item(item) {}

  // With the pool locked until it returns: the submitter locks it before it leaves its frame.
  void Settle(bool by_closing) {
    settled = true;
    closed = by_closing;
    woken.Set();
  }

  Item* const item;
  bool settled = false;
  bool closed = false;
  Event woken{EventReset::kManual};
};

}  // namespace patterns_internal
}  // namespace weft

#endif  // WEFT_PATTERNS_INTERNAL_POOL_BASE_H_
