// pool.h: keeps objects that are expensive to make for the next one who needs such an object.
//
// Go: sync.Pool. Holds values of T instead of interfaces: Pool<std::unique_ptr<Buffer>> is the
//   closest counterpart.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: nothing. Clear() lets others run until they have left the places that it empties.
// Ordering: a Put() synchronizes with the Get() that returns what was put.
// Lifetime: what is in the pool is destroyed with it. What is not taken again is destroyed after a
//   while: at the earliest five seconds after the Put(), at a later call of Put() or Get().
// Misuse: objects that still mean something to somebody must not be put. Moving a T must not block.
// Cost: Put() and Get() on one worker about 2 ns each, without an atomic read-modify-write; with
//   more objects than it has for itself 3 to 4 ns, and one compare-exchange for every few; no
//   allocation once warm. Empty: 384 bytes for each processor.
//
// There is no promise that Get() finds what was put, nor in which order. Each worker has a few
// objects for itself, 96 bytes of them or one, which only Clear() takes from it; beyond that Get()
// looks where the caller's worker puts what it has too many of, then where the others do. An object
// that is neither in use nor in the pool for long costs nothing: see Lifetime.
//
//   weft::Pool<std::vector<char>> buffers([] { return std::vector<char>(64 << 10); });
//   auto buffer = buffers.Borrow();
//   Read(fd, buffer->data(), buffer->size());  // goes back by itself
#ifndef WEFT_SYNC_POOL_H_
#define WEFT_SYNC_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sync/internal/owner_lock.h"
#include "weft/sync/internal/stripe.h"

namespace weft {

template <typename T>
class Pool {
  static_assert(std::is_nothrow_move_constructible_v<T>, "objects are moved while a lock is held");

 public:
  class Handle;

  // `make` makes an object when the pool has none. Without it Get() returns T().
  explicit Pool(std::function<T()> make = nullptr) : make_(std::move(make)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  T Get();

  // Nothing if the pool has none, or if others are at work wherever there may be some.
  std::optional<T> TryGet();

  // May drop the item.
  void Put(T item);

  // Get(), and Put() when the handle dies.
  Handle Borrow() { return Handle(this, Get()); }

  // Destroys what is in the pool now.
  void Clear() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // As if five seconds had passed.
  void ExpireForTest() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (uint32_t i = 0; i <= mask_; ++i) {
      sched_internal::SpinLockHolder holder(shards_[i].lock);
      shards_[i].rotated -= kGenerationNanos;
    }
  }

 private:
  static constexpr int64_t kGenerationNanos = 5'000'000'000;

  // So many uses of a worker's own objects, or of a shard, and somebody looks whether it is time to
  // rotate. And how many objects a worker has for itself, and moves to or from a shard at a time.
#if defined(WEFT_MODEL)
  static constexpr uint32_t kUses = 4;
  static constexpr uint32_t kMost = 2;
#else
  static constexpr uint32_t kUses = 256;
  static constexpr uint32_t kMost = std::max<size_t>(96 / sizeof(T), 1);
#endif
  static constexpr uint32_t kBatch = kMost / 2;

  // One worker's own objects.
  struct alignas(sched_internal::kCacheLinePair) Own {
    Own() {}
    ~Own() {
      for (uint32_t n = size(); n != 0; --n) Take(n);
    }

    // Relaxed: for who is not inside it is a hint.
    uint32_t size() const { return count.load(std::memory_order_relaxed); }

    // All four by who is inside; `n` is size().
    void Keep(uint32_t n, T&& kept) {
      ::new (&items[n]) T(std::move(kept));
      count.store(n + 1, std::memory_order_relaxed);
    }
    T Take(uint32_t n) {
      count.store(n - 1, std::memory_order_relaxed);
      T taken(std::move(items[n - 1]));
      items[n - 1].~T();
      return taken;
    }
    // All but `left`.
    void GiveTo(std::vector<T>& to, uint32_t n, uint32_t left = 0) {
      count.store(left, std::memory_order_relaxed);
      for (T* item = items + left; item != items + n; ++item) {
        to.push_back(std::move(*item));
        item->~T();
      }
    }
    // The last of `from`; if size() is 0.
    void FillFrom(std::vector<T>& from) {
      const auto n = static_cast<uint32_t>(std::min<size_t>(from.size(), kBatch));
      count.store(n, std::memory_order_relaxed);
      std::uninitialized_move(from.end() - n, from.end(), items);
      from.erase(from.end() - n, from.end());
    }

