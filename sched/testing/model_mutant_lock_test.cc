// Mutants of locks and flags: each protocol passes as written and fails with one order weakened.
#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::model {
namespace {

using Order = std::memory_order;
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

// A lock by one exchange.
ProgramFn ExchangeLock(Order lock, Order unlock) {
  return [=](Program& p) {
    auto& word = p.Make<Atomic<int>>(0);
    auto& data = p.Make<Var<int>>(0);
    p.Name(&word, "word");
    for (int i = 0; i < 3; ++i) {
      p.Thread([&, lock, unlock] {
        while (word.exchange(1, lock) != 0) SpinHint();
        data.Set(data.Get() + 1);
        word.store(0, unlock);
      });
    }
    p.Finally([&] { Check(data.Get() == 3); });
  };
}

TEST(ModelMutantTest, LockWithoutAcquire) {
  ExpectSound(ExchangeLock(kAcquire, kRelease));
  ExpectBroken(ExchangeLock(kRelaxed, kRelease), "data race");
}

TEST(ModelMutantTest, UnlockWithoutRelease) {
  ExpectBroken(ExchangeLock(kAcquire, kRelaxed), "data race");
}

struct Peterson {
  Atomic<bool> wants[2] = {false, false};
  Atomic<int> turn{0};

  void Lock(int me, Order store, Order load) {
    wants[me].store(true, kRelaxed);
    turn.exchange(1 - me, store);
    while (wants[1 - me].load(load) && turn.load(kAcquire) == 1 - me) SpinHint();
  }
  void Unlock(int me) { wants[me].store(false, kRelease); }
};

ProgramFn PetersonLock(Order store, Order load) {
  return [=](Program& p) {
    auto& lock = p.Make<Peterson>();
    auto& data = p.Make<Var<int>>(0);
    for (int me = 0; me < 2; ++me) {
      p.Thread([&, me, store, load] {
        for (int i = 0; i < 2; ++i) {
          lock.Lock(me, store, load);
          data.Set(data.Get() + 1);
          lock.Unlock(me);
        }
      });
    }
  };
}

// With an exchange of `turn` acquire and release are enough: the second exchange reads the first,
// and so knows the other's wish. The exchange must be both.
TEST(ModelMutantTest, PetersonWithAReleaseExchange) {
  ExpectSound(PetersonLock(kAcqRel, kAcquire));
  ExpectBroken(PetersonLock(kRelease, kAcquire), "data race");
}

struct Dekker {
  Atomic<int> wants[2] = {0, 0};
};

// The try-form: whoever sees the other's wish gives up.
ProgramFn DekkerTry(Order store, Order load) {
  return [=](Program& p) {
    auto& lock = p.Make<Dekker>();
    auto& data = p.Make<Var<int>>(0);
    for (int me = 0; me < 2; ++me) {
      p.Thread([&, me, store, load] {
        lock.wants[me].store(1, store);
        if (lock.wants[1 - me].load(load) == 0) data.Set(me);
      });
    }
  };
}

TEST(ModelMutantTest, DekkerWithReleaseAndAcquire) {
  ExpectSound(DekkerTry(kSeqCst, kSeqCst));
  ExpectBroken(DekkerTry(kRelease, kAcquire), "data race");
}

TEST(ModelMutantTest, DekkerWithOneSideSeqCst) {
  ExpectBroken(DekkerTry(kSeqCst, kAcquire), "data race");
  ExpectBroken(DekkerTry(kRelease, kSeqCst), "data race");
}

// Once: the fast path reads the flag, the slow path runs under a lock.
ProgramFn Once(Order publish, Order fast) {
  struct State {
    Atomic<int> lock{0};
    Atomic<bool> done{false};
    Var<int> value{0};
  };
  return [=](Program& p) {
    auto& s = p.Make<State>();
    auto once = [&s, publish, fast] {
      if (!s.done.load(fast)) {
        while (s.lock.exchange(1, kAcquire) != 0) SpinHint();
        if (!s.done.load(kRelaxed)) {
          s.value.Set(s.value.Get() + 1);
          s.done.store(true, publish);
        }
        s.lock.store(0, kRelease);
      }
      Check(s.value.Get() == 1);
    };
    for (int i = 0; i < 3; ++i) p.Thread(once);
  };
}

TEST(ModelMutantTest, OnceWithARelaxedFastPath) {
  ExpectSound(Once(kRelease, kAcquire));
  ExpectBroken(Once(kRelease, kRelaxed), "data race");
}

TEST(ModelMutantTest, OnceWithARelaxedFlag) { ExpectBroken(Once(kRelaxed, kAcquire), "data race"); }

// A seqlock over data that is itself atomic, as it must be in C++.
struct SeqLock {
  Atomic<int> sequence{0};
  Atomic<int> a{0};
  Atomic<int> b{0};

  void Write(int value, bool fence) {
    sequence.store(1, kRelaxed);
    if (fence) Fence(kRelease);
    a.store(value, kRelaxed);
    b.store(value, kRelaxed);
    sequence.store(2, kRelease);
  }

  bool TryRead(int* x, int* y, bool fence) {
    const int before = sequence.load(kAcquire);
    *x = a.load(kRelaxed);
    *y = b.load(kRelaxed);
    if (fence) Fence(kAcquire);
    return before % 2 == 0 && sequence.load(kRelaxed) == before;
  }
};

ProgramFn SeqLockProgram(bool write_fence, bool read_fence) {
  return [=](Program& p) {
    auto& lock = p.Make<SeqLock>();
    p.Thread([&, write_fence] { lock.Write(7, write_fence); });
    p.Thread([&, read_fence] {
      int x, y;
      if (lock.TryRead(&x, &y, read_fence)) Check(x == y, "torn read");
    });
  };
}

TEST(ModelMutantTest, SeqLockWithoutTheReadersFence) {
  ExpectSound(SeqLockProgram(true, true));
  ExpectBroken(SeqLockProgram(true, false), "torn read");
}

TEST(ModelMutantTest, SeqLockWithoutTheWritersFence) {
  ExpectBroken(SeqLockProgram(false, true), "torn read");
}

// The last of two owners destroys.
ProgramFn ReferenceCount(Order drop) {
  struct Shared {
    Atomic<int> owners{2};
    Var<int> data{0};
  };
  return [=](Program& p) {
    auto& s = p.Make<Shared>();
    for (int i = 0; i < 2; ++i) {
      p.Thread([&, drop] {
        s.data.Get();
        if (s.owners.fetch_sub(1, drop) == 1) s.data.Set(-1);  // stands for the destructor
      });
    }
  };
}

TEST(ModelMutantTest, ReferenceDroppedWithReleaseOnly) {
  ExpectSound(ReferenceCount(kAcqRel));
  ExpectBroken(ReferenceCount(kRelease), "data race");
}

TEST(ModelMutantTest, ReferenceDroppedWithAcquireOnly) {
  ExpectBroken(ReferenceCount(kAcquire), "data race");
}

}  // namespace
}  // namespace weft::sched_internal::model
