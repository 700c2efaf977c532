// Mutants of protocols that park: lost wake-ups, wake-ups too many, and touching what the woken
// thread has destroyed.
#include <array>
#include <optional>

#include "gtest/gtest.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::model {
namespace {

using Order = std::memory_order;
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

// A worker without work announces that it sleeps, looks once more, and parks. A submitter queues
// and looks for sleepers. Both write one word and read the other's: only seq_cst, or updates of
// both, keep them from missing each other.
struct Idle {
  Atomic<int> queued{0};
  Atomic<Parkable*> sleeper{nullptr};

  void Submit(Order order) {
    queued.store(1, order);
    Parkable* worker = sleeper.load(order == kSeqCst ? kSeqCst : kAcquire);
    if (worker != nullptr && sleeper.compare_exchange_strong(worker, nullptr, kAcqRel, kRelaxed))
      Ready(worker);
  }

  void Work(Order order, bool recheck) {
    while (queued.load(kAcquire) == 0) {
      Parkable* self = CurrentParkable();
      sleeper.store(self, order);
      const bool found = recheck && queued.load(order == kSeqCst ? kSeqCst : kAcquire) != 0;
      // Whoever wins the exchange owes the wake-up.
      if (found && sleeper.compare_exchange_strong(self, nullptr, kAcqRel, kRelaxed)) return;
      Park(WaitReason::kNone);
    }
  }
};

ProgramFn IdleProgram(Order submit, Order sleep, bool recheck) {
  return [=](Program& p) {
    auto& idle = p.Make<Idle>();
    p.Thread([&, submit] { idle.Submit(submit); });
    p.Thread([&, sleep, recheck] { idle.Work(sleep, recheck); });
  };
}

TEST(ModelMutantTest, IdleWorkerWithoutRecheck) {
  ExpectSound(IdleProgram(kSeqCst, kSeqCst, true));
  ExpectBroken(IdleProgram(kSeqCst, kSeqCst, false), "nobody can run");
}

TEST(ModelMutantTest, IdleSubmitterWithRelease) {
  ExpectBroken(IdleProgram(kRelease, kSeqCst, true), "nobody can run");
}

TEST(ModelMutantTest, IdleWorkerWithRelease) {
  ExpectBroken(IdleProgram(kSeqCst, kRelease, true), "nobody can run");
}

// One word: the count of those who are not done, and the waiter. The waiter destroys it after it
// has woken.
struct Latch {
  explicit Latch(int count) : state(count) {}

  Atomic<int> state;
  Parkable* waiter = nullptr;

  static constexpr int kWaiting = 1 << 8;

  void Done(bool touch_after) {
    if (state.fetch_sub(1, kAcqRel) == kWaiting + 1) {
      Ready(waiter);
      if (touch_after) state.load(kRelaxed);
    }
  }

  void Wait(bool one_step) {
    waiter = CurrentParkable();
    int old = state.load(kAcquire);
    if (one_step) {
      // The count is looked at in the step that publishes the waiter.
      while (old != 0 && !state.compare_exchange_weak(old, old + kWaiting, kAcqRel, kAcquire)) {
      }
    } else if (old != 0) {
      state.fetch_add(kWaiting, kAcqRel);
    }
    if (old != 0) Park(WaitReason::kSyncWaitGroupWait);
  }
};

ProgramFn LatchProgram(bool touch_after, bool one_step) {
  return [=](Program& p) {
    auto& latch = p.Make<std::optional<Latch>>(std::in_place, 2);
    auto& data = p.Make<std::array<Var<int>, 2>>();
    for (int i = 0; i < 2; ++i) {
      p.Thread([&, i, touch_after] {
        data[i].Set(i + 1);
        latch->Done(touch_after);
      });
    }
    p.Thread([&, one_step] {
      latch->Wait(one_step);
      Check(data[0].Get() == 1 && data[1].Get() == 2);
      latch.reset();
    });
  };
}

TEST(ModelMutantTest, LatchTouchedAfterTheWakeUp) {
  ExpectSound(LatchProgram(false, true));
  ExpectBroken(LatchProgram(true, true), "destruction");
}

TEST(ModelMutantTest, LatchChecksBeforeItPublishes) {
  ExpectBroken(LatchProgram(false, false), "nobody can run");
}

// The waiter's node lives on its stack, published under a lock; two wakers compete for it, and
// whoever claims it owes the wake-up. The waiter removes the node under the lock before it dies.
ProgramFn TwoWakers(bool claim, bool remove_locked) {
  struct Node {
    Parkable* parkable;
    Atomic<int> fired{0};
  };
  struct State {
    Atomic<int> lock{0};
    Atomic<Node*> waiter{nullptr};
    Atomic<bool> came{false};

    void Lock() {
      while (lock.exchange(1, kAcquire) != 0) SpinHint();
    }
    void Unlock() { lock.store(0, kRelease); }
  };
  return [=](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&, remove_locked] {
      Node node{CurrentParkable()};
      s.Lock();
      s.waiter.store(&node, kRelaxed);
      s.Unlock();
      s.came.store(true, kRelease);
      Park(WaitReason::kSelect);
      if (remove_locked) s.Lock();
      s.waiter.store(nullptr, kRelaxed);
      if (remove_locked) s.Unlock();
    });
    for (int i = 0; i < 2; ++i) {
      p.Thread([&, claim] {
        // Until the waiter has been there.
        while (!s.came.load(kAcquire)) SpinHint();
        s.Lock();
        int expected = 0;
        Node* node = s.waiter.load(kRelaxed);
        if (node != nullptr &&
            (!claim || node->fired.compare_exchange_strong(expected, 1, kAcqRel, kRelaxed))) {
          Ready(node->parkable);
        }
        s.Unlock();
      });
    }
  };
}

TEST(ModelMutantTest, NodeRemovedWithoutTheLock) {
  ExpectSound(TwoWakers(true, true));
  ExpectBroken(TwoWakers(true, false), "destruction");
}

TEST(ModelMutantTest, TwoWakersWithoutAClaim) { ExpectBroken(TwoWakers(false, true), "Ready()"); }

// A second Ready() before the first was consumed is reported, and so is one that nobody consumes.
TEST(ModelMutantTest, ReadyTwice) {
  ExpectBroken(
      [](Program& p) {
        auto& target = p.Make<Atomic<Parkable*>>(nullptr);
        p.Thread([&] {
          target.store(CurrentParkable(), kRelease);
          Park(WaitReason::kNone);
        });
        for (int i = 0; i < 2; ++i) {
          p.Thread([&] {
            if (Parkable* parkable = target.load(kAcquire)) Ready(parkable);
          });
        }
      },
      "Ready()");
}

}  // namespace
}  // namespace weft::sched_internal::model
