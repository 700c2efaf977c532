#include "weft/chan/internal/chan_core.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"

namespace weft::chan_internal {

using sched_internal::CpuRelax;
using sched_internal::ThreadYield;

namespace {

// Go's limit is the address space; so is this.
constexpr uint64_t kMostBytes = uint64_t{1} << 46;

// From here on the slots' zero sequences are left to the zero pages of calloc().
constexpr size_t kZeroPagesFrom = 64 * 1024;

size_t RoundUp(size_t n, size_t alignment) { return (n + alignment - 1) / alignment * alignment; }

// The header is followed by the slots; the pointer that calloc() or malloc() gave stands before the
// header.
size_t SlotsOffset(const ElementOps& ops) { return RoundUp(sizeof(ChanCore), ops.alignment); }

void FreeCore(ChanCore* core) {
  void* block = reinterpret_cast<void**>(core)[-1];
  core->~ChanCore();
  std::free(block);
}

char* AllocateAligned(size_t bytes, size_t alignment, bool zeroed) {
  size_t total = bytes + alignment + sizeof(void*);
  void* block = zeroed ? std::calloc(1, total) : std::malloc(total);
  if (block == nullptr) throw std::bad_alloc();
  auto address = RoundUp(reinterpret_cast<uintptr_t>(block) + sizeof(void*), alignment);
  reinterpret_cast<void**>(address)[-1] = block;
  return reinterpret_cast<char*>(address);
}

// Waits until the slot's claimant has published it: a few instructions, unless its thread was
// preempted.
void AwaitSequence(const Sequence& slot, uint64_t wanted) {
  constexpr int kSpins = 128;
  // ORDER(chan.slot): acquire; pairs with the release that publishes the slot, in fast_path.h.
  for (int turn = 0; slot.load(std::memory_order_acquire) != wanted; ++turn) {
    if (turn < kSpins) {
      CpuRelax();
    } else {
      ThreadYield();
    }
  }
}

// Readies all waiters of a chain that were taken out of their queues and claimed.
void ReadyChain(Waiter* waiter) {
  while (waiter != nullptr) {
    Waiter* next = waiter->next;  // before Ready(): the frame may be gone after it
    ReadyLast(waiter->owner);
    waiter = next;
  }
}

}  // namespace

ChanCore* ChanCore::Make(const ElementOps& ops, int64_t capacity) {
  if (capacity < 0 || static_cast<uint64_t>(capacity) > kMostBytes / ops.stride)
    Panic("makechan: size out of range");
  size_t alignment = std::max<size_t>(alignof(ChanCore), ops.alignment);
  size_t slots_bytes = static_cast<size_t>(capacity) * ops.stride;
  bool zeroed = slots_bytes >= kZeroPagesFrom;
  char* memory = AllocateAligned(SlotsOffset(ops) + slots_bytes, alignment, zeroed);
  char* slots = memory + SlotsOffset(ops);
  if (!zeroed) {
    for (int64_t i = 0; i < capacity; ++i)
      ::new (slots + static_cast<size_t>(i) * ops.stride) Sequence(0);
  }
  return ::new (memory) ChanCore(ops, slots, static_cast<uint64_t>(capacity), &FreeCore);
}

void ChanCore::DropAll() {
  // Relaxed, all: nobody else has the channel any more; Unref() has acquired what they did.
  uint64_t tail = tail_.word.load(std::memory_order_relaxed) & ~kFlags;
  uint64_t head = head_.word.load(std::memory_order_relaxed) & ~kFlags;
  for (; head != tail; head = head_.ring.Next(head)) ops_.drop(head_.ring.SlotOf(head));
}

// Takes the inner lock alone, which the analysis knows as part of this one: the words need not be
// frozen.
void ChanCore::Dequeue(Waiter& waiter, bool is_send) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mu_.lock();
  if (waiter.queued) {
    (is_send ? senders_ : receivers_).Remove(waiter);
    ThawIfIdle();
  }
  mu_.unlock();
}

// (F) Ends the lock-free life of both words. A claim is a compare-exchange of a word without flags:
// in the order of that word's changes it is either before this change, and seen by it, or it fails.
void ChanCore::Freeze() {
  // ORDER(chan.freeze): acquire, both; pairs with the release of the claims in fast_path.h: the
  // receives that made room for the sends that are seen here are seen, too. Nothing is released: a
  // read-modify-write passes on what the claims before it have released. The argument is (B) in
  // DESIGN.md.
  tail_.word.fetch_or(kSlow, std::memory_order_acquire);
  head_.word.fetch_or(kSlow, std::memory_order_acquire);
  frozen_ = Frozen::kYes;
}

// The tail of a closed channel stays frozen, so that its ticket is final; its head thaws, so that
// draining it is lock-free again.
void ChanCore::Thaw() {
  // Relaxed loads: while frozen, both words belong to the holder of the lock.
  uint64_t tail = tail_.word.load(std::memory_order_relaxed);
  uint64_t head = head_.word.load(std::memory_order_relaxed);
  // ORDER(chan.thaw): release, both; pairs with the acquire loads before a claim and in the probes:
  // who sees a thawed word sees the other one at least as it was frozen. (B) and (C) in DESIGN.md.
  head_.word.store(head & ~kSlow, std::memory_order_release);
  if ((tail & kClosed) == 0) tail_.word.store(tail & ~kSlow, std::memory_order_release);
  frozen_ = Frozen::kNo;
}

