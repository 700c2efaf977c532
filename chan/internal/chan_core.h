// A channel of no particular element type: the words, the lock, the queues, and everything that is
// not lock-free.
//
// While nobody waits, senders and receivers move `tail` and `head` by compare-exchange and meet
// only in the slots (fast_path.h). An operation that cannot be done so takes the lock, freezes both
// words, and is alone: what it does from there on is a plain ring with two queues. While anybody
// waits the words stay frozen. A channel without a buffer is frozen for ever. The protocol and its
// proof are in chan/DESIGN.md.
#ifndef WEFT_CHAN_INTERNAL_CHAN_CORE_H_
#define WEFT_CHAN_INTERNAL_CHAN_CORE_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/ring.h"
#include "weft/chan/internal/waiter.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/spin_lock.h"

namespace weft::chan_internal {

// One end of the ring, with its own copy of the ring's shape, so that an operation touches its end
// and one slot.
struct Side {
  explicit Side(const RingShape& shape) : ring(shape) {}

  sched_internal::Atom<uint64_t> word{
      0};  // see ring.h; without SLOW: moved by a compare-exchange of anyone
  const RingShape ring;
};

class ChanCore;

// What makes the elements of a channel when they are asked for, instead of having them sent: a
// timer. Such a channel has no buffer, and nobody sends to it or closes it.
struct Source {
  // Whether there was an instant at which there was nothing to be received. Without the lock.
  bool (*is_empty)(const ChanCore& core);
  // Gives the caller the element that there is; false: none. With the lock held.
  bool (*take)(ChanCore& core, void* destination);
  // A receiver has been queued, and is to be completed when there is an element. With the lock
  // held.
  void (*await)(ChanCore& core);
};

class ABSL_LOCKABLE ChanCore {
 public:
  // Ends the life of a core whose last handle has gone. Given by whoever embeds a core; Make()'s
  // frees it.
  using Destroy = void (*)(ChanCore*);

  // A core with `capacity` slots behind it, owned by one handle. Panics with Go's words if that
  // cannot be.
  static ChanCore* Make(const ElementOps& ops, int64_t capacity);

  // For cores that are members. `slots` holds `capacity` zeroed slots.
  ChanCore(const ElementOps& ops, void* slots, uint64_t capacity, Destroy destroy)
      : ChanCore(ops, slots, capacity, destroy, nullptr) {}
  ChanCore(const ElementOps& ops, const Source& source, Destroy destroy)
      : ChanCore(ops, nullptr, 0, destroy, &source) {}
  ~ChanCore() {
    if (tail_.ring.capacity() != 0) DropAll();
  }
  ChanCore(const ChanCore&) = delete;
  ChanCore& operator=(const ChanCore&) = delete;

  void Ref() {
    // Relaxed: the caller has a handle, so the count cannot be on its way to zero.
    refs_.fetch_add(1, std::memory_order_relaxed);
  }
  void Unref() {
    if (Drop()) destroy_(this);
  }
  // As Unref(), and leaves it to the caller to end the core's life. Returns whether that is due.
  [[nodiscard]] bool Drop() {
    race::Release(&refs_);
    // ORDER(chan.refs): acquire, here and below; pairs with the release of the other handles'
    // Drop().
    if (refs_.load(std::memory_order_acquire) != 1) {
      // ORDER(chan.refs): release; pairs with the acquire of the last Drop(). All uses of the
      // channel are before its end.
      if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
    }
    race::Acquire(&refs_);
    return true;
  }

  // Blocking operations, after the lock-free attempt was of no avail. SendSlow() panics on a closed
  // channel; RecvSlow() leaves its destination empty.
  void SendSlow(void* operand) ABSL_LOCKS_EXCLUDED(this);
  void RecvSlow(void* destination) ABSL_LOCKS_EXCLUDED(this);

  // As above, without waiting for a peer. Never kUndecided.
  Outcome TrySendSlow(void* operand) ABSL_LOCKS_EXCLUDED(this);
  Outcome TryRecvSlow(void* destination) ABSL_LOCKS_EXCLUDED(this);

  // What can be said without the lock: kBlocked, kClosed, or kUndecided.
  inline Outcome ProbeSend() const;
  inline Outcome ProbeRecv() const;

  void Close() ABSL_LOCKS_EXCLUDED(this);

  int64_t Len() const;
  int64_t Cap() const { return static_cast<int64_t>(tail_.ring.capacity()); }

