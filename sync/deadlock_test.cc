#include "weft/sync/deadlock.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/testing/crew.h"

// Functions of these names are looked for in the reports.
__attribute__((noinline)) void LocksFirstThenSecond(weft::deadlock::Mutex& first,
                                                    weft::deadlock::Mutex& second) {
  weft::deadlock::MutexLock outer(first);
  weft::deadlock::MutexLock inner(second);
  asm volatile("" ::: "memory");
}

__attribute__((noinline)) void LocksTheOtherWayRound(weft::deadlock::Mutex& first,
                                                     weft::deadlock::Mutex& second) {
  weft::deadlock::MutexLock outer(second);
  weft::deadlock::MutexLock inner(first);
  asm volatile("" ::: "memory");
}

__attribute__((noinline)) void LocksAndWaits(weft::deadlock::Mutex& mu) {
  weft::deadlock::MutexLock lock(mu);
  asm volatile("" ::: "memory");
}

namespace weft::deadlock {
namespace {

using sync_testing::Crew;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

static_assert(sizeof(Mutex) == 16 && sizeof(RWMutex) == 32);

// The reports of one test. An inversion or recursion is thrown out of lock() if the test would
// deadlock otherwise.
class Reports {
 public:
  struct Prevented : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  explicit Reports(Options options = {}, bool prevent = false) {
    options.on_report = [this, prevent](const Report& report) {
      {
        std::lock_guard<std::mutex> lock(mu_);
        reports_.push_back(report);
      }
      if (report.kind == ReportKind::kLongWait) long_wait.Set();
      if (prevent) throw Prevented("prevented");
    };
    SetOptions(options);
  }
  ~Reports() {
    weft::testing::WaitForNoFibers();
    SetOptions({});
  }

  std::vector<ReportKind> Kinds() {
    std::lock_guard<std::mutex> lock(mu_);
    std::vector<ReportKind> kinds;
    for (const Report& report : reports_) kinds.push_back(report.kind);
    return kinds;
  }

  std::string Text(size_t i) {
    std::lock_guard<std::mutex> lock(mu_);
    return i < reports_.size() ? reports_[i].text : "";
  }

  Event long_wait{EventReset::kManual};

 private:
  std::mutex mu_;
  std::vector<Report> reports_;
};

void Nest(Mutex& outer, Mutex& inner) {
  MutexLock a(outer);
  MutexLock b(inner);
}

using DeadlockTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, DeadlockTest, weft::testing::kWorkerCounts);

TEST_P(DeadlockTest, AnInversionIsReportedThoughItDidNotDeadlock) {
  Reports reports;
  Mutex a, b;
  {
    Crew crew;
    crew.Fiber([&] { LocksFirstThenSecond(a, b); });
    crew.Join();
    EXPECT_THAT(reports.Kinds(), IsEmpty());
    crew.Thread([&] { LocksTheOtherWayRound(a, b); });
  }
  ASSERT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
  EXPECT_THAT(reports.Text(0),
              AllOf(HasSubstr("LocksTheOtherWayRound"), HasSubstr("LocksFirstThenSecond"),
                    HasSubstr("\n    \tsync/deadlock_test.cc:"), HasSubstr("thread "),
                    HasSubstr("earlier fiber ")));
  LocksTheOtherWayRound(a, b);
  EXPECT_EQ(reports.Kinds().size(), 1u) << "a pair is reported once";
}

TEST_P(DeadlockTest, ACircleOfThreeIsReported) {
  Reports reports;
  Mutex a, b, c;
  Nest(a, b);
  Nest(b, c);
  Nest(a, c);
  EXPECT_THAT(reports.Kinds(), IsEmpty());
  Crew crew;
  crew.Fiber([&] { Nest(c, a); });
  crew.Join();
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
}

TEST_P(DeadlockTest, ReadersTakePartInInversions) {
  Reports reports;
  RWMutex a;
  Mutex b;
  {
    ReaderLock outer(a);
    MutexLock inner(b);
  }
  {
    MutexLock outer(b);
    ReaderLock inner(a);
  }
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
}

TEST_P(DeadlockTest, ACondThatLocksAgainTakesPartInInversions) {
  Reports reports;
  Mutex a, b;
  Cond cond(a);
  MutexLock outer(a);
  MutexLock inner(b);
  cond.WaitFor(absl::Milliseconds(1));
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
}

TEST_P(DeadlockTest, ARecursionIsReportedAndMayBePrevented) {
  Reports reports({}, /*prevent=*/true);
  Mutex mu;
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    mu.lock();
    EXPECT_THROW(mu.lock(), Reports::Prevented);
    mu.unlock();
    EXPECT_TRUE(mu.try_lock());
    EXPECT_THROW(mu.lock(), Reports::Prevented);
    mu.unlock();
  }();
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kRecursion, ReportKind::kRecursion));
}

