// The run queue that all processors share: what overflows from their rings, what plain threads
// start or ready, and what was preempted.
//
// A growing ring of pointers rather than a list through the fibers: taking a batch must not touch
// the fibers, which are cold by then (with the list, a third of a program that starts 100,000
// fibers at once was spent walking it). The ring is mapped: malloc could take its time, or a lock of
// its own, while the caller holds the scheduler's; and would keep what is given back.
//
// Thread safety: none; guarded by the scheduler's lock.
#ifndef WEFT_SCHED_INTERNAL_GLOBAL_QUEUE_H_
#define WEFT_SCHED_INTERNAL_GLOBAL_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <memory>

namespace weft::sched_internal {

struct Fiber;

struct UnmapSlots {
  void operator()(Fiber** slots) const;
  size_t capacity = 0;
};

class GlobalQueue {
 public:
  static constexpr size_t kFirstCapacity = 1024;

  constexpr GlobalQueue() = default;
  GlobalQueue(const GlobalQueue&) = delete;
  GlobalQueue& operator=(const GlobalQueue&) = delete;

  // How many fit before it grows.
  size_t capacity() const { return capacity_; }
  int size() const { return static_cast<int>(tail_ - head_); }

  void Push(Fiber* const* fibers, int count) {
    while (tail_ - head_ + static_cast<size_t>(count) > capacity_) Grow();
    for (int i = 0; i < count; ++i) slots_[tail_++ & (capacity_ - 1)] = fibers[i];
  }

  // Moves min(count, size()) fibers to `out`; returns how many.
  int Pop(Fiber** out, int count) {
    const int taken = std::min(count, size());
    for (int i = 0; i < taken; ++i) out[i] = slots_[head_++ & (capacity_ - 1)];
    return taken;
  }

  // When it is empty and has grown: what it has grown to, so that the caller can return it to the
  // system without holding the lock.
  using Slots = std::unique_ptr<Fiber*[], UnmapSlots>;
  Slots TakeSpareMemory();

 private:
  void Grow();

  Fiber** slots_ = nullptr;  // `capacity_` of them; the scheduler lives for ever
  size_t capacity_ = 0;      // 0 or a power of two
  size_t head_ = 0;          // positions only grow; masked on use
  size_t tail_ = 0;
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_GLOBAL_QUEUE_H_
