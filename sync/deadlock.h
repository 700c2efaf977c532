// deadlock.h: locks that notice deadlocks, also those that did not happen this time.
//
// They stand in for Mutex and RWMutex while a program is tested, and report:
//   an inversion    A was locked and then B wanted; elsewhere, ever, B was locked and then A wanted
//                   (or a longer circle)
//   a recursion     a lock is wanted by who holds it, which for a reader deadlocks as soon as a
//                   writer comes between
//   a long wait     for a lock, longer than a threshold, with all who hold or want locks
// with the stacks of where each lock was taken and wanted.
//
// Go: github.com/sasha-s/go-deadlock.
//
// Thread safety: as Mutex and RWMutex; SetOptions() at any time.
// Blocks: as Mutex and RWMutex. All locks share the detector's own lock for moments, so that they
//   scale no longer.
// Ordering: as Mutex and RWMutex, and by the detector's lock more than they promise: a race that
//   ThreadSanitizer finds between users of plain locks may hide here.
// Lifetime: as Mutex and RWMutex. A lock that dies is forgotten: a new one at its address begins
//   anew.
// Misuse: as Mutex and RWMutex.
// Cost: some microseconds for each lock(), for the stack; 16 and 32 bytes, and some 500 bytes for
//   each pair of locks that were ever nested. Whoever uses weft::Mutex pays nothing: these are
//   other types. To change all locks of a program by one define of its own build, name them through
//   an alias:
//
//     #ifdef MYPROGRAM_DEBUG_LOCKS                        // in one header of the program
//     #include "weft/sync/deadlock.h"
//     namespace myprogram::locks { using namespace weft::deadlock; }
//     #else
//     #include "weft/sync/mutex.h"
//     #include "weft/sync/rwmutex.h"
//     namespace myprogram::locks {
//     using weft::Mutex, weft::MutexLock, weft::ReaderLock, weft::RWMutex, weft::WriterLock;
//     }
//     #endif
//
//     locks::Mutex mu;                                    // everywhere else
//     locks::MutexLock lock(mu);
//
// try_lock() and the timed forms cannot deadlock: what they take counts as held, but not as wanted.
// A lock belongs to who locked it until anybody unlocks it. It is reported, too, if an outer lock
// or a phase of the program keeps the two orders of an inversion apart: they still depend on it.
// Each pair of locks is reported once.
#ifndef WEFT_SYNC_DEADLOCK_H_
#define WEFT_SYNC_DEADLOCK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sync/internal/guard.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"

namespace weft::deadlock {

enum class ReportKind : uint8_t { kInversion, kRecursion, kLongWait };

struct Report {
  ReportKind kind;
  std::string text;
};

struct Options {
  // Null: prints the report to stderr and ends the process with status 2. Inversions and recursions
  // are reported by who is about to lock, and a call that throws prevents that; long waits by a
  // fiber of their own. It may block, and runs with the caller's locks held. There may be several
  // calls at a time.
  std::function<void(const Report&)> on_report = nullptr;

  // How long a wait is long; infinite: never. While somebody waits, the runtime's own check for
  // `all fibers are asleep` waits, too.
  absl::Duration threshold = absl::Seconds(30);

  bool disable = false;  // everything
  bool disable_lock_order = false;
  // For a mutex that is locked twice, for another to unlock it in between.
  bool disable_recursion = false;

  // Pairs of locks to remember; if there are more, all are forgotten.
  size_t max_pairs = 1 << 16;
};

// Also forgets the orders seen so far.
void SetOptions(Options options);

class Registry;

// What the registry knows a lock by.
class Record {
 public:
  constexpr Record() = default;
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

 private:
  friend class Registry;

  // 0: not known yet. Given under the registry's lock.
  sched_internal::Atom<uint64_t> id_{0};
};

class ABSL_LOCKABLE Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION();
  bool TryLockFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool TryLockUntil(absl::Time deadline) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  void unlock() ABSL_UNLOCK_FUNCTION();
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

 private:
  weft::Mutex mutex_;
  Record record_;
};

class RWMutex;
using RLocker = sync_internal::ReadersSide<RWMutex>;

class ABSL_LOCKABLE RWMutex {
 public:
  RWMutex() = default;
  RWMutex(const RWMutex&) = delete;
  RWMutex& operator=(const RWMutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION();
  bool TryLockFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool TryLockUntil(absl::Time deadline) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  void lock_shared() ABSL_SHARED_LOCK_FUNCTION();
  bool TryLockSharedFor(absl::Duration timeout) ABSL_SHARED_TRYLOCK_FUNCTION(true);
  bool TryLockSharedUntil(absl::Time deadline) ABSL_SHARED_TRYLOCK_FUNCTION(true);
  void unlock() ABSL_UNLOCK_FUNCTION();
  void unlock_shared() ABSL_UNLOCK_FUNCTION();
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool try_lock_shared() ABSL_SHARED_TRYLOCK_FUNCTION(true);

  deadlock::RLocker RLocker();

 private:
  weft::RWMutex mutex_;
  Record record_;
};

inline RLocker RWMutex::RLocker() { return deadlock::RLocker(this); }

using MutexLock = sync_internal::ExclusiveGuard<Mutex>;
using WriterLock = sync_internal::ExclusiveGuard<RWMutex>;
using ReaderLock = sync_internal::SharedGuard<RWMutex>;

}  // namespace weft::deadlock

#endif  // WEFT_SYNC_DEADLOCK_H_