TEST_P(DeadlockTest, ARecursionOfReadersIsReportedThoughItDidNotDeadlock) {
  Reports reports;
  RWMutex mu;
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    mu.lock_shared();
    mu.lock_shared();
    mu.unlock_shared();
    mu.unlock_shared();
    mu.lock();
    mu.unlock();
  }();
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kRecursion));
}

// The holder lets go when the report has come.
TEST_P(DeadlockTest, ALongWaitIsReportedWithWhoHoldsTheLock) {
  Reports reports({.threshold = absl::Milliseconds(2)});
  for (bool in_thread : {false, true}) {
    Mutex mu;
    reports.long_wait.Reset();
    const size_t before = reports.Kinds().size();
    Crew crew;
    Event held(EventReset::kManual);
    Go({.name = "keeper"}, [&] {
      MutexLock lock(mu);
      held.Set();
      reports.long_wait.Wait();
    });
    held.Wait();
    if (in_thread) {
      crew.Thread([&] { LocksAndWaits(mu); });
    } else {
      crew.Fiber([&] { LocksAndWaits(mu); });
    }
    crew.Join();
    ASSERT_EQ(reports.Kinds().size(), before + 1);
    EXPECT_EQ(reports.Kinds()[before], ReportKind::kLongWait);
    EXPECT_THAT(reports.Text(before),
                AllOf(HasSubstr("LocksAndWaits"), HasSubstr("(keeper) has held it for"),
                      HasSubstr("all locks:"), HasSubstr(in_thread ? "thread " : "fiber ")));
  }
}

TEST_P(DeadlockTest, ALongWaitForReadersNamesThemAll) {
  Reports reports({.threshold = absl::Milliseconds(2)});
  RWMutex mu;
  Latch held(3);
  Crew crew;
  crew.Mixed(3, [&](int) {
    ReaderLock lock(mu);
    held.CountDown();
    reports.long_wait.Wait();
  });
  held.Wait();
  { WriterLock lock(mu); }
  crew.Join();
  const std::string text = reports.Text(0);
  int readers = 0;
  for (size_t at = 0; (at = text.find("has held it as a reader", at)) != text.npos; ++at) ++readers;
  EXPECT_EQ(readers, 3) << text;
}

TEST_P(DeadlockTest, AWaitBelowTheThresholdIsNotReported) {
  Reports reports({.threshold = absl::Hours(1)});
  Mutex mu;
  int plain = 0;
  Crew crew;
  crew.Mixed(6, [&](int) {
    for (int i = 0; i < weft::testing::Repeat(50); ++i) {
      MutexLock lock(mu);
      ++plain;
      Gosched();
    }
  });
  crew.Join();
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

// What must not be reported.

TEST_P(DeadlockTest, TryingIsNoInversion) {
  Reports reports;
  Mutex a, b;
  RWMutex c;
  Nest(a, b);
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    c.lock();
    c.unlock();
    b.lock();
    EXPECT_FALSE(b.try_lock());
    EXPECT_TRUE(a.try_lock());
    a.unlock();
    EXPECT_TRUE(a.TryLockFor(absl::Milliseconds(1)));
    EXPECT_TRUE(c.try_lock_shared());
    EXPECT_TRUE(c.try_lock_shared());
    c.unlock_shared();
    c.unlock_shared();
    a.unlock();
    b.unlock();
  }();
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, WhatWasTriedCountsAsHeld) {
  Reports reports;
  Mutex a, b;
  Nest(a, b);
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_TRUE(b.try_lock());
    a.lock();
    a.unlock();
    b.unlock();
  }();
  EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
}