// `sender`: who waits for it; null: the caller is the sender.
void ChanCore::PutLocked(uint64_t tail, void* operand, Waiter* sender) {
  Sequence& slot = tail_.ring.SlotOf(tail);
  AwaitSequence(slot, tail_.ring.FreeSequence(tail));
  if (sender != nullptr) {
    const race::Ignore ignore;
    ops_.put(slot, operand);
    race::AcquireReleaseFor(sender->owner, sender, &slot);
  } else {
    race::Acquire(&slot);
    ops_.put(slot, operand);
    race::Release(&slot);
  }
  // ORDER(chan.slot): release; pairs with the acquire of the receiver of this slot. Publishes the
  // element.
  slot.store(tail_.ring.FullSequence(tail), std::memory_order_release);
  // ORDER(chan.probe): release; pairs with the acquire loads of the probes: who sees this ticket
  // sees the ones before it.
  tail_.word.store(tail_.ring.Next(tail), std::memory_order_release);
}

// Past the ring, between the caller and one who waits. Either object may be in the other's frame.
void ChanCore::HandOver(Waiter& waiter, void* operand, void* destination) {
  {
    const race::Ignore ignore;
    ops_.hand_over(operand, destination);
  }
  // The other direction is in Ready(). With a buffer a receive is before a later send only.
  if (tail_.ring.capacity() == 0) race::Acquire(&waiter);
}

void ChanCore::TakeLocked(uint64_t head, void* destination) {
  Sequence& slot = head_.ring.SlotOf(head);
  AwaitSequence(slot, head_.ring.FullSequence(head));
  race::Acquire(&slot);
  ops_.take(slot, destination);
  race::Release(&slot);
  // ORDER(chan.slot): release; pairs with the acquire of the next lap's sender. The slot is empty
  // before it is used again; and this receive is before that send (Go's rule of the k-th receive
  // and the send k + capacity).
  slot.store(head_.ring.FullSequence(head) + 1, std::memory_order_release);
  // ORDER(chan.probe): release; as in PutLocked().
  head_.word.store(head_.ring.Next(head), std::memory_order_release);
}

Outcome ChanCore::SendLocked(void* operand, Parkable** wake) {
  // Relaxed loads, here and in RecvLocked(): while frozen, both words belong to the holder of the
  // lock.
  uint64_t tail = tail_.word.load(std::memory_order_relaxed);
  if ((tail & kClosed) != 0) return Outcome::kClosed;
  if (Waiter* receiver = receivers_.PopClaimed()) {
    HandOver(*receiver, operand, receiver->element);
    // Go: as if it had gone through the buffer.
    if (tail_.ring.capacity() != 0) {
      Sequence& slot = tail_.ring.SlotOf(tail);
      race::Acquire(&slot);
      race::Release(&slot);
      race::AcquireReleaseFor(receiver->owner, receiver, &slot);
    }
    *wake = receiver->owner;
    return Outcome::kDone;
  }
  uint64_t head = head_.word.load(std::memory_order_relaxed);
  if (tail_.ring.capacity() == 0 || tail_.ring.Distance(head, tail) == tail_.ring.capacity())
    return Outcome::kBlocked;
  PutLocked(tail, operand, nullptr);
  return Outcome::kDone;
}

Outcome ChanCore::RecvLocked(void* destination, Parkable** wake) {
  uint64_t tail = tail_.word.load(std::memory_order_relaxed);
  uint64_t head = head_.word.load(std::memory_order_relaxed);
  bool buffered = tail_.ring.capacity() != 0 && ((head ^ tail) & ~kFlags) != 0;
  if (buffered) TakeLocked(head, destination);
  if (Waiter* sender = senders_.PopClaimed()) {
    // The buffer was full, or there is none. Its oldest element has been taken; the sender's goes
    // to the end.
    if (buffered) {
      PutLocked(tail, sender->element, sender);
    } else {
      HandOver(*sender, sender->element, destination);
    }
    *wake = sender->owner;
    return Outcome::kDone;
  }
  if (buffered) return Outcome::kDone;
  if ((tail & kClosed) == 0) return Outcome::kBlocked;
  RaceReceivedClosed();
  return Outcome::kClosed;
}

void ChanCore::EnterBubble(const char* what) const {
  if (bubble() != 0 && bubble() != sched_internal::SimBubble()) {
    Fatal(std::string(what) + " synctest channel from outside bubble");
  }
  if (sched_internal::SimHooks* sim = sched_internal::Sim()) sim->Touch(this, bubble() != 0);
}

bool ChanCore::EnterAndFindNothing() const {
  if (bubble() != 0 || sched_internal::Sim() != nullptr) EnterBubble("select on");
  return HasNothing();
}

