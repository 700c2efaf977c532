#include "weft/sched/internal/global_queue.h"

#include <sys/mman.h>

#include <utility>

#include "weft/sched/panic.h"

namespace weft::sched_internal {

void UnmapSlots::operator()(Fiber** slots) const { munmap(slots, capacity * sizeof(Fiber*)); }

GlobalQueue::Slots GlobalQueue::TakeSpareMemory() {
  if (size() != 0 || capacity_ <= kFirstCapacity) return nullptr;
  return Slots(std::exchange(slots_, nullptr), UnmapSlots{std::exchange(capacity_, 0)});
}

void GlobalQueue::Grow() {
  const size_t capacity = std::max(kFirstCapacity, 2 * capacity_);
  void* mapped = mmap(nullptr, capacity * sizeof(Fiber*), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) Fatal("cannot map memory for the queue of runnable fibers");
  auto** slots = static_cast<Fiber**>(mapped);
  const size_t count = tail_ - head_;
  for (size_t i = 0; i < count; ++i) slots[i] = slots_[(head_ + i) & (capacity_ - 1)];
  const Slots former(slots_, UnmapSlots{capacity_});
  slots_ = slots;
  capacity_ = capacity;
  head_ = 0;
  tail_ = count;
}

}  // namespace weft::sched_internal