TEST_P(DeadlockTest, HandOverHandIsNoInversion) {
  Reports reports;
  std::deque<Mutex> chain(12);
  Crew crew;
  crew.Mixed(4, [&](int) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (int round = 0; round < weft::testing::Repeat(20); ++round) {
      chain[0].lock();
      for (size_t i = 1; i < chain.size(); ++i) {
        chain[i].lock();
        chain[i - 1].unlock();
      }
      chain.back().unlock();
    }
  });
  crew.Join();
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, ANewLockAtAnOldAddressBeginsAnew) {
  Reports reports;
  std::optional<Mutex> a, b;
  for (int i = 0; i < 4; ++i) {
    a.emplace();
    b.emplace();
    if (i % 2) {
      Nest(*a, *b);
    } else {
      Nest(*b, *a);
    }
    if (i == 2) a.reset();
  }
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, UnlockByAnotherEndsTheHold) {
  Reports reports;
  Mutex a, b;
  Crew crew;
  Nest(b, a);
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { a.lock(); }();
  crew.Fiber([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { a.unlock(); });
  crew.Join();
  // Were a still ours, this would be an inversion and a recursion.
  { MutexLock lock(b); }
  { MutexLock lock(a); }
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, AnotherReaderMayUnlock) {
  Reports reports;
  RWMutex mu;
  Crew crew;
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.lock_shared(); }();
  crew.Fiber([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.unlock_shared(); });
  crew.Join();
  { WriterLock lock(mu); }
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

// A fiber ends while it holds a lock that others unlock; the next fiber lives at the same address.
TEST_P(DeadlockTest, ALaterFiberDoesNotInheritHolds) {
  Reports reports;
  for (int i = 0; i < 8; ++i) {
    Mutex mu;
    Event locked(EventReset::kManual);
    weft::testing::RunInFiber([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.lock(); });
    weft::testing::WaitForNoFibers();
    Crew crew;
    crew.Fiber([&] { MutexLock lock(mu); });
    crew.Fiber([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.unlock(); });
  }
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, ALockThatDiesLockedIsForgotten) {
  Reports reports;
  for (int i = 0; i < 3; ++i) {
    auto mu = std::make_unique<Mutex>();
    [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu->lock(); }();
  }
  Mutex a;
  MutexLock lock(a);
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

TEST_P(DeadlockTest, SwitchesTurnChecksOff) {
  Mutex a, b;
  const auto misbehave = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Nest(a, b);
    Nest(b, a);
    RWMutex c;
    c.lock_shared();
    c.lock_shared();
    c.unlock_shared();
    c.unlock_shared();
  };
  {
    Reports reports({.disable = true});
    misbehave();
    EXPECT_THAT(reports.Kinds(), IsEmpty());
  }
  {
    Reports reports({.disable_lock_order = true});
    misbehave();
    EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kRecursion));
  }
  {
    Reports reports({.disable_recursion = true});
    misbehave();
    EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kInversion));
  }
  {
    Reports reports({.max_pairs = 1});
    misbehave();
    EXPECT_THAT(reports.Kinds(), ElementsAre(ReportKind::kRecursion));
  }
}

TEST_P(DeadlockTest, SwitchingOffWhileLockedIsHarmless) {
  Mutex a, b;
  {
    Reports reports;
    [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      a.lock();
      SetOptions({.disable = true});
      b.lock();
      a.unlock();
      SetOptions({});
      b.unlock();
    }();
  }
  Nest(a, b);
}

// Many locks that are born, nested in order, and die, with a watch on every wait.
TEST_P(DeadlockTest, SurvivesTheHammer) {
  Reports reports({.threshold = absl::Hours(1)});
  const int rounds = weft::testing::Repeat(100);
  std::deque<Mutex> shared(4);
  RWMutex rw;
  int plain = 0;
  Crew crew;
  crew.Mixed(6, [&](int id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (int round = 0; round < rounds; ++round) {
      Mutex own;
      MutexLock outer(own);
      const size_t low = static_cast<size_t>(id + round) % 3;
      MutexLock first(shared[low]);
      if (round % 4 == 0) Gosched();
      MutexLock second(shared[3]);
      ++plain;
      if (round % 8 == 0) {
        WriterLock write(rw);
      } else {
        ReaderLock read(rw);
      }
    }
  });
  crew.Join();
  EXPECT_EQ(plain, 6 * rounds);
  EXPECT_THAT(reports.Kinds(), IsEmpty());
}

class DeadlockDeathTest : public weft::testing::FiberTest {
 protected:
  void SetUp() override {
    FiberTest::SetUp();
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
};

TEST_F(DeadlockDeathTest, ByDefaultAReportEndsTheProcess) {
  Mutex a, b;
  EXPECT_EXIT(
      {
        LocksFirstThenSecond(a, b);
        LocksTheOtherWayRound(a, b);
      },
      ExitedWithCode(2), "potential deadlock: locks in different orders\n(.|\n)*earlier thread ");
}

TEST_F(DeadlockDeathTest, ARealRecursionIsReportedInsteadOfHanging) {
  Mutex mu;
  EXPECT_EXIT(weft::testing::RunInFiber([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                mu.lock();
                mu.lock();
              }),
              ExitedWithCode(2),
              "potential deadlock: recursive lock\nfiber [0-9]+ \\(test\\) locked lock 0x");
}

// Without the lock order the two really meet; the threshold finds them.
void Embrace() {
  SetOptions({.threshold = absl::Milliseconds(10), .disable_lock_order = true});
  Mutex a, b;
  Latch both(2);
  const auto meet = [&](Mutex& first, Mutex& second) {
    MutexLock outer(first);
    both.CountDownAndWait();
    MutexLock inner(second);
  };
  Crew crew;
  crew.Fiber([&] { meet(a, b); });
  crew.Thread([&] { meet(b, a); });
}

TEST_F(DeadlockDeathTest, ARealDeadlockIsReportedByItsWaits) {
  EXPECT_EXIT(Embrace(), ExitedWithCode(2),
              "potential deadlock: long wait\n(.|\n)* held by fiber ");
}

TEST_F(DeadlockDeathTest, UnlockOfAnUnlockedMutexIsAsFatalAsEver) {
  EXPECT_EXIT(
      []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        Mutex mu;
        mu.unlock();
      }(),
      ExitedWithCode(2), "fatal error: sync: unlock of unlocked mutex");
}

}  // namespace
}  // namespace weft::deadlock
