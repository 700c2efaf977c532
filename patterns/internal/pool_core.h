// pool_core.h: what WorkerPool and FuncPool are made of: fibers that are kept for the next item.
//
// A worker is a fiber whose record lives in its frame. With nothing to do it puts the record on the
// idle list, newest first, and parks; who takes it off the list either leaves an item in it or
// leaves it empty, which ends the worker, and readies it. A submitter that finds no room queues up;
// the next worker that is free takes the item right out of the submitter's frame, so that a full
// pool never wakes anybody only to hand over.
#ifndef WEFT_PATTERNS_INTERNAL_POOL_CORE_H_
#define WEFT_PATTERNS_INTERNAL_POOL_CORE_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/pool_base.h"
#include "weft/patterns/panics.h"
#include "weft/sched/park.h"
#include "weft/sync/event.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace weft::patterns_internal {

// Fn is called with an Item&.
template <typename Item, typename Fn>
class PoolCore {
 public:
  PoolCore(int64_t capacity, PoolOptions options, Fn fn)
      : options_(CheckedOptions(std::move(options))), fn_(std::move(fn)), capacity_(capacity) {}
  ~PoolCore() {
    Close();
    fibers_.Wait();
  }

  // Moves from `item` only if it returns OK. Without a context waits for as long as it takes.
  absl::Status Submit(const Context* ctx, Item& item) {
    if (ctx != nullptr && !ctx->Err().ok()) return ctx->Err();
    mu_.lock();
    if (closed_) return Refuse(PoolClosedError());
    if (Worker* worker = idle_.PopFront()) {
      worker->item.emplace(std::move(item));
      mu_.unlock();
      ReadyLast(worker->self);
      return absl::OkStatus();
    }
    if (capacity_ <= 0 || running_ < capacity_) {
      ++running_;
      mu_.unlock();
      Spawn(std::move(item));
      return absl::OkStatus();
    }
    if (options_.nonblocking ||
        (options_.max_blocking > 0 && waiting_.size() >= options_.max_blocking)) {
      return Refuse(PoolOverloadError());
    }
    Submitter self(&item);
    waiting_.PushBack(&self);
    mu_.unlock();
    return Await(ctx, self);
  }

  void Tune(int64_t capacity) {
    NodeList<Worker> excess;
    {
      MutexLock lock(mu_);
      if (capacity_ <= 0 || capacity <= 0) return;
      capacity_ = capacity;
      while (running_ > capacity_ && !idle_.empty()) RetireOldest(excess);
      while (running_ < capacity_ && !waiting_.empty()) {
        ++running_;
        Spawn(TakeFirst());
      }
    }
    EndAll(excess);
  }

  // Returns false if it was closed already.
  bool Close() {
    NodeList<Worker> excess;
    {
      MutexLock lock(mu_);
      if (closed_) return false;
      closed_ = true;
      while (!idle_.empty()) RetireOldest(excess);
      while (Submitter* submitter = waiting_.PopFront()) submitter->Settle(/*closed=*/true);
      if (running_ == 0) gone_.Set();
      if (purging_ && purge_.Stop()) fibers_.Done();
      purging_ = false;
    }
    EndAll(excess);
    return true;
  }

  // After Close(). Returns whether all workers have gone.
  bool AwaitGone(absl::Duration patience) { return gone_.WaitFor(patience); }

  void Reopen() {
    MutexLock lock(mu_);
    closed_ = false;
    gone_.Reset();
  }

  PoolCounts Counts() const {
    MutexLock lock(mu_);
    return {capacity_ <= 0 ? -1 : capacity_, running_, waiting_.size(), closed_};
  }

 private:
  using Worker = PoolWorker<Item>;
  using Submitter = PoolSubmitter<Item>;

  absl::Status Refuse(absl::Status why) ABSL_UNLOCK_FUNCTION(mu_) {
    mu_.unlock();
    return why;
  }