    sync_internal::OwnerLock lock;
    sched_internal::Atom<uint32_t> count{0};
    uint32_t uses = 0;  // touched by who is inside
    union {
      T items[kMost];  // touched by who is inside
    };
  };

  struct alignas(sched_internal::kCacheLinePair) Shard {
    bool IsDue(int64_t now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      return now - rotated >= kGenerationNanos;
    }

    // Moves what was not taken since the last time to `victims`, and what was there to `doomed`.
    void Rotate(int64_t now, std::vector<T>* doomed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      if (!IsDue(now)) return;
      rotated = now;
      doomed->swap(victims);
      victims.swap(items);
      Hint();
    }

    void Push(T&& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      items.push_back(std::move(item));
      any.store(true, std::memory_order_relaxed);  // a hint
    }

    // Only if there is something in `from`.
    T PopFrom(std::vector<T>& from) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      T item(std::move(from.back()));
      from.pop_back();
      Hint();
      return item;
    }

    void Hint() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      any.store(!items.empty() || !victims.empty(), std::memory_order_relaxed);  // a hint
    }

    sched_internal::SpinLock lock;
    // Whether there is anything to be had. Written under the lock.
    sched_internal::Atom<bool> any{false};
    uint32_t uses ABSL_GUARDED_BY(lock) = 0;
    int64_t rotated ABSL_GUARDED_BY(lock) = 0;
    std::vector<T> items ABSL_GUARDED_BY(lock);
    std::vector<T> victims ABSL_GUARDED_BY(lock);
  };

  [[gnu::always_inline]] Own& OwnOf(const void* self) const {
    return own_[sync_internal::OwnerHash(self) & own_mask_];
  }
  // The place of the caller's worker, entered; null if there is none. With a shard's lock held,
  // under which a fiber stays where it is.
  Own* EnterOwn() const {
    const void* const self = sync_internal::CurrentOwner();
    if (self == nullptr) return nullptr;
    Own& own = OwnOf(self);
    return own.lock.TryEnter(self) ? &own : nullptr;
  }
  Shard& LocalShard() const { return shards_[sync_internal::CurrentPlace().stripe & mask_]; }

  // A simulation may let others run.
  void Done(sched_internal::Op op) const { sched_internal::SimPoint(op, this); }

  // The analysis does not follow a lock that is tried, and a guard that adopts one.
  [[gnu::noinline]] T GetShared() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  [[gnu::noinline]] void PutShared(T&& item) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  [[gnu::noinline]] T GetSlow(uint32_t first);
  [[gnu::noinline]] void PutSlow(T&& item, uint32_t first) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  [[gnu::noinline]] void RotateAll() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  std::optional<T> Find();
  T GetUnseen();
  std::optional<T> TakeOwn();
  std::optional<T> Search(uint32_t first) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  const std::function<T()> make_;
  const uint32_t mask_ = sync_internal::StripeCount() - 1;
  const std::unique_ptr<Shard[]> shards_ = std::make_unique<Shard[]>(mask_ + 1);
  const uint32_t own_mask_ = 2 * mask_ + 1;
  const std::unique_ptr<Own[]> own_ = std::make_unique<Own[]>(own_mask_ + 1);
};

// An object on loan.
template <typename T>
class Pool<T>::Handle {
 public:
  Handle(Handle&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), item_(std::move(other.item_)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(item_, other.item_);
    return *this;
  }
  ~Handle() {
    if (pool_ != nullptr) pool_->Put(std::move(item_));
  }

  T& operator*() { return item_; }
  T* operator->() { return &item_; }

 private:
  friend class Pool;
  Handle(Pool* pool, T item) : pool_(pool), item_(std::move(item)) {}

