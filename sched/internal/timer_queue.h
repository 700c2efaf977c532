// The timers of one processor: a hierarchical wheel for what is far away, a heap for what is near.
//
// Time is cut into ticks of 65 µs. The wheel has seven levels of 64 slots; a timer sits at the
// level of the highest base-64 digit in which its tick differs from the current one, in the slot of
// that digit. When the clock reaches a slot, its timers move down, and those of the current tick
// move to a heap that orders them exactly, by time and then by the order of arming. A timer that is
// postponed stays in its slot until the clock reaches that: then it moves to where it belongs.
//
// A slot is several lists. Of many timers each is in a page of its own, say on the stack of its
// fiber, and to follow one list would be to wait for each in turn: where several are followed side
// by side, one is fetched while another is moved.
//
// Thread safety: yes, by one SpinLock. Callbacks run without it.
// Cost: Add(), Postpone() and Remove() are O(1) in the wheel and O(log n) among the n timers of the
//   current tick.
#ifndef WEFT_SCHED_INTERNAL_TIMER_QUEUE_H_
#define WEFT_SCHED_INTERNAL_TIMER_QUEUE_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"

namespace weft::sched_internal {

class TimerQueue {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // `now_ns`: where the wheel begins.
  explicit TimerQueue(int64_t now_ns) : current_tick_(Tick(now_ns)) {}

  // Arms `timer`, which is in no queue: in this one, or where its callback is running just now.
  void Add(SchedTimer* timer, int64_t when_ns);

  // True: `timer` was armed, and not for later than `when_ns`, for which it is now.
  static bool Postpone(SchedTimer* timer, int64_t when_ns);

  // Disarms `timer` in whatever queue it is. True: it was armed, and its callback will not run.
  // With `wait`, does not return while the callback is running.
  static bool Remove(SchedTimer* timer, bool wait);

  // Runs the callbacks of all timers that are due at `now_ns`, in order. Returns at once if another
  // thread is doing so.
  void RunDue(int64_t now_ns);

  // The queue belongs to the simulated world `bubble` from now on, or to none (0): timers that are
  // still armed then will not run, and can be cancelled by anybody. An empty queue's clock is set.
  void SetWorld(uint32_t bubble, int64_t now_ns);

  // How many timers are armed. Anybody.
  int size() const {
    SpinLockHolder hold(lock_);
    return size_;
  }

  // Anybody, without the lock: no timer is due before this. kNever: none. May be earlier than the
  // first timer.
  int64_t next_when() const {
    // ORDER(timer.next): seq_cst; pairs with the store in PublishNext(): a worker that goes idle
    // either sees the new time or is seen to be idle by whoever arms.
    return next_when_.load(std::memory_order_seq_cst);
  }

 private:
  static constexpr int kTickShift = 16;
  static constexpr int kLevels = 7;
  static constexpr int kSlots = 64;
  static constexpr int kLists = 8;  // of a slot: as many pointers as a cache line has
  static constexpr int32_t kUnarmed = -1;
  static constexpr int32_t kHeapBase = kLevels * kSlots * kLists;  // slot_ of heap element 0
  static constexpr int64_t kMaxWhen = int64_t{1} << (kTickShift + 6 * kLevels - 1);

  static uint64_t Tick(int64_t when_ns) {
    return when_ns <= 0 ? 0 : static_cast<uint64_t>(when_ns) >> kTickShift;
  }

  struct alignas(64) Slot {
    SchedTimer* lists[kLists] = {};

    bool empty() const {
      uintptr_t any = 0;
      for (const SchedTimer* first : lists) any |= reinterpret_cast<uintptr_t>(first);
      return any == 0;
    }
  };

  // `list`: which of its slot's, if it comes into one.
  void Insert(SchedTimer* timer, int list) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void MoveAll(int slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void Unlink(SchedTimer* timer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void AdvanceTo(uint64_t tick) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // The first slot that is not empty, as level * kSlots + slot; negative: the wheel is empty.
  int FirstSlot() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // The tick at which `slot` begins.
  uint64_t SlotStart(int slot) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  int64_t ComputeNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // The first timer of the heap, or under simulation any of those that are due with it.
  size_t PickDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void PublishNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // Heap of four children per node.
  static bool Before(const SchedTimer* a, const SchedTimer* b);
  void HeapSet(size_t index, SchedTimer* timer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void HeapUp(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void HeapDown(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void HeapRemove(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  mutable SpinLock lock_;
  Atom<int64_t> next_when_{kNever};
  int size_ ABSL_GUARDED_BY(lock_) = 0;
  uint64_t current_tick_ ABSL_GUARDED_BY(lock_);  // its timers and all earlier ones are in the heap
  uint32_t next_order_ ABSL_GUARDED_BY(lock_) = 0;
  uint32_t bubble_ ABSL_GUARDED_BY(lock_) = 0;  // the world whose timers these are
  bool running_ ABSL_GUARDED_BY(lock_) = false;
  Atom<SchedTimer*> firing_{nullptr};  // its callback is running; written under the lock
  uint64_t occupied_[kLevels] ABSL_GUARDED_BY(lock_) = {};  // a bit per slot
  Slot slots_[kLevels * kSlots] ABSL_GUARDED_BY(lock_);
  std::vector<SchedTimer*> heap_ ABSL_GUARDED_BY(lock_);
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_TIMER_QUEUE_H_
