#include "weft/chan/internal/select_core.h"

#include <cstdint>
#include <new>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "weft/chan/internal/operations.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft::chan_internal {

namespace {

#if !defined(WEFT_MODEL)

// Small and fast; one draw is a multiplication or two. Seeded from a number that the first channel
// gives out to each select on it, and from the address of the caller's frame, so that no state is
// shared between threads.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // Uniform in [0, n), but for a bias of n / 2^32.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(((Next() >> 32) * n) >> 32); }

 private:
  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
    return x ^ (x >> 32);
  }

  uint64_t state_;
};

// The first select on a channel draws from the clock: channels that are made alike, as in a loop
// that makes two and selects among them, must not choose alike.
uint64_t Seed(ChanCore& channel) {
  uint64_t salt = channel.NextSalt();
  if (salt == 0) [[unlikely]] {
    salt = static_cast<uint64_t>(MonotonicNanos()) * 0x9e3779b97f4a7c15 | 1;
    channel.SeedSalt(salt);
  }
  return salt;
}

#endif

class SelectRun {
 public:
  SelectRun(SelectNode* nodes, int count) : nodes_(nodes), count_(static_cast<uint32_t>(count)) {}

  // Returns how many cases have a channel at all. To be called first.
  int CountLive();

  // Decides the order of trying.
  void Shuffle();

  // Tries every case without waiting. The index of the one that ran, or kDefaultRan.
  int TryEach();

  // With all channels frozen: runs a case or the default, or waits for a peer.
  int TryAllOrWait(bool has_default);

 private:
  SelectNode& Polled(uint32_t k) { return nodes_[nodes_[k].poll]; }
  SelectNode& Locked(uint32_t k) { return nodes_[nodes_[k].lock]; }
  int IndexOf(const SelectNode& node) const { return static_cast<int>(&node - nodes_); }

  bool NoneCan() const;
  void SortByAddress();
  void LockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome TryLocked(Parkable** wake, SelectNode** ran) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void Enqueue(FiredWord& fired) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  SelectNode* const nodes_;
  const uint32_t count_;
  int live_ = 0;
  bool shuffled_ = false;
};

int SelectRun::CountLive() {
  for (uint32_t k = 0; k < count_; ++k) {
    if (nodes_[k].core == nullptr) continue;
    nodes_[k].core->Enter("select on");
    ++live_;
  }
  return live_;
}

void SelectRun::Shuffle() {
  shuffled_ = true;
  ChanCore* any = nullptr;
  for (uint32_t k = 0; k < count_; ++k) {
    nodes_[k].poll = k;
    if (nodes_[k].core != nullptr) any = nodes_[k].core;
  }
  if (live_ <= 1) return;
#if defined(WEFT_MODEL)
  // Explored programs must repeat themselves: cases are tried as they stand, and another order is
  // another program.
  (void)any;
#else
  if (sched_internal::SimHooks* sim = sched_internal::Sim()) [[unlikely]] {
    // Who comes first among those that are ready is all that can be told: a rotation tells it.
    const uint32_t first = sim->Choose(count_);
    for (uint32_t k = 0; k < count_; ++k) nodes_[k].poll = (first + k) % count_;
    return;
  }
  Random random(Seed(*any) ^ reinterpret_cast<uintptr_t>(nodes_));
  for (uint32_t k = count_ - 1; k > 0; --k)
    std::swap(nodes_[k].poll, nodes_[random.Below(k + 1)].poll);
#endif
}

// Whether the case ran.
bool Try(SelectNode& node) {
  ChanCore& core = *node.core;
  Outcome outcome;
  if (node.is_send) {
    outcome = core.ops().try_send(core, node.element);
    if (outcome == Outcome::kUndecided) outcome = core.TrySendSlow(node.element);
    if (outcome == Outcome::kClosed) PanicSendOnClosed();
  } else {
    outcome = core.ops().try_recv(core, node.element);
    if (outcome == Outcome::kUndecided) outcome = core.TryRecvSlow(node.element);
  }
  return outcome != Outcome::kBlocked;
}

int SelectRun::TryEach() {
  for (uint32_t k = 0; k < count_; ++k) {
    SelectNode& node = Polled(k);
    if (node.core != nullptr && Try(node)) return IndexOf(node);
  }
  return kDefaultRan;
}

// Cases without a channel come first and are not locked.
void SelectRun::SortByAddress() {
  for (uint32_t k = 0; k < count_; ++k) nodes_[k].lock = k;
  auto address = [this](uint32_t k) { return reinterpret_cast<uintptr_t>(Locked(k).core); };
  constexpr uint32_t kFew = 24;
  if (count_ <= kFew) {
    for (uint32_t i = 1; i < count_; ++i) {
      for (uint32_t k = i; k > 0 && address(k - 1) > address(k); --k)
        std::swap(nodes_[k - 1].lock, nodes_[k].lock);
    }
    return;
  }
  // Heap sort: in place, and in n log n for any input.
  auto sift = [&](uint32_t root, uint32_t end) {
    for (uint32_t child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && address(child) < address(child + 1)) ++child;
      if (address(root) >= address(child)) return;
      std::swap(nodes_[root].lock, nodes_[child].lock);
    }
  };
  for (uint32_t root = count_ / 2; root-- > 0;) sift(root, count_);
  for (uint32_t end = count_ - 1; end > 0; --end) {
    std::swap(nodes_[0].lock, nodes_[end].lock);
    sift(0, end);
  }
}

