#include "weft/sync/deadlock.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/lock_order/lock_graph.h"
#include "weft/sync/internal/lock_order/lock_site.h"
#include "weft/sync/internal/waiter.h"

namespace weft::deadlock {

using sync_internal::LockGraph;
using sync_internal::LockSite;
using sync_internal::LockUser;

namespace {

using Id = LockGraph::Id;

std::string Ago(int64_t since_ns) {
  return absl::FormatDuration(
      absl::Trunc(absl::Nanoseconds(MonotonicNanos() - since_ns), absl::Milliseconds(1)));
}

}  // namespace

// Who holds and who wants which lock, and in which orders that happened. One lock guards it all:
// that of threads, since it is held across allocations but never across a park.
class Registry {
 public:
  static Registry& Instance() {
    static auto* const registry = new Registry;
    return *registry;
  }

  // Relaxed: a switch.
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }

  void SetOptions(Options options);

  // `site` is about to wait for the lock, if need be.
  void Want(Record* record, const void* address, const LockSite& site);
  void Got(Record* record, const void* address, const LockSite& site, bool shared);
  void Leave(Record* record, bool shared);
  void Forget(Record* record);

  // Of a wait that has begun. Returns its number; `deadline_ns` is when it will have been long.
  uint64_t BeginWait(Record* record, const LockSite& site, int64_t* deadline_ns);
  void EndWait(uint64_t wait);
  void ReportIfStillWaiting(uint64_t wait);

 private:
  struct Hold {
    LockSite site;
    int64_t since_ns;
    bool shared;
  };
  struct Lock {
    const void* address;
    std::vector<Hold> holds;
  };
  struct Wait {
    Id lock;
    LockSite site;
  };
  struct HashUser {
    size_t operator()(const LockUser& user) const {
      return std::hash<uint64_t>()(user.id * 2 + user.is_fiber);
    }
  };

  // With mutex_ held, which clang's analysis does not know as a lock.
  Id IdOf(Record* record, const void* address);
  const Hold& HoldOf(Id lock, const LockUser& user) const;
  void NoLongerHeldBy(const LockUser& user, Id lock);
  std::string Name(Id lock) const;
  std::string InversionText(const std::vector<LockGraph::Edge>& cycle) const;
  std::string RecursionText(Id lock, const LockSite& wanted) const;
  std::string LongWaitText(const Wait& wait) const;

  // Without mutex_.
  void Deliver(const Report& report);

  sched_internal::Atom<bool> enabled_{true};
  // Guards what follows.
  std::mutex mutex_;
  Options options_;
  Id last_id_ = 0;
  uint64_t last_wait_ = 0;
  LockGraph graph_;
  // In the order in which they were first locked, for reports.
  std::map<Id, Lock> locks_;
  std::unordered_map<LockUser, std::vector<Id>, HashUser> held_;
  std::map<uint64_t, Wait> waits_;
};

void Registry::SetOptions(Options options) {
  std::lock_guard<std::mutex> hold(mutex_);
  // Relaxed: as in enabled().
  enabled_.store(!options.disable, std::memory_order_relaxed);
  options_ = std::move(options);
  graph_.Clear();
}

Id Registry::IdOf(Record* record, const void* address) {
  // Relaxed: written under mutex_.
  Id id = record->id_.load(std::memory_order_relaxed);
  if (id == 0) {
    id = ++last_id_;
    record->id_.store(id, std::memory_order_relaxed);
    locks_.try_emplace(id, Lock{address, {}});
  }
  return id;
}

void Registry::Want(Record* record, const void* address, const LockSite& site) {
  std::vector<Report> reports;
  {
    std::lock_guard<std::mutex> hold(mutex_);
    const Id wanted = IdOf(record, address);
    const auto mine = held_.find(site.user);
    if (mine == held_.end()) return;
    if (graph_.edges() >= options_.max_pairs) graph_.Clear();
    for (const Id held : mine->second) {
      if (held == wanted) {
        if (!options_.disable_recursion)
          reports.push_back({ReportKind::kRecursion, RecursionText(held, site)});
      } else if (!options_.disable_lock_order) {
        const auto cycle = graph_.Add({held, wanted, HoldOf(held, site.user).site, site});
        if (!cycle.empty()) reports.push_back({ReportKind::kInversion, InversionText(cycle)});
      }
    }
  }
  for (const Report& report : reports) Deliver(report);
}

void Registry::Got(Record* record, const void* address, const LockSite& site, bool shared) {
  std::lock_guard<std::mutex> hold(mutex_);
  const Id id = IdOf(record, address);
  locks_.at(id).holds.push_back({site, MonotonicNanos(), shared});
  held_[site.user].push_back(id);
}

