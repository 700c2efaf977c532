// Random programs of locks against references that say who holds and who waits after each step.
#include <deque>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/testing/actors.h"

// What is tested here is what the analysis forbids.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::Actors;

constexpr int kActors = 5;
constexpr absl::Duration kShort = absl::Microseconds(200);
constexpr absl::Duration kLong = absl::Hours(1);

// Readers and writers as Go rules: a waiting writer keeps readers out; all readers that wait go
// when a writer leaves; a writer goes when the last reader leaves. A mutex is the same with writers
// only.
class ReferenceLock {
 public:
  // Returns whether it got the lock at once; if not, it waits.
  bool Lock(int who, bool shared) {
    if (TryLock(shared)) return true;
    (shared ? readers_ : writers_).push_back(who);
    return false;
  }
  bool TryLock(bool shared) {
    if (writer_ || !readers_.empty() || !writers_.empty() || (!shared && shares_ > 0)) return false;
    if (shared) {
      ++shares_;
    } else {
      writer_ = true;
    }
    return true;
  }
  void Unlock() {
    writer_ = false;
    if (readers_.empty()) return NextWriter();
    NextReaders();
  }
  void UnlockShared() {
    if (--shares_ > 0) return;
    writers_.empty() ? NextReaders() : NextWriter();
  }
  void GiveUp(int who, bool shared) {
    std::erase(shared ? readers_ : writers_, who);
    if (!writer_ && writers_.empty()) NextReaders();
  }

  bool writer() const { return writer_; }
  int shares() const { return shares_; }
  std::set<int> Waiting() const {
    std::set<int> waiting(readers_.begin(), readers_.end());
    waiting.insert(writers_.begin(), writers_.end());
    return waiting;
  }

 private:
  void NextWriter() {
    if (writers_.empty()) return;
    writers_.pop_front();
    writer_ = true;
  }
  void NextReaders() {
    shares_ += static_cast<int>(readers_.size());
    readers_.clear();
  }

  bool writer_ = false;
  int shares_ = 0;
  std::deque<int> readers_, writers_;
};

// One interface to both locks; a Mutex has no readers.
struct MutexSubject {
  static constexpr bool kShared = false;
  void Lock(bool) { lock.lock(); }
  bool TryLock(bool) { return lock.try_lock(); }
  bool TryLockFor(bool, absl::Duration d) { return lock.TryLockFor(d); }
  void Unlock() { lock.unlock(); }
  void UnlockShared() {}
  Mutex lock;
};

struct RWMutexSubject {
  static constexpr bool kShared = true;
  void Lock(bool shared) { shared ? lock.lock_shared() : lock.lock(); }
  bool TryLock(bool shared) { return shared ? lock.try_lock_shared() : lock.try_lock(); }
  bool TryLockFor(bool shared, absl::Duration d) {
    return shared ? lock.TryLockSharedFor(d) : lock.TryLockFor(d);
  }
  void Unlock() { lock.unlock(); }
  void UnlockShared() { lock.unlock_shared(); }
  RWMutex lock;
};

template <typename Subject>
class LockProgram {
 public:
  explicit LockProgram(uint64_t seed) : random_(seed) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) Step();
    Unwind();
  }

 private:
  // One step of the program; then both must agree.
  void Step() {
    const bool shared = Subject::kShared && random_() % 2 == 0;
    const int who = static_cast<int>(random_() % kActors);
    if (random_() % 3 == 0 || actors_.busy(who)) {
      Unlock();
    } else {
      switch (random_() % 4) {
        case 0:
          Lock(who, shared);
          break;
        case 1:
          Try(who, shared);
          break;
        case 2:
          LockWithin(who, shared, kLong);
          break;
        case 3:
          LockWithin(who, shared, kShort);
          break;
      }
    }
    Compare();
  }

  void Lock(int who, bool shared) {
    log_ += Name("Lock", who, shared);
    reference_.Lock(who, shared);
    actors_.Do(who, [this, shared] { subject_.Lock(shared); });
  }

  void Try(int who, bool shared) {
    log_ += Name("Try", who, shared);
    bool got = false;
    // A time that is over is a try, too.
    const bool timed = random_() % 2 == 0;
    actors_.Do(who, [&, shared, timed] {
      got = timed ? subject_.TryLockFor(shared, absl::ZeroDuration()) : subject_.TryLock(shared);
    });
    EXPECT_EQ(got, reference_.TryLock(shared)) << log_;
  }

  void LockWithin(int who, bool shared, absl::Duration timeout) {
    log_ += Name(timeout == kShort ? "LockShort" : "LockLong", who, shared);
    const bool at_once = reference_.Lock(who, shared);
    const bool expected = at_once || timeout == kLong;
    actors_.Do(who, [this, shared, timeout, expected, log = log_] {
      EXPECT_EQ(subject_.TryLockFor(shared, timeout), expected) << log;
    });
    if (expected) return;
    actors_.Await(who);
    reference_.GiveUp(who, shared);
  }

  // Locks have no owner: the test itself unlocks.
  void Unlock() {
    if (reference_.writer()) {
      log_ += "Unlock ";
      reference_.Unlock();
      subject_.Unlock();
    } else if (reference_.shares() > 0) {
      log_ += "RUnlock ";
      reference_.UnlockShared();
      subject_.UnlockShared();
    }
    actors_.Settle();
  }

  void Compare() { EXPECT_EQ(actors_.Blocked(), reference_.Waiting()) << log_; }

  void Unwind() {
    while (reference_.writer() || reference_.shares() > 0) Unlock();
    Compare();
  }

  static std::string Name(const char* what, int who, bool shared) {
    return std::string(shared ? "R" : "") + what + "(" + std::to_string(who) + ") ";
  }

  std::mt19937_64 random_;
  std::string log_;
  ReferenceLock reference_;
  Subject subject_;
  Actors actors_{kActors};
};

class LockPropertyTest : public testing::FiberTest {
 protected:
  template <typename Subject>
  void RunPrograms() {
    GOMAXPROCS(1);
    const uint64_t seed = testing::Seed();
    testing::RunInFiber([seed] {
      const int programs = testing::Repeat(40);
      for (int i = 0; i < programs && !HasFailure(); ++i) LockProgram<Subject>(seed + i).Run(60);
    });
  }
};

TEST_F(LockPropertyTest, MutexDoesAsItsReference) { RunPrograms<MutexSubject>(); }
TEST_F(LockPropertyTest, RWMutexDoesAsItsReference) { RunPrograms<RWMutexSubject>(); }

}  // namespace
}  // namespace weft