  // Takes the lock and freezes both words.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mu_.lock();
    if (frozen_ == Frozen::kNo) [[unlikely]]
      Freeze();
  }
  // Thaws the words if nobody waits, and releases the lock.
  void unlock() ABSL_UNLOCK_FUNCTION() {
    ThawIfIdle();
    mu_.unlock();
  }

  // The operations proper. A peer that was completed is returned in `*wake`, to be readied after
  // the unlock. Never kUndecided.
  Outcome SendLocked(void* operand, Parkable** wake) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  Outcome RecvLocked(void* destination, Parkable** wake) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

  // Before an operation that may wait, `what` in words, as "send on": fatal if the channel belongs
  // to a simulated world and the caller does not.
  void Enter(const char* what) const {
    if (IsSpecial()) [[unlikely]]
      EnterBubble(what);
  }

  // Whether there may be more to an operation than the words and the queues: see Enter() and
  // Source.
  bool IsSpecial() const { return kind_ != 0 || sched_internal::Sim() != nullptr; }

  // For channels with or without a source: ProbeRecv() == kBlocked, the same after Enter(),
  // RecvLocked(), and PushBack() to receivers(). Not for hot paths.
  bool HasNothing() const {
    return source_ != nullptr ? source_->is_empty(*this) : ProbeRecv() == Outcome::kBlocked;
  }
  bool EnterAndFindNothing() const;
  Outcome RecvOrTakeLocked(void* destination, Parkable** wake) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return source_ != nullptr ? TakeFromSource(destination) : RecvLocked(destination, wake);
  }
  void QueueReceiver(Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    receivers_.PushBack(waiter);
    if (source_ != nullptr) source_->await(*this);
  }

  // Whether operations take the lock. A hint, without it: hence relaxed.
  bool IsFrozen() const { return (head_.word.load(std::memory_order_relaxed) & kSlow) != 0; }

  // The queues: for the cases of a select.
  WaitList& senders() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) { return senders_; }
  WaitList& receivers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) { return receivers_; }

  // Takes a case of a select that has fired elsewhere out of its queue, if no peer has done so
  // already. O(1).
  void Dequeue(Waiter& waiter, bool is_send) ABSL_LOCKS_EXCLUDED(this);

  // What the race detector is told (race.h) besides the order that slots give. A send that nothing
  // orders before or after the close is a race, as in Go.
  void RaceSend() const { race::Read(this); }
  void RaceClose() const {
    race::Write(this);
    race::Release(&head_);
  }
  void RaceReceivedClosed() const { race::Acquire(&head_); }

  const ElementOps& ops() const { return ops_; }
  Side& tail() { return tail_; }
  Side& head() { return head_; }

  // A number that differs from call to call: what a select draws its order from.
  // 0: no select has called SeedSalt() yet.
  uint64_t NextSalt() {
    // Relaxed, and two of them may get the same number: it only feeds a random choice, which mixes
    // in more.
    const uint64_t salt = salt_.load(std::memory_order_relaxed);
    if (salt != 0) salt_.store(salt + 0x9e3779b97f4a7c15, std::memory_order_relaxed);
    return salt;
  }
  void SeedSalt(uint64_t salt) { salt_.store(salt, std::memory_order_relaxed); }  // as above

  // The simulated world that the channel was made in; 0: none.
  uint32_t bubble() const { return kind_ & ~kHasSource; }

 private:
  static constexpr uint32_t kHasSource = uint32_t{1} << 31;

  ChanCore(const ElementOps& ops, void* slots, uint64_t capacity, Destroy destroy,
           const Source* source)
      : tail_(RingShape(slots, ops.stride, capacity)),
        destroy_(destroy),
        kind_(sched_internal::SimBubble() | (source != nullptr ? kHasSource : 0)),
        head_(RingShape(slots, ops.stride, capacity)),
        ops_(ops),
        source_(source) {
    if (capacity != 0 && kind_ == 0) return;
    frozen_ = Frozen::kForEver;
    // Relaxed, both: nobody else has the channel yet.
    tail_.word.store(kSlow, std::memory_order_relaxed);
    head_.word.store(kSlow, std::memory_order_relaxed);
  }

  // For who cannot go on: queue, release the lock, and park.
  Outcome AwaitReceiver(void* operand) ABSL_UNLOCK_FUNCTION();
  void AwaitSender(void* destination) ABSL_UNLOCK_FUNCTION();
  void RecvFromSource(void* destination) ABSL_LOCKS_EXCLUDED(this);
  Outcome TryRecvFromSource(void* destination) ABSL_LOCKS_EXCLUDED(this);
  // Whoever waits already comes first.
  Outcome TakeFromSource(void* destination) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return receivers_.empty() && source_->take(*this, destination) ? Outcome::kDone
                                                                   : Outcome::kBlocked;
  }

  void EnterBubble(const char* what) const;
  void Freeze() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void ThawIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    if (frozen_ != Frozen::kYes || !receivers_.empty() || !senders_.empty()) return;
    Thaw();
  }
  void Thaw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void PutLocked(uint64_t tail, void* operand, Waiter* sender) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void HandOver(Waiter& waiter, void* operand, void* destination)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void TakeLocked(uint64_t head, void* destination) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  Waiter* CloseLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void DropAll();

  // The senders' line. The three groups are 64 bytes each, so that tail and head are never in the
  // same pair of lines.
  alignas(64) Side tail_;

  // The line of those who wait, and of handles that come and go.
  alignas(64) sched_internal::SpinLock mu_;
  sched_internal::Atom<uint32_t> refs_{1};
  WaitList receivers_;  // guarded by mu_
  WaitList senders_;    // guarded by mu_
  sched_internal::Atom<uint64_t> salt_{0};
  const Destroy destroy_;
  // Whether both words carry SLOW. For ever: no buffer, or kind_ is not 0.
  enum class Frozen : uint8_t { kNo, kYes, kForEver };
  Frozen frozen_ = Frozen::kNo;  // guarded by mu_
  // bubble(), and whether there is a source. A channel for which it is not 0 is frozen for ever, so
  // that all its operations come by here.
  const uint32_t kind_;

  // The receivers' line.
  alignas(64) Side head_;
  const ElementOps& ops_;
  const Source* const source_;
};