  Pool* pool_;
  T item_;
};

// The common case calls nothing: the caller's worker has an object of its own.
template <typename T>
[[gnu::always_inline]] inline T Pool<T>::Get() {
  if constexpr (race::kEnabled) return GetUnseen();
  const void* const self = sync_internal::CurrentOwner();
  if (self != nullptr) [[likely]] {
    Own& own = OwnOf(self);
    if (own.lock.TryEnter(self)) [[likely]] {
      if (const uint32_t n = own.size(); n != 0) [[likely]] {
        T item(own.Take(n));
        const bool look = ++own.uses % kUses == 0;
        own.lock.Leave();
        if (look) [[unlikely]]
          RotateAll();
        Done(sched_internal::Op::kGet);
        return item;
      }
      own.lock.Leave();
    }
  }
  T item(GetShared());
  Done(sched_internal::Op::kGet);
  return item;
}

// The other side of it: the caller's worker has room.
template <typename T>
[[gnu::always_inline]] inline void Pool<T>::Put(T item) {
  race::Release(this);
  [[maybe_unused]] const race::Ignore ignore;
  const void* const self = sync_internal::CurrentOwner();
  if (self != nullptr) [[likely]] {
    Own& own = OwnOf(self);
    if (own.size() != kMost && own.lock.TryEnter(self)) [[likely]] {
      if (const uint32_t n = own.size(); n != kMost) [[likely]] {
        own.Keep(n, std::move(item));
        own.lock.Leave();
        return Done(sched_internal::Op::kPut);
      }
      own.lock.Leave();
    }
  }
  PutShared(std::move(item));
  Done(sched_internal::Op::kPut);
}

template <typename T>
std::optional<T> Pool<T>::TryGet() {
  std::optional<T> item;
  if (!sched_internal::SimSpuriousFailure()) [[likely]] item = Find();
  Done(sched_internal::Op::kGet);
  return item;
}

template <typename T>
std::optional<T> Pool<T>::Find() {
  std::optional<T> item;
  {
    const race::Ignore ignore;
    if constexpr (race::kEnabled) RotateAll();
    item = TakeOwn();
    if (!item) item = Search(sync_internal::CurrentPlace().stripe);
  }
  if (item) race::Acquire(this);
  return item;
}

// To the race detector a Put() is before the Get() of what was put, and workers' own objects and
// shards order nothing.
template <typename T>
T Pool<T>::GetUnseen() {
  std::optional<T> item = Find();
  Done(sched_internal::Op::kGet);
  if (item) return *std::move(item);
  return make_ ? make_() : T();
}

template <typename T>
std::optional<T> Pool<T>::TakeOwn() {
  const void* const self = sync_internal::CurrentOwner();
  if (self == nullptr || OwnOf(self).size() == 0) return std::nullopt;
  if (!OwnOf(self).lock.TryEnter(self)) return std::nullopt;
  Own& own = OwnOf(self);
  std::optional<T> item;
  if (const uint32_t n = own.size(); n != 0) item.emplace(own.Take(n));
  own.lock.Leave();
  return item;
}

// Where a worker's own objects come from, so that one lock serves for several.
template <typename T>
T Pool<T>::GetShared() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Shard& shard = LocalShard();
  // Relaxed: a hint.
  if (shard.any.load(std::memory_order_relaxed) && shard.lock.try_lock()) {
    if (!shard.items.empty() && ++shard.uses % kUses != 0) [[likely]] {
      T item(shard.PopFrom(shard.items));
      if (Own* const own = EnterOwn()) {
        if (own->size() == 0) own->FillFrom(shard.items);
        own->lock.Leave();
        shard.Hint();
      }
      shard.lock.unlock();
      return item;
    }
    shard.lock.unlock();
  }
  return GetSlow(static_cast<uint32_t>(&shard - shards_.get()));
}