void ChanCore::RecvFromSource(void* destination) {
  Waiter waiter;
  lock();
  const bool taken = TakeFromSource(destination) == Outcome::kDone;
  if (!taken) {
    waiter.owner = CurrentParkable();
    waiter.element = destination;
    race::Release(&waiter);
    QueueReceiver(waiter);
  }
  unlock();
  if (!taken) Park(WaitReason::kChanReceive);
}

Outcome ChanCore::TryRecvFromSource(void* destination) {
  if (source_->is_empty(*this)) return Outcome::kBlocked;
  lock();
  const Outcome outcome = TakeFromSource(destination);
  unlock();
  return outcome;
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline Outcome ChanCore::AwaitReceiver(void* operand) {
  Waiter waiter;
  waiter.owner = CurrentParkable();
  waiter.element = operand;
  race::Release(&waiter);
  senders_.PushBack(waiter);
  unlock();
  Park(WaitReason::kChanSend);
  return waiter.closed ? Outcome::kClosed : Outcome::kDone;
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void ChanCore::AwaitSender(void* destination) {
  Waiter waiter;
  waiter.owner = CurrentParkable();
  waiter.element = destination;
  race::Release(&waiter);
  receivers_.PushBack(waiter);
  unlock();
  Park(WaitReason::kChanReceive);
}

void ChanCore::SendSlow(void* operand) {
  Enter("send on");
  Parkable* wake = nullptr;
  lock();
  Outcome outcome = SendLocked(operand, &wake);
  if (outcome == Outcome::kBlocked) {
    outcome = AwaitReceiver(operand);
  } else {
    unlock();
  }
  if (wake != nullptr) Ready(wake);
  if (outcome == Outcome::kClosed) [[unlikely]]
    Panic("send on closed channel");
}

void ChanCore::RecvSlow(void* destination) {
  if (IsSpecial()) [[unlikely]] {
    EnterBubble("receive on");
    if (source_ != nullptr) return RecvFromSource(destination);
  }
  if (ProbeRecv() == Outcome::kClosed) return;
  Parkable* wake = nullptr;
  lock();
  Outcome outcome = RecvLocked(destination, &wake);
  if (outcome == Outcome::kBlocked) {
    return AwaitSender(destination);
  }
  unlock();
  if (wake != nullptr) Ready(wake);
}

Outcome ChanCore::TrySendSlow(void* operand) {
  Enter("send on");
  Outcome outcome = ProbeSend();
  if (outcome != Outcome::kUndecided) return outcome;
  Parkable* wake = nullptr;
  lock();
  outcome = SendLocked(operand, &wake);
  unlock();
  if (wake != nullptr) Ready(wake);
  return outcome;
}

Outcome ChanCore::TryRecvSlow(void* destination) {
  if (IsSpecial()) [[unlikely]] {
    EnterBubble("receive on");
    if (source_ != nullptr) return TryRecvFromSource(destination);
  }
  Outcome outcome = ProbeRecv();
  if (outcome != Outcome::kUndecided) return outcome;
  Parkable* wake = nullptr;
  lock();
  outcome = RecvLocked(destination, &wake);
  unlock();
  if (wake != nullptr) Ready(wake);
  return outcome;
}

// Marks the channel closed and takes everybody who waits out of the queues, as a chain.
Waiter* ChanCore::CloseLocked() {
  // Relaxed: while frozen, the word belongs to the holder of the lock.
  uint64_t tail = tail_.word.load(std::memory_order_relaxed);
  // ORDER(chan.close): release; pairs with the acquire loads of the probes and of the lock-free
  // receive.
  tail_.word.store(tail | kClosed, std::memory_order_release);
  if (receivers_.empty() && senders_.empty()) return nullptr;
  Waiter* chain = nullptr;
  Waiter** end = &chain;
  for (WaitList* list : {&receivers_, &senders_}) {
    while (Waiter* waiter = list->PopClaimed()) {
      waiter->closed = true;
      *end = waiter;
      end = &waiter->next;
    }
  }
  *end = nullptr;
  return chain;
}

void ChanCore::Close() {
  RaceClose();
  Enter("close of");
  lock();
  // Relaxed: while frozen, the word belongs to the holder of the lock.
  bool was_closed = (tail_.word.load(std::memory_order_relaxed) & kClosed) != 0;
  Waiter* chain = was_closed ? nullptr : CloseLocked();
  unlock();
  if (was_closed) Panic("close of closed channel");
  ReadyChain(chain);
}

int64_t ChanCore::Len() const {
  if (tail_.ring.capacity() == 0) return 0;
  for (;;) {
    // ORDER(chan.probe): acquire, all; as in ProbeSend(). A tail that is the same before and after
    // was the tail when the head was read.
    uint64_t tail = tail_.word.load(std::memory_order_acquire);
    uint64_t head = head_.word.load(std::memory_order_acquire);
    uint64_t again = tail_.word.load(std::memory_order_acquire);
    if (((tail ^ again) & ~kFlags) == 0)
      return static_cast<int64_t>(tail_.ring.Distance(head, tail));
  }
}

}  // namespace weft::chan_internal
