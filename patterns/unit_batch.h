// unit_batch.h: work units that are queued together, and come back one by one as they end.
//
// Go: github.com/go-playground/pool v3: Batch: Queue, QueueComplete, Cancel, Results, WaitAll.
//
// Thread safety: all methods.
// Blocks: WaitAll(): until all units have ended. The destructor: nothing but its own fibers, which
//   end at once; the units go on. Queue(): nothing.
// Ordering: the end of a unit is before its receipt from Results().
// Lifetime: the pool must outlive the batch.
// Misuse: Results() ends only after QueueComplete() or Cancel(). What is queued after that is
//   dropped.
// Cost: a unit's, and a fiber that waits for it.
//
//   weft::UnitBatch<Mail> batch(pool);
//   for (int id : ids) batch.Queue([id](const weft::Context& ctx) { return Load(ctx, id); });
//   batch.QueueComplete();
//   for (weft::WorkUnit<Mail> unit : batch.Results()) Show(unit.Value());
#ifndef WEFT_PATTERNS_UNIT_BATCH_H_
#define WEFT_PATTERNS_UNIT_BATCH_H_

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/patterns/unit_pool.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace weft {

template <typename T>
class UnitBatch {
 public:
  explicit UnitBatch(UnitPool<T>& pool) : pool_(pool) { waiting_.Add(1); }
  ~UnitBatch() {
    abandoned_.Close();
    QueueComplete();
    forwarders_.Wait();
  }
  UnitBatch(const UnitBatch&) = delete;
  UnitBatch& operator=(const UnitBatch&) = delete;

  template <typename Fn>
  void Queue(Fn fn) {
    MutexLock lock(mu_);
    if (complete_) return;
    WorkUnit<T> unit = pool_.Queue(std::move(fn));
    units_.push_back(unit);
    waiting_.Add(1);
    forwarders_.Go([this, unit] {
      Select(OnRecv(unit.Ended()), OnRecv(abandoned_));
      Select(OnSend(results_, unit), OnRecv(abandoned_));
      waiting_.Done();
    });
  }

  // No more units will be queued.
  void QueueComplete() {
    MutexLock lock(mu_);
    if (std::exchange(complete_, true)) return;
    waiting_.Done();
    forwarders_.Go([this] {
      waiting_.Wait();
      results_.Close();
    });
  }

  // Ends all units that have not ended, and calls QueueComplete().
  void Cancel() {
    QueueComplete();
    MutexLock lock(mu_);
    for (const WorkUnit<T>& unit : units_) unit.Cancel();
  }

  // The units, each when it has ended; closed after the last.
  RecvChan<WorkUnit<T>> Results() const { return results_; }

  // Waits for all units, and drops what Results() would have given.
  void WaitAll() {
    QueueComplete();
    for (const WorkUnit<T>& unit : results_) (void)unit;
  }

 private:
  UnitPool<T>& pool_;
  const Chan<WorkUnit<T>> results_ = MakeChan<WorkUnit<T>>();
  const Chan<Empty> abandoned_ = MakeChan<Empty>();
  // Units that have not been handed on, and one for QueueComplete().
  WaitGroup waiting_;
  Mutex mu_;
  bool complete_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<WorkUnit<T>> units_ ABSL_GUARDED_BY(mu_);
  WaitGroup forwarders_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_UNIT_BATCH_H_