template <typename T>
void Pool<T>::PutShared(T&& item) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Shard& shard = LocalShard();
  if (shard.lock.try_lock()) [[likely]] {
    if (shard.items.size() + kBatch < shard.items.capacity() && ++shard.uses % kUses != 0)
        [[likely]] {
      shard.Push(std::move(item));
      if (Own* const own = EnterOwn()) {
        if (own->size() == kMost) own->GiveTo(shard.items, kMost, kMost - kBatch);
        own->lock.Leave();
      }
      shard.lock.unlock();
      return;
    }
    shard.lock.unlock();
  }
  PutSlow(std::move(item), static_cast<uint32_t>(&shard - shards_.get()));
}

template <typename T>
T Pool<T>::GetSlow(uint32_t first) {
  if (std::optional<T> item = Search(first)) return *std::move(item);
  return make_ ? make_() : T();
}

// What a worker that lives on its own objects owes to the others. Its own grow old as well.
template <typename T>
void Pool<T>::RotateAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const int64_t now = sync_internal::CurrentPlace().coarse_now;
  for (uint32_t i = 0; i <= mask_; ++i) {
    if (!shards_[i].lock.try_lock()) continue;
    std::vector<T> doomed;  // destroyed after the lock is released
    std::lock_guard<sched_internal::SpinLock> guard(shards_[i].lock, std::adopt_lock);
    if (!shards_[i].IsDue(now)) continue;
    if (Own* const own = EnterOwn()) {
      own->GiveTo(shards_[i].items, own->size());
      own->lock.Leave();
    }
    shards_[i].Rotate(now, &doomed);
  }
}

// A shard where somebody is at work is passed over: nobody waits here, not even for a thread that
// the operating system has taken off its processor.
template <typename T>
std::optional<T> Pool<T>::Search(uint32_t first) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (uint32_t i = 0; i <= mask_; ++i) {
    Shard& shard = shards_[(first + i) & mask_];
    // Relaxed: a hint.
    if (!shard.any.load(std::memory_order_relaxed) || !shard.lock.try_lock()) continue;
    std::vector<T> doomed;  // destroyed after the lock is released
    std::lock_guard<sched_internal::SpinLock> guard(shard.lock, std::adopt_lock);
    shard.Rotate(sync_internal::CurrentPlace().coarse_now, &doomed);
    std::vector<T>& from = shard.items.empty() ? shard.victims : shard.items;
    if (!from.empty()) return shard.PopFrom(from);
  }
  return std::nullopt;
}

template <typename T>
void Pool<T>::PutSlow(T&& item, uint32_t first) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // A worker that comes for the first time gets a place of its own.
  if (const void* const self = sync_internal::CurrentOwner(); self != nullptr) {
    OwnOf(self).lock.TryClaim(self);
  }
  const int64_t now = sync_internal::CurrentPlace().coarse_now;
  std::vector<T> doomed;
  for (uint32_t i = 0; i <= mask_; ++i) {
    Shard& shard = shards_[(first + i) & mask_];
    if (!shard.lock.try_lock()) continue;
    std::lock_guard<sched_internal::SpinLock> guard(shard.lock, std::adopt_lock);
    shard.Rotate(now, &doomed);
    if (shard.items.empty()) shard.items.reserve(2 * kMost);
    shard.Push(std::move(item));
    return;
  }
}

template <typename T>
void Pool<T>::Clear() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  race::Acquire(this);
  [[maybe_unused]] const race::Ignore ignore;
  for (uint32_t i = 0; i <= mask_; ++i) {
    std::vector<T> items, victims;  // destroyed after the lock is released
    while (!shards_[i].lock.try_lock()) sync_internal::LetOthersRun();
    items.swap(shards_[i].items);
    victims.swap(shards_[i].victims);
    shards_[i].Hint();
    shards_[i].lock.unlock();
  }
  for (uint32_t i = 0; i <= own_mask_; ++i) {
    Own& own = own_[i];
    std::vector<T> items;  // destroyed after the lock is given back
    items.reserve(kMost);
    const void* const owner = own.lock.Revoke(&sync_internal::LetOthersRun);
    own.GiveTo(items, own.size());
    own.lock.Restore(owner);
  }
  Done(sched_internal::Op::kGet);
}

}  // namespace weft

#endif  // WEFT_SYNC_POOL_H_