void SelectRun::LockAll() {
  ChanCore* last = nullptr;
  for (uint32_t k = 0; k < count_; ++k) {
    ChanCore* core = Locked(k).core;
    if (core != last) core->lock();
    last = core;
  }
}

void SelectRun::UnlockAll() {
  ChanCore* last = nullptr;
  for (uint32_t k = count_; k-- > 0;) {
    ChanCore* core = Locked(k).core;
    if (core == nullptr) return;
    if (core != last) core->unlock();
    last = core;
  }
}

// While locked, and then for certain. Most selects that have come so far wait, and need no order.
bool SelectRun::NoneCan() const {
  for (uint32_t k = 0; k < count_; ++k) {
    const SelectNode& node = nodes_[k];
    if (node.core == nullptr) continue;
    const bool cannot =
        node.is_send ? node.core->ProbeSend() == Outcome::kBlocked : node.core->HasNothing();
    if (!cannot) return false;
  }
  return true;
}

Outcome SelectRun::TryLocked(Parkable** wake, SelectNode** ran) {
  if (NoneCan()) return Outcome::kBlocked;
  if (!shuffled_) Shuffle();
  for (uint32_t k = 0; k < count_; ++k) {
    SelectNode& node = Polled(k);
    if (node.core == nullptr) continue;
    Outcome outcome = node.is_send ? node.core->SendLocked(node.element, wake)
                                   : node.core->RecvOrTakeLocked(node.element, wake);
    if (outcome == Outcome::kBlocked) continue;
    *ran = &node;
    return outcome;
  }
  return Outcome::kBlocked;
}

void SelectRun::Enqueue(FiredWord& fired) {
  Parkable* self = CurrentParkable();
  for (uint32_t k = 0; k < count_; ++k) {
    SelectNode& node = nodes_[k];
    if (node.core == nullptr) continue;
    ::new (&node.waiter) Waiter;
    node.waiter.owner = self;
    node.waiter.element = node.element;
    node.waiter.fired = &fired;
    node.waiter.case_number = k + 1;
    race::Release(&node.waiter);
    if (node.is_send) {
      node.core->senders().PushBack(node.waiter);
    } else {
      node.core->QueueReceiver(node.waiter);
    }
  }
}

int SelectRun::TryAllOrWait(bool has_default) {
  FiredWord fired{0};
  Parkable* wake = nullptr;
  SelectNode* ran = nullptr;
  SortByAddress();
  LockAll();
  Outcome outcome = TryLocked(&wake, &ran);
  if (outcome == Outcome::kBlocked && !has_default) Enqueue(fired);
  UnlockAll();
  if (wake != nullptr) Ready(wake);
  if (ran == nullptr) {
    if (has_default) return kDefaultRan;
    Park(WaitReason::kSelect);
    // Relaxed: the peer's Ready() has ordered it.
    ran = &nodes_[fired.load(std::memory_order_relaxed) - 1];
    for (uint32_t k = 0; k < count_; ++k) {
      SelectNode& node = nodes_[k];
      if (node.core != nullptr && &node != ran) node.core->Dequeue(node.waiter, node.is_send);
    }
    if (ran->waiter.closed) outcome = Outcome::kClosed;
  }
  if (outcome == Outcome::kClosed && ran->is_send) PanicSendOnClosed();
  return IndexOf(*ran);
}

// A select of one case is a plain operation.
int RunOnly(SelectNode& node) {
  if (node.core == nullptr)
    BlockForever(node.is_send ? WaitReason::kChanSendNil : WaitReason::kChanReceiveNil);
  ChanCore& core = *node.core;
  Outcome outcome = node.is_send ? core.ops().try_send(core, node.element)
                                 : core.ops().try_recv(core, node.element);
  if (outcome == Outcome::kDone) return 0;
  if (node.is_send) {
    core.SendSlow(node.element);
  } else if (outcome != Outcome::kClosed) {
    core.RecvSlow(node.element);
  }
  return 0;
}

int Decide(SelectNode* nodes, int count, bool has_default, bool tried) {
  if (count == 1 && !has_default) return RunOnly(nodes[0]);
  SelectRun run(nodes, count);
  const int live = run.CountLive();
  if (live == 0) {
    if (has_default) return kDefaultRan;
    BlockForever(count == 0 ? WaitReason::kSelectNoCases : WaitReason::kSelect);
  }
  if (!tried) {
    run.Shuffle();
    const int ran = run.TryEach();
    if (ran != kDefaultRan) return ran;
  }
  // One channel's "not ready" was true at an instant. Several need one in common.
  if (live == 1 && has_default) return kDefaultRan;
  return run.TryAllOrWait(has_default);
}

}  // namespace

int RunSelect(SelectNode* nodes, int count, bool has_default, bool tried) {
  int ran = kDefaultRan;
  if (!has_default || !sched_internal::SimSpuriousFailure()) [[likely]] {
    ran = Decide(nodes, count, has_default, tried);
  }
  const int shown = ran == kDefaultRan ? 0 : ran;
  sched_internal::SafePoint(sched_internal::Op::kSelect, count == 0 ? nullptr : nodes[shown].core);
  return ran;
}

#if defined(WEFT_MODEL)
uint32_t DrawBelow(uint32_t, ChanCore&, const void*) { return 0; }
#else
uint32_t DrawBelow(uint32_t n, ChanCore& channel, const void* frame) {
  return Random(Seed(channel) ^ reinterpret_cast<uintptr_t>(frame)).Below(n);
}
#endif

}  // namespace weft::chan_internal