static_assert(sizeof(ChanCore) == 192 || sizeof(void*) != 8 || sizeof(Sequence) != 8);

// Full at one instant and open at it: the tail is read first, and head and tail only grow. If
// `capacity` tickets lie between this tail and a later head, the tail has not moved since, and the
// head was there already.
inline Outcome ChanCore::ProbeSend() const {
  if (tail_.ring.capacity() == 0) {
    bool maybe = receivers_.MaybeWaiting();
    // ORDER(chan.close): acquire; pairs with the release in CloseLocked(). Read after the queue:
    // open now, hence open when nobody waited.
    uint64_t tail = tail_.word.load(std::memory_order_acquire);
    if ((tail & kClosed) != 0) return Outcome::kClosed;
    return maybe ? Outcome::kUndecided : Outcome::kBlocked;
  }
  // ORDER(chan.probe): acquire; pairs with the release of the claims (fast_path.h), of Thaw() and
  // of PutLocked(): a sender that saw room is ordered after the receiver that made it, so the head
  // is at least that.
  uint64_t tail = tail_.word.load(std::memory_order_acquire);
  if ((tail & kClosed) != 0) return Outcome::kClosed;
  // Relaxed: a refusal publishes nothing; how old the head may be is decided by the load above.
  uint64_t head = head_.word.load(std::memory_order_relaxed);
  return tail_.ring.Distance(head, tail) == tail_.ring.capacity() ? Outcome::kBlocked
                                                                  : Outcome::kUndecided;
}

// Empty at one instant and open, or closed and drained: the mirror image.
inline Outcome ChanCore::ProbeRecv() const {
  if (tail_.ring.capacity() == 0) {
    bool maybe = senders_.MaybeWaiting();
    // ORDER(chan.close): acquire; pairs with the release in CloseLocked().
    uint64_t tail = tail_.word.load(std::memory_order_acquire);
    if ((tail & kClosed) != 0) {
      RaceReceivedClosed();
      return Outcome::kClosed;
    }
    return maybe ? Outcome::kUndecided : Outcome::kBlocked;
  }
  // ORDER(chan.probe): acquire, both; as in ProbeSend(). The tail's also pairs with the release in
  // CloseLocked(): close is before a receive that returns because of it.
  uint64_t head = head_.word.load(std::memory_order_acquire);
  uint64_t tail = tail_.word.load(std::memory_order_acquire);
  if (((head ^ tail) & ~kFlags) != 0) return Outcome::kUndecided;
  if ((tail & kClosed) == 0) return Outcome::kBlocked;
  RaceReceivedClosed();
  return Outcome::kClosed;
}

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_CHAN_CORE_H_
