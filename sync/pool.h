// pool.h: keeps objects that are expensive to make for the next one who needs such an object.
//
// Go: sync.Pool. Holds values of T instead of interfaces: Pool<std::unique_ptr<Buffer>> is the
//   closest counterpart.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: nothing.
// Ordering: a Put() synchronizes with the Get() that returns what was put.
// Lifetime: what is in the pool is destroyed with it. What is not taken again is destroyed after a
//   while: at the earliest five seconds after the Put(), at a later call of Put() or Get().
// Misuse: objects that still mean something to somebody must not be put. Moving a T must not block.
// Cost: Get() and Put() one compare-exchange on memory of the caller's processor, 4 ns each; no
//   allocation once warm.
//
// There is no promise that Get() finds what was put, nor in which order. It looks on the caller's
// processor first, then on the others'. An object that is neither in use nor in the pool for long
// costs nothing: see Lifetime.
//
//   weft::Pool<std::vector<char>> buffers([] { return std::vector<char>(64 << 10); });
//   auto buffer = buffers.Borrow();
//   Read(fd, buffer->data(), buffer->size());  // goes back by itself
#ifndef WEFT_SYNC_POOL_H_
#define WEFT_SYNC_POOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/spin_lock.h"
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
  void Clear();

 private:
  static constexpr int64_t kGenerationNanos = 5'000'000'000;

  // The analysis does not follow a guard that adopts a lock.
  std::optional<T> GetSlow(sync_internal::Place here) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void PutSlow(sync_internal::Place here, T item) ABSL_NO_THREAD_SAFETY_ANALYSIS;

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
    }

    std::optional<T> Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
      std::vector<T>& from = items.empty() ? victims : items;
      if (from.empty()) return std::nullopt;
      std::optional<T> item(std::move(from.back()));
      from.pop_back();
      return item;
    }

    sched_internal::SpinLock lock;
    int64_t rotated ABSL_GUARDED_BY(lock) = 0;
    std::vector<T> items ABSL_GUARDED_BY(lock);
    std::vector<T> victims ABSL_GUARDED_BY(lock);
  };

  const std::function<T()> make_;
  const uint32_t mask_ = sync_internal::StripeCount() - 1;
  const std::unique_ptr<Shard[]> shards_ = std::make_unique<Shard[]>(mask_ + 1);
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

// The common case calls nothing and makes no optional: the caller's shard is free and has what is
// needed.
template <typename T>
T Pool<T>::Get() {
  const sync_internal::Place here = sync_internal::CurrentPlace();
  Shard& shard = shards_[here.stripe & mask_];
  if (shard.lock.try_lock()) [[likely]] {
    if (!shard.items.empty() && !shard.IsDue(here.coarse_now)) [[likely]] {
      T item(std::move(shard.items.back()));
      shard.items.pop_back();
      shard.lock.unlock();
      return item;
    }
    shard.lock.unlock();
  }
  if (std::optional<T> item = GetSlow(here)) return *std::move(item);
  return make_ ? make_() : T();
}

template <typename T>
std::optional<T> Pool<T>::TryGet() {
  return GetSlow(sync_internal::CurrentPlace());
}

template <typename T>
void Pool<T>::Put(T item) {
  const sync_internal::Place here = sync_internal::CurrentPlace();
  Shard& shard = shards_[here.stripe & mask_];
  if (shard.lock.try_lock()) [[likely]] {
    if (shard.items.size() < shard.items.capacity() && !shard.IsDue(here.coarse_now)) [[likely]] {
      shard.items.push_back(std::move(item));
      shard.lock.unlock();
      return;
    }
    shard.lock.unlock();
  }
  PutSlow(here, std::move(item));
}

// A shard where somebody is at work is passed over: nobody waits here, not even for a thread that
// the operating system has taken off its processor.
template <typename T>
std::optional<T> Pool<T>::GetSlow(sync_internal::Place here)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {  // adopted locks
  std::vector<T> doomed;              // destroyed after the lock is released
  for (uint32_t i = 0; i <= mask_; ++i) {
    Shard& shard = shards_[(here.stripe + i) & mask_];
    if (!shard.lock.try_lock()) continue;
    std::lock_guard<sched_internal::SpinLock> guard(shard.lock, std::adopt_lock);
    shard.Rotate(here.coarse_now, &doomed);
    if (std::optional<T> item = shard.Pop()) return item;
  }
  return std::nullopt;
}

template <typename T>
void Pool<T>::PutSlow(sync_internal::Place here,
                      T item) ABSL_NO_THREAD_SAFETY_ANALYSIS {  // adopted locks
  std::vector<T> doomed;
  for (uint32_t i = 0; i <= mask_; ++i) {
    Shard& shard = shards_[(here.stripe + i) & mask_];
    if (!shard.lock.try_lock()) continue;
    std::lock_guard<sched_internal::SpinLock> guard(shard.lock, std::adopt_lock);
    shard.Rotate(here.coarse_now, &doomed);
    shard.items.push_back(std::move(item));
    return;
  }
}

template <typename T>
void Pool<T>::Clear() {
  for (uint32_t i = 0; i <= mask_; ++i) {
    std::vector<T> items, victims;  // destroyed after the lock is released
    sched_internal::SpinLockHolder holder(shards_[i].lock);
    items.swap(shards_[i].items);
    victims.swap(shards_[i].victims);
  }
}

}  // namespace weft

#endif  // WEFT_SYNC_POOL_H_
