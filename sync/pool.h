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
// Cost: Put() and Get() of one object by turns on one worker about 2 ns each, without an atomic
//   read-modify-write; else one compare-exchange, 4 ns each; no allocation once warm. Empty: 384
//   bytes for each processor.
//
// There is no promise that Get() finds what was put, nor in which order. Each worker has one object
// for itself, which only Clear() takes from it; beyond that Get() looks where the caller's worker
// puts what it has too many of, then where the others do. An object that is neither in use nor in
// the pool for long costs nothing: see Lifetime.
//
//   weft::Pool<std::vector<char>> buffers([] { return std::vector<char>(64 << 10); });
//   auto buffer = buffers.Borrow();
//   Read(fd, buffer->data(), buffer->size());  // goes back by itself
#ifndef WEFT_SYNC_POOL_H_
#define WEFT_SYNC_POOL_H_

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

  // So many uses of its own object, or of a shard, and somebody looks whether it is time to rotate.
  static constexpr uint32_t kUses = 256;

  // One worker's own object.
  struct alignas(sched_internal::kCacheLinePair) Own {
    Own() {}
    ~Own() {
      if (full.load(std::memory_order_relaxed)) Take();
    }

    // Both by who is inside. Relaxed: for others `full` is a hint.
    void Keep(T&& kept) {
      ::new (&item) T(std::move(kept));
      full.store(true, std::memory_order_relaxed);
    }
    T Take() {
      full.store(false, std::memory_order_relaxed);
      T taken(std::move(item));
      item.~T();
      return taken;
    }

    sync_internal::OwnerLock lock;
    sched_internal::Atom<bool> full{false};
    uint32_t uses = 0;  // touched by who is inside
    union {
      T item;  // touched by who is inside
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
  Shard& ShardOf(const void* self) const {
    return shards_[(self != nullptr ? sync_internal::OwnerHash(self)
                                    : sync_internal::CurrentPlace().stripe) &
                   mask_];
  }

  // A simulation may let others run.
  void Done(sched_internal::Op op) const { sched_internal::SimPoint(op, this); }

  // The analysis does not follow a lock that is tried, and a guard that adopts one.
  [[gnu::noinline]] T GetShared(const void* self) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  [[gnu::noinline]] void PutShared(T&& item, const void* self) ABSL_NO_THREAD_SAFETY_ANALYSIS;
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
T Pool<T>::Get() {
  if constexpr (race::kEnabled) return GetUnseen();
  const void* const self = sync_internal::CurrentOwner();
  if (self != nullptr) [[likely]] {
    Own& own = OwnOf(self);
    if (own.lock.TryEnter(self)) [[likely]] {
      if (own.full.load(std::memory_order_relaxed)) [[likely]] {
        T item(own.Take());
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
  T item(GetShared(self));
  Done(sched_internal::Op::kGet);
  return item;
}

// The other side of it: the caller's worker has none.
template <typename T>
void Pool<T>::Put(T item) {
  race::Release(this);
  [[maybe_unused]] const race::Ignore ignore;
  const void* const self = sync_internal::CurrentOwner();
  if (self != nullptr) [[likely]] {
    Own& own = OwnOf(self);
    // Relaxed: a hint.
    if (!own.full.load(std::memory_order_relaxed) && own.lock.TryEnter(self)) [[likely]] {
      if (!own.full.load(std::memory_order_relaxed)) [[likely]] {
        own.Keep(std::move(item));
        own.lock.Leave();
        return Done(sched_internal::Op::kPut);
      }
      own.lock.Leave();
    }
  }
  PutShared(std::move(item), self);
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
  // Relaxed: a hint.
  if (self == nullptr || !OwnOf(self).full.load(std::memory_order_relaxed)) return std::nullopt;
  if (!OwnOf(self).lock.TryEnter(self)) return std::nullopt;
  Own& own = OwnOf(self);
  std::optional<T> item;
  if (own.full.load(std::memory_order_relaxed)) item.emplace(own.Take());
  own.lock.Leave();
  return item;
}

template <typename T>
T Pool<T>::GetShared(const void* self) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Shard& shard = ShardOf(self);
  // Relaxed: a hint.
  if (shard.any.load(std::memory_order_relaxed) && shard.lock.try_lock()) {
    if (!shard.items.empty() && ++shard.uses % kUses != 0) [[likely]] {
      T item(shard.PopFrom(shard.items));
      shard.lock.unlock();
      return item;
    }
    shard.lock.unlock();
  }
  return GetSlow(static_cast<uint32_t>(&shard - shards_.get()));
}

template <typename T>
void Pool<T>::PutShared(T&& item, const void* self) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Shard& shard = ShardOf(self);
  if (shard.lock.try_lock()) [[likely]] {
    if (shard.items.size() < shard.items.capacity() && ++shard.uses % kUses != 0) [[likely]] {
      shard.Push(std::move(item));
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

// What a worker that lives on its own object owes to the others.
template <typename T>
void Pool<T>::RotateAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const int64_t now = sync_internal::CurrentPlace().coarse_now;
  for (uint32_t i = 0; i <= mask_; ++i) {
    if (!shards_[i].lock.try_lock()) continue;
    std::vector<T> doomed;  // destroyed after the lock is released
    std::lock_guard<sched_internal::SpinLock> guard(shards_[i].lock, std::adopt_lock);
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
    std::optional<T> item;  // destroyed after the lock is given back
    const void* const owner = own.lock.Revoke(&sync_internal::LetOthersRun);
    if (own.full.load(std::memory_order_relaxed)) item.emplace(own.Take());
    own.lock.Restore(owner);
  }
  Done(sched_internal::Op::kGet);
}

}  // namespace weft

#endif  // WEFT_SYNC_POOL_H_