// By the holder or by another. Among readers, whose share an outsider gives back is not known: the
// oldest.
void Registry::Leave(Record* record, bool shared) {
  // Relaxed: not zero if it was locked while we watched, which the caller's lock has ordered.
  const Id id = record->id_.load(std::memory_order_relaxed);
  if (id == 0) return;
  const LockUser caller = LockUser::Caller();
  std::lock_guard<std::mutex> hold(mutex_);
  std::vector<Hold>& holds = locks_.at(id).holds;
  auto leaving = std::find_if(holds.begin(), holds.end(), [&](const Hold& h) {
    return h.shared == shared && h.site.user == caller;
  });
  if (leaving == holds.end()) {
    leaving =
        std::find_if(holds.begin(), holds.end(), [&](const Hold& h) { return h.shared == shared; });
  }
  if (leaving == holds.end()) return;
  NoLongerHeldBy(leaving->site.user, id);
  holds.erase(leaving);
}

void Registry::Forget(Record* record) {
  // Relaxed: who destroys a lock knows that nobody uses it.
  const Id id = record->id_.load(std::memory_order_relaxed);
  if (id == 0) return;
  std::lock_guard<std::mutex> hold(mutex_);
  const auto found = locks_.find(id);
  for (const Hold& held : found->second.holds) NoLongerHeldBy(held.site.user, id);
  locks_.erase(found);
  graph_.Remove(id);
}

const Registry::Hold& Registry::HoldOf(Id lock, const LockUser& user) const {
  const std::vector<Hold>& holds = locks_.at(lock).holds;
  return *std::find_if(holds.begin(), holds.end(),
                       [&](const Hold& hold) { return hold.site.user == user; });
}

void Registry::NoLongerHeldBy(const LockUser& user, Id lock) {
  const auto found = held_.find(user);
  std::vector<Id>& locks = found->second;
  locks.erase(std::find(locks.begin(), locks.end(), lock));
  if (locks.empty()) held_.erase(found);
}

uint64_t Registry::BeginWait(Record* record, const LockSite& site, int64_t* deadline_ns) {
  std::lock_guard<std::mutex> hold(mutex_);
  *deadline_ns = sync_internal::DeadlineAfter(options_.threshold);
  // Relaxed: written by our own Want().
  waits_.try_emplace(++last_wait_, Wait{record->id_.load(std::memory_order_relaxed), site});
  return last_wait_;
}

void Registry::EndWait(uint64_t wait) {
  std::lock_guard<std::mutex> hold(mutex_);
  waits_.erase(wait);
}

void Registry::ReportIfStillWaiting(uint64_t wait) {
  Report report{ReportKind::kLongWait, ""};
  {
    std::lock_guard<std::mutex> hold(mutex_);
    const auto found = waits_.find(wait);
    if (found == waits_.end()) return;
    report.text = LongWaitText(found->second);
  }
  Deliver(report);
}

std::string Registry::Name(Id lock) const {
  return absl::StrFormat("lock %p", locks_.at(lock).address);
}

std::string Registry::InversionText(const std::vector<LockGraph::Edge>& cycle) const {
  std::string text = "potential deadlock: locks in different orders\n";
  for (size_t i = 0; i < cycle.size(); ++i) {
    const LockGraph::Edge& edge = cycle[i];
    absl::StrAppendFormat(&text, "%s%s locked %s at:\n", i == 0 ? "" : "earlier ",
                          edge.held.user.Text(), Name(edge.from));
    edge.held.AppendStack(&text);
    absl::StrAppendFormat(&text, "  and %s %s at:\n", i == 0 ? "now wants" : "then wanted",
                          Name(edge.to));
    edge.wanted.AppendStack(&text);
  }
  return text;
}

std::string Registry::RecursionText(Id lock, const LockSite& wanted) const {
  std::string text = "potential deadlock: recursive lock\n";
  absl::StrAppendFormat(&text, "%s locked %s at:\n", wanted.user.Text(), Name(lock));
  HoldOf(lock, wanted.user).site.AppendStack(&text);
  absl::StrAppendFormat(&text, "  and now wants %s again at:\n", Name(lock));
  wanted.AppendStack(&text);
  return text;
}

