// cancel_source.h: the simplest thing that can be cancelled, for tests of what waits on behalf of a
// context.
#ifndef WEFT_SYNC_TESTING_CANCEL_SOURCE_H_
#define WEFT_SYNC_TESTING_CANCEL_SOURCE_H_

#include <mutex>
#include <set>

#include "absl/status/status.h"
#include "weft/sync/cancellation.h"

namespace weft::sync_testing {

class CancelSource {
 public:
  absl::Status Err() const {
    std::lock_guard<std::mutex> lock(mu_);
    return cancelled_ ? absl::CancelledError("context canceled") : absl::OkStatus();
  }

  bool Watch(CancelWatcher* watcher) const {
    std::lock_guard<std::mutex> lock(mu_);
    if (!cancelled_) watchers_.insert(watcher);
    return !cancelled_;
  }

  void Unwatch(CancelWatcher* watcher) const {
    std::lock_guard<std::mutex> lock(mu_);
    watchers_.erase(watcher);
  }

  void Cancel() {
    std::lock_guard<std::mutex> lock(mu_);
    cancelled_ = true;
    for (CancelWatcher* watcher : watchers_) watcher->Notify();
    watchers_.clear();
  }

 private:
  mutable std::mutex mu_;
  bool cancelled_ = false;
  mutable std::set<CancelWatcher*> watchers_;
};

}  // namespace weft::sync_testing

#endif  // WEFT_SYNC_TESTING_CANCEL_SOURCE_H_
