// A condition that can be waited for along with a context, which a Cond cannot: a channel that is
// made when somebody wants to wait, and closed at the next change.
#ifndef WEFT_PATTERNS_INTERNAL_CHANGED_H_
#define WEFT_PATTERNS_INTERNAL_CHANGED_H_

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sync/mutex.h"

namespace weft::patterns_internal {

class Changed {
 public:
  explicit Changed(Mutex& mu) : mu_(mu) {}

  // With the lock held, after each change that somebody may wait for.
  void Notify() {
    if (watch_) std::exchange(watch_, nullptr).Close();
  }

  // With the lock held, which is given up meanwhile: returns after the next Notify(), or with
  // ctx.Err().
  absl::Status Wait(const Context& ctx) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!ctx.Err().ok()) return ctx.Err();
    if (!watch_) watch_ = MakeChan<Empty>();
    const Chan<Empty> watch = watch_;
    mu_.unlock();
    const int ran = Select(OnRecv(watch), OnDone(ctx));
    mu_.lock();
    return ran == 0 ? absl::OkStatus() : ctx.Err();
  }

 private:
  Mutex& mu_;
  Chan<Empty> watch_;  // guarded by mu_; nil while nobody waits
};

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_CHANGED_H_
