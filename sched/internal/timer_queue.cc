#include "weft/sched/internal/timer_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {

void TimerQueue::Add(SchedTimer* timer, int64_t when_ns) {
  // A callback that arms its timer again stays in the queue that is calling it, so that the queue
  // cannot change while Remove() holds its lock. Relaxed: the callback knows of its own call, and
  // whoever else arms the timer is serialized with Remove().
  TimerQueue* const former = timer->queue_.load(std::memory_order_relaxed);
  if (former != nullptr && former != this &&
      former->firing_.load(std::memory_order_relaxed) == timer) {
    return former->Add(timer, when_ns);
  }
  SpinLockHolder hold(lock_);
  if (timer->slot_ != kUnarmed) Fatal("timer armed twice: Cancel() it before Arm()");
  timer->when_ns_ = std::clamp<int64_t>(when_ns, 0, kMaxWhen);
  timer->order_ = next_order_++;
  ++size_;
  // ORDER(timer.queue): release; pairs with the acquire in Remove().
  timer->queue_.store(this, std::memory_order_release);
  Insert(timer, static_cast<int>(timer->order_ % kLists));
  // Relaxed: written under the lock.
  if (timer->when_ns_ < next_when_.load(std::memory_order_relaxed)) PublishNext();
}

bool TimerQueue::Postpone(SchedTimer* timer, int64_t when_ns) {
  // ORDER(timer.queue): acquire; pairs with the release in Add().
  TimerQueue* queue = timer->queue_.load(std::memory_order_acquire);
  if (queue == nullptr) return false;
  SpinLockHolder hold(queue->lock_);
  // Relaxed: written under the lock.
  if (timer->queue_.load(std::memory_order_relaxed) != queue || timer->slot_ == kUnarmed ||
      when_ns < timer->when_ns_ || queue->bubble_ != 0) {
    return false;
  }
  timer->when_ns_ = std::min(when_ns, kMaxWhen);
  timer->order_ = queue->next_order_++;
  // In the wheel it may lie too early, and next_when_ may be too early: both only cost a look.
  if (timer->slot_ >= kHeapBase) queue->HeapDown(static_cast<size_t>(timer->slot_ - kHeapBase));
  return true;
}

bool TimerQueue::Remove(SchedTimer* timer, bool wait) {
  bool cancelled = false;
  for (;;) {
    // ORDER(timer.queue): acquire; pairs with the release in Add(). The queue cannot change under
    // us: the callback does not change it, and the timer's owner serializes us with everybody else.
    TimerQueue* queue = timer->queue_.load(std::memory_order_acquire);
    if (queue == nullptr) return false;
    queue->lock_.lock();
    if (timer->slot_ != kUnarmed) {
      if (queue->bubble_ != 0 && queue->bubble_ != SimBubble()) [[unlikely]] {
        queue->lock_.unlock();
        Fatal("synctest timer accessed from outside bubble");
      }
      queue->Unlink(timer);
      --queue->size_;
      // Relaxed: written under the lock.
      if (timer->when_ns_ == queue->next_when_.load(std::memory_order_relaxed))
        queue->PublishNext();
      cancelled = true;
    }
    // Relaxed: written under the lock.
    const bool firing = queue->firing_.load(std::memory_order_relaxed) == timer;
    queue->lock_.unlock();
    // Although it is cancelled: a callback that has armed the timer again may not have returned,
    // and may do so once more.
    if (!firing || !wait) {
      if (wait && !cancelled) race::Acquire(queue);
      return cancelled;
    }
    ThreadYield();
  }
}

void TimerQueue::RunDue(int64_t now_ns) {
  lock_.lock();
  if (running_) {
    lock_.unlock();
    return;
  }
  running_ = true;
  AdvanceTo(Tick(now_ns));
  while (!heap_.empty() && heap_[0]->when_ns_ <= now_ns) {
    const size_t index = PickDue();
    SchedTimer* timer = heap_[index];
    HeapRemove(index);
    --size_;
    timer->slot_ = kUnarmed;
    firing_.store(timer, std::memory_order_relaxed);  // read under the lock, or by the callback
    const SchedTimer::Callback callback = timer->callback_;
    lock_.unlock();
    race::Acquire(timer);
    callback(timer, now_ns);  // may end the timer's life
    race::Release(this);
    lock_.lock();
    firing_.store(nullptr, std::memory_order_relaxed);  // likewise
  }
  running_ = false;
  PublishNext();
  lock_.unlock();
}

size_t TimerQueue::PickDue() const {
  SimHooks* sim = Sim();
  if (sim == nullptr) [[likely]]
    return 0;
  std::vector<size_t> ties;
  for (size_t i = 0; i < heap_.size(); ++i) {
    if (heap_[i]->when_ns_ == heap_[0]->when_ns_) ties.push_back(i);
  }
  // The heap's layout tells of former timers; the order of arming does not.
  const SchedTimer* const* heap = heap_.data();
  std::sort(ties.begin(), ties.end(),
            [heap](size_t a, size_t b) { return Before(heap[a], heap[b]); });
  return ties[sim->Choose(static_cast<uint32_t>(ties.size()))];
}

void TimerQueue::SetWorld(uint32_t bubble, int64_t now_ns) {
  SpinLockHolder hold(lock_);
  bubble_ = bubble;
  if (!heap_.empty() || FirstSlot() >= 0) return;
  current_tick_ = Tick(now_ns);
  next_order_ = 0;
}

