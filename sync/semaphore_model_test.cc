// The protocol of Semaphore under all schedules, on the C++ memory model.
#include "weft/sync/semaphore.h"

#include <optional>

#include "gtest/gtest.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/testing/model_expect.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Preemptions;
using model::Program;
using model::Var;

struct State {
  explicit State(int64_t size) : semaphore(std::in_place, size) {}
  std::optional<Semaphore> semaphore;
  Var<int> data{0};
};

TEST(SemaphoreModelTest, OnePermitExcludesTwo) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>(1);
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s] {
        s.semaphore->Acquire();
        s.data.Set(s.data.Get() + 1);
        s.semaphore->Release();
      });
    }
    p.Finally([&s] { model::Check(s.data.Get() == 2 && s.semaphore->TryAcquire(1)); });
  });
}

// The last one in destroys the semaphore while the Release() that let it in may not have returned.
TEST(SemaphoreModelTest, TheLastOneInMayDestroyIt) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>(2);
    s.semaphore->Acquire(2);
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s] { s.semaphore->Release(); });
    }
    p.Thread([&s] {
      s.semaphore->Acquire(2);
      s.semaphore.reset();
    });
  });
}

TEST(SemaphoreModelTest, DifferentWeightsAllGetIn) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>(2);
        for (int64_t weight : {2, 1}) {
          p.Thread([&s, weight] {
            s.semaphore->Acquire(weight);
            s.semaphore->Release(weight);
          });
        }
        p.Finally([&s] { model::Check(s.semaphore->TryAcquire(2)); });
      },
      Preemptions(4));
}

// A source of cancellation on the model's atomics.
struct Source {
  absl::Status Err() const {
    return cancelled.load(std::memory_order_acquire) ? absl::CancelledError() : absl::OkStatus();
  }
  bool Watch(CancelWatcher* watcher) const {
    sched_internal::SpinLockHolder holder(lock);
    if (cancelled.load(std::memory_order_relaxed)) return false;
    watched = watcher;
    return true;
  }
  void Unwatch(CancelWatcher*) const {
    sched_internal::SpinLockHolder holder(lock);
    watched = nullptr;
  }
  void Cancel() {
    sched_internal::SpinLockHolder holder(lock);
    cancelled.store(true, std::memory_order_release);
    if (watched != nullptr) watched->Notify();
  }

  mutable sched_internal::SpinLock lock;
  sched_internal::Atom<bool> cancelled{false};
  mutable CancelWatcher* watched = nullptr;
};

// Cancelled, released, both: the permit is neither lost nor doubled.
TEST(SemaphoreModelTest, CancellationAgainstRelease) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>(1);
        auto& source = p.Make<Source>();
        s.semaphore->Acquire();
        p.Thread([&] {
          if (s.semaphore->Acquire(source).ok()) s.semaphore->Release();
        });
        p.Thread([&] { source.Cancel(); });
        p.Thread([&] { s.semaphore->Release(); });
        p.Finally([&s] { model::Check(s.semaphore->TryAcquire(1)); });
      },
      Preemptions(4));
}

}  // namespace
}  // namespace weft