std::string Registry::LongWaitText(const Wait& wait) const {
  std::string text = "potential deadlock: long wait\n";
  absl::StrAppendFormat(&text, "%s has waited %s for %s at:\n", wait.site.user.Text(),
                        Ago(wait.site.at_ns), Name(wait.lock));
  wait.site.AppendStack(&text);
  for (const Hold& hold : locks_.at(wait.lock).holds) {
    absl::StrAppendFormat(&text, "%s has held it%s for %s, locked at:\n", hold.site.user.Text(),
                          hold.shared ? " as a reader" : "", Ago(hold.since_ns));
    hold.site.AppendStack(&text);
  }
  text += "all locks:\n";
  for (const auto& [id, lock] : locks_) {
    for (const Hold& hold : lock.holds) {
      absl::StrAppendFormat(&text, "  %s held by %s%s for %s\n", Name(id), hold.site.user.Text(),
                            hold.shared ? " as a reader" : "", Ago(hold.since_ns));
    }
  }
  for (const auto& [number, other] : waits_) {
    absl::StrAppendFormat(&text, "  %s wanted by %s for %s\n", Name(other.lock),
                          other.site.user.Text(), Ago(other.site.at_ns));
  }
  return text;
}

void Registry::Deliver(const Report& report) {
  std::function<void(const Report&)> on_report;
  {
    std::lock_guard<std::mutex> hold(mutex_);
    on_report = options_.on_report;
  }
  if (on_report != nullptr) return on_report(report);
  sched_internal::WriteError(report.text);
  _exit(2);
}

namespace {

// A wait for a lock, from its beginning to its end.
class Watch : public SchedTimer {
 public:
  Watch(Record* record, const LockSite& site) : SchedTimer(&Fire) {
    int64_t deadline_ns;
    wait_ = Registry::Instance().BeginWait(record, site, &deadline_ns);
    armed_ = deadline_ns != sync_internal::kNever;
    if (armed_) Arm(deadline_ns);
  }
  ~Watch() {
    if (armed_) CancelAndWait();
    Registry::Instance().EndWait(wait_);
  }

 private:
  // In a fiber, because the report takes time and may block.
  static void Fire(SchedTimer* timer, int64_t) {
    Go({.name = "deadlock report"}, [wait = static_cast<Watch*>(timer)->wait_] {
      Registry::Instance().ReportIfStillWaiting(wait);
    });
  }

  uint64_t wait_;
  bool armed_;
};

template <typename Try, typename Lock>
void LockWatched(Record* record, const void* address, bool shared, Try try_lock, Lock lock) {
  Registry& registry = Registry::Instance();
  if (!registry.enabled()) return lock();
  const LockSite site = LockSite::Here();
  registry.Want(record, address, site);
  if (!try_lock()) {
    Watch watch(record, site);
    lock();
  }
  registry.Got(record, address, site, shared);
}

// Of a form that may fail. Returns `got`.
bool Noted(bool got, Record* record, const void* address, bool shared) {
  Registry& registry = Registry::Instance();
  if (got && registry.enabled()) registry.Got(record, address, LockSite::Here(), shared);
  return got;
}

}  // namespace

void SetOptions(Options options) { Registry::Instance().SetOptions(std::move(options)); }

Record::~Record() { Registry::Instance().Forget(this); }

void Mutex::lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  LockWatched(
      &record_, this, false, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return mutex_.try_lock(); },
      [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); });
}

bool Mutex::TryLockFor(absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockFor(timeout), &record_, this, false);
}

bool Mutex::TryLockUntil(absl::Time deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockUntil(deadline), &record_, this, false);
}

bool Mutex::try_lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.try_lock(), &record_, this, false);
}

// Noted first: once the mutex is free, it may die.
void Mutex::unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Registry::Instance().Leave(&record_, false);
  mutex_.unlock();
}

void RWMutex::lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  LockWatched(
      &record_, this, false, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return mutex_.try_lock(); },
      [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); });
}

bool RWMutex::TryLockFor(absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockFor(timeout), &record_, this, false);
}

bool RWMutex::TryLockUntil(absl::Time deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockUntil(deadline), &record_, this, false);
}

void RWMutex::lock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  LockWatched(
      &record_, this, true,
      [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return mutex_.try_lock_shared(); },
      [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock_shared(); });
}

bool RWMutex::TryLockSharedFor(absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockSharedFor(timeout), &record_, this, true);
}

bool RWMutex::TryLockSharedUntil(absl::Time deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.TryLockSharedUntil(deadline), &record_, this, true);
}

void RWMutex::unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Registry::Instance().Leave(&record_, false);
  mutex_.unlock();
}

void RWMutex::unlock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Registry::Instance().Leave(&record_, true);
  mutex_.unlock_shared();
}

bool RWMutex::try_lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.try_lock(), &record_, this, false);
}

bool RWMutex::try_lock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return Noted(mutex_.try_lock_shared(), &record_, this, true);
}

}  // namespace weft::deadlock
