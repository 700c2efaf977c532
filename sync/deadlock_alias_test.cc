// The alias of deadlock.h, compiled with and without its define: the same code must do for both
// kinds of locks.
#include <mutex>
#include <type_traits>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sync/cond.h"

#ifdef MYPROGRAM_DEBUG_LOCKS
#include "weft/sync/deadlock.h"
namespace myprogram::locks {
using namespace weft::deadlock;
}
#else
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
namespace myprogram::locks {
using weft::Mutex, weft::MutexLock, weft::ReaderLock, weft::RWMutex, weft::WriterLock;
}
#endif

namespace myprogram {
namespace {

static_assert(!std::is_copy_constructible_v<locks::Mutex> &&
              !std::is_copy_constructible_v<locks::RWMutex>);

constinit locks::Mutex global;

void UseMutexes() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  { locks::MutexLock lock(global); }
  locks::Mutex mu;
  { std::scoped_lock both(mu, global); }
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
  if (mu.TryLockFor(absl::ZeroDuration())) mu.unlock();
  if (mu.TryLockUntil(absl::InfinitePast())) mu.unlock();
  weft::Cond cond(mu);
  std::unique_lock<locks::Mutex> lock(mu);
  EXPECT_FALSE(cond.WaitFor(absl::Milliseconds(1)));
}

void UseRWMutexes() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  locks::RWMutex mu;
  { locks::WriterLock lock(mu); }
  { locks::ReaderLock lock(mu); }
  auto reader = mu.RLocker();
  reader.lock();
  EXPECT_TRUE(reader.try_lock());
  EXPECT_FALSE(mu.try_lock());
  reader.unlock();
  reader.unlock();
  if (mu.try_lock()) mu.unlock();
  if (mu.try_lock_shared()) mu.unlock_shared();
  if (mu.TryLockFor(absl::ZeroDuration())) mu.unlock();
  if (mu.TryLockUntil(absl::InfinitePast())) mu.unlock();
  if (mu.TryLockSharedFor(absl::ZeroDuration())) mu.unlock_shared();
  if (mu.TryLockSharedUntil(absl::InfinitePast())) mu.unlock_shared();
}

TEST(DeadlockAliasTest, MutexesAreUsedAlike) { UseMutexes(); }
TEST(DeadlockAliasTest, RWMutexesAreUsedAlike) { UseRWMutexes(); }

}  // namespace
}  // namespace myprogram