  absl::Status Await(const Context* ctx, Submitter& self) {
    const bool watched = ctx != nullptr && ctx->Watch(&self);
    if (ctx == nullptr || watched) self.woken.Wait();
    if (watched) ctx->Unwatch(&self);
    MutexLock lock(mu_);
    if (self.settled) return self.closed ? PoolClosedError() : absl::OkStatus();
    // The context has ended: nothing else wakes those who are still queued.
    waiting_.Remove(&self);
    return ctx != nullptr ? ctx->Err() : PoolClosedError();
  }

  Item TakeFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Submitter* const first = waiting_.PopFront();
    Item item = std::move(*first->item);
    first->Settle(/*closed=*/false);
    return item;
  }

  void RetireOldest(NodeList<Worker>& excess) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Worker* const oldest = idle_.PopBack();
    Uncount(oldest);
    excess.PushBack(oldest);
  }

  void Uncount(Worker* worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    worker->counted = false;
    if (--running_ == 0 && closed_) gone_.Set();
  }

  static void EndAll(NodeList<Worker>& excess) {
    while (Worker* worker = excess.PopFront()) ReadyLast(worker->self);
  }

  void Spawn(Item item) {
    fibers_.Go([this, item = std::move(item)]() mutable { Serve(std::move(item)); });
  }

  void Serve(Item first) {
    Worker self;
    struct Leave {
      ~Leave() {
        if (self.counted) core->Replace(&self);
      }
      PoolCore* core;
      Worker& self;
    } leave{this, self};
    self.item.emplace(std::move(first));
    do {
      std::optional<Recovered> panic = Recover([&] { fn_(*self.item); });
      self.item.reset();
      if (panic) HandlePanic(options_, *panic);
    } while (Next(&self));
  }

  // Waits for the worker's next item. False: there will be none.
  bool Next(Worker* self) {
    {
      MutexLock lock(mu_);
      if (closed_ || (capacity_ > 0 && running_ > capacity_)) {
        Uncount(self);
        return false;
      }
      if (!waiting_.empty()) {
        self->item.emplace(TakeFirst());
        return true;
      }
      self->idle_since = ticks_;
      idle_.PushFront(self);
      if (!purging_) StartPurging();
    }
    Park(WaitReason::kChanReceive);
    return self->item.has_value();
  }

  // The worker's fiber ends by Goexit(): another does what would have been its next item.
  void Replace(Worker* self) {
    MutexLock lock(mu_);
    if (closed_ || waiting_.empty() || (capacity_ > 0 && running_ > capacity_)) {
      Uncount(self);
    } else {
      Spawn(TakeFirst());
    }
  }

  void StartPurging() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (options_.disable_purge || closed_) return;
    purging_ = true;
    fibers_.Add(1);
    purge_ = AfterFunc(options_.expiry, [this] {
      Purge();
      fibers_.Done();
    });
  }

  // Ends the workers that were idle already at the last tick.
  void Purge() {
    NodeList<Worker> excess;
    {
      MutexLock lock(mu_);
      ++ticks_;
      while (!idle_.empty() && idle_.back()->idle_since + 1 < ticks_) RetireOldest(excess);
      purging_ = false;
      if (!idle_.empty()) StartPurging();
    }
    EndAll(excess);
  }

  const PoolOptions options_;
  Fn fn_;

  mutable Mutex mu_;
  int64_t capacity_ ABSL_GUARDED_BY(mu_);  // not positive: unlimited
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  int64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // workers that have not been told to end
  // Sorted by idle_since, the latest first.
  NodeList<Worker> idle_ ABSL_GUARDED_BY(mu_);
  // Invariant: empty while anybody is idle, or fewer run than may.
  NodeList<Submitter> waiting_ ABSL_GUARDED_BY(mu_);
  uint64_t ticks_ ABSL_GUARDED_BY(mu_) = 0;
  bool purging_ ABSL_GUARDED_BY(mu_) = false;  // whether purge_ is going to fire
  Timer purge_ ABSL_GUARDED_BY(mu_);
  Event gone_{EventReset::kManual};  // set while closed and running_ == 0
  // Workers, and the fiber of purge_ from the time that it is armed.
  WaitGroup fibers_;
};

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_POOL_CORE_H_