void TimerQueue::Insert(SchedTimer* timer, int list) {
  const uint64_t tick = Tick(timer->when_ns_);
  if (tick <= current_tick_) {
    heap_.push_back(timer);
    timer->slot_ = static_cast<int32_t>(kHeapBase + heap_.size() - 1);
    HeapUp(heap_.size() - 1);
    return;
  }
  const int level = (63 - std::countl_zero(tick ^ current_tick_)) / 6;
  const int digit = static_cast<int>((tick >> (6 * level)) % kSlots);
  const int slot = level * kSlots + digit;
  timer->slot_ = slot * kLists + list;
  SchedTimer*& first = slots_[slot].lists[list];
  timer->prev_ = nullptr;
  timer->next_ = first;
  if (first != nullptr) first->prev_ = timer;
  first = timer;
  occupied_[level] |= uint64_t{1} << digit;
}

void TimerQueue::Unlink(SchedTimer* timer) {
  const int place = timer->slot_;
  timer->slot_ = kUnarmed;
  if (place >= kHeapBase) {
    HeapRemove(static_cast<size_t>(place - kHeapBase));
    return;
  }
  if (timer->next_ != nullptr) timer->next_->prev_ = timer->prev_;
  if (timer->prev_ != nullptr) {
    timer->prev_->next_ = timer->next_;
    return;
  }
  const int slot = place / kLists;
  slots_[slot].lists[place % kLists] = timer->next_;
  if (slots_[slot].empty()) occupied_[slot / kSlots] &= ~(uint64_t{1} << (slot % kSlots));
}

void TimerQueue::AdvanceTo(uint64_t tick) {
  for (int slot; (slot = FirstSlot()) >= 0;) {
    const uint64_t start = SlotStart(slot);
    if (start > tick) break;
    current_tick_ = start;
    MoveAll(slot);
  }
  // What is left begins later than `tick`, so its level and slot stay right.
  current_tick_ = std::max(current_tick_, tick);
}

// The slot's time has come, so all that is in it is nearer now: it goes to a lower level or to the
// heap.
void TimerQueue::MoveAll(int slot) {
  Slot moving = std::exchange(slots_[slot], Slot());
  occupied_[slot / kSlots] &= ~(uint64_t{1} << (slot % kSlots));
  while (!moving.empty()) {
    for (int list = 0; list < kLists; ++list) {
      SchedTimer* const timer = moving.lists[list];
      if (timer == nullptr) continue;
      SchedTimer* const next = moving.lists[list] = timer->next_;
      if (next != nullptr) {  // both of the lines that it may be in
        __builtin_prefetch(&next->when_ns_);
        __builtin_prefetch(&next->order_);
      }
      Insert(timer, list);
    }
  }
}

int TimerQueue::FirstSlot() const {
  // Lower levels hold earlier timers, and within a level all digits are larger than the current
  // one.
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] != 0) return level * kSlots + std::countr_zero(occupied_[level]);
  }
  return -1;
}

uint64_t TimerQueue::SlotStart(int slot) const {
  const int shift = 6 * (slot / kSlots);
  const uint64_t above = current_tick_ >> (shift + 6) << (shift + 6);
  return above | (static_cast<uint64_t>(slot % kSlots) << shift);
}

int64_t TimerQueue::ComputeNext() const {
  if (!heap_.empty()) return heap_[0]->when_ns_;
  const int slot = FirstSlot();
  if (slot < 0) return kNever;
  // Exact where that is cheap, so that a sleeper costs one wake-up and not one for each level.
  constexpr int kExactScan = 16;
  int64_t first = kNever;
  int scanned = 0;
  for (const SchedTimer* timer : slots_[slot].lists) {
    for (; timer != nullptr; timer = timer->next_) {
      if (++scanned > kExactScan) return static_cast<int64_t>(SlotStart(slot) << kTickShift);
      first = std::min(first, timer->when_ns_);
    }
  }
  return first;
}

void TimerQueue::PublishNext() {
  // ORDER(timer.next): seq_cst; pairs with the load in next_when().
  next_when_.store(ComputeNext(), std::memory_order_seq_cst);
}

bool TimerQueue::Before(const SchedTimer* a, const SchedTimer* b) {
  if (a->when_ns_ != b->when_ns_) return a->when_ns_ < b->when_ns_;
  return static_cast<int32_t>(a->order_ - b->order_) < 0;
}

void TimerQueue::HeapSet(size_t index, SchedTimer* timer) {
  heap_[index] = timer;
  timer->slot_ = static_cast<int32_t>(kHeapBase + index);
}

void TimerQueue::HeapUp(size_t index) {
  SchedTimer* timer = heap_[index];
  while (index > 0) {
    const size_t parent = (index - 1) / 4;
    if (!Before(timer, heap_[parent])) break;
    HeapSet(index, heap_[parent]);
    index = parent;
  }
  HeapSet(index, timer);
}

void TimerQueue::HeapDown(size_t index) {
  SchedTimer* timer = heap_[index];
  for (;;) {
    const size_t first = 4 * index + 1;
    if (first >= heap_.size()) break;
    size_t least = first;
    for (size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child) {
      if (Before(heap_[child], heap_[least])) least = child;
    }
    if (!Before(heap_[least], timer)) break;
    HeapSet(index, heap_[least]);
    index = least;
  }
  HeapSet(index, timer);
}

void TimerQueue::HeapRemove(size_t index) {
  SchedTimer* last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  HeapSet(index, last);
  if (index > 0 && Before(last, heap_[(index - 1) / 4])) {
    HeapUp(index);
  } else {
    HeapDown(index);
  }
}

}  // namespace weft::sched_internal
