// errgroup.h: fibers that work on parts of one task, of which the first error counts.
//
// Go: golang.org/x/sync/errgroup. The context of WithContext belongs to the group: context().
//   Differences: the group's destructor waits for its fibers.
//
// Thread safety: Go(), TryGo() and Wait() from anywhere. SetLimit(): nobody else at the same time.
// Blocks: Go(): while the limit is reached. Wait() and the destructor: until all have returned. The
//   fiber, or the thread when the caller is not a fiber. The others: nothing.
// Ordering: the end of each function is before the return of Wait().
// Lifetime: functions may refer to what outlives the group, which waits for them.
// Misuse: a panic in a function is not passed on: it ends the process, as in every fiber, for
//   Wait() would report it long after the others went on with what it left broken. SetLimit() while
//   functions run panics.
// Cost: a fiber for each call, its closure on its own stack: about 40 ns, no allocation.
//
//   weft::ErrGroup group(ctx);
//   group.SetLimit(10);
//   for (const Url& url : urls) group.Go([&] { return Fetch(group.context(), url); });
//   if (absl::Status s = group.Wait(); !s.ok()) return s;
#ifndef WEFT_PATTERNS_ERRGROUP_H_
#define WEFT_PATTERNS_ERRGROUP_H_

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/context/context.h"
#include "weft/sync/mutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {

class ErrGroup {
 public:
  // An error cancels nothing.
  ErrGroup() = default;

  // context() is derived from `parent`. It ends with the first error as its cause, or when Wait()
  // returns, whichever comes first.
  explicit ErrGroup(const Context& parent);

  ~ErrGroup();
  ErrGroup(const ErrGroup&) = delete;
  ErrGroup& operator=(const ErrGroup&) = delete;

  // What the functions are to watch. Background() if the group was made without.
  const Context& context() const { return context_; }

  // At most `n` functions at a time: 0 none at all, negative: no limit.
  void SetLimit(int64_t n);

  // Runs fn() -> absl::Status in a new fiber, once the limit allows.
  template <typename Fn>
  void Go(Fn fn) {
    if (limit_) limit_->Acquire();
    Start(std::move(fn));
  }

  // The same if the limit allows it now. Returns whether fn runs.
  template <typename Fn>
  bool TryGo(Fn fn) {
    if (limit_ && !limit_->TryAcquire()) return false;
    Start(std::move(fn));
    return true;
  }

  // Waits for all functions. Returns the first error, or OK.
  absl::Status Wait();

 private:
  template <typename Fn>
  void Start(Fn fn);

  void Fail(absl::Status error);

  Context context_ = Background();
  std::optional<CancelCauseFunc> cancel_;
  // Written by SetLimit(), before the functions run that read it.
  std::optional<Semaphore> limit_;
  int64_t limit_size_ = 0;

  WaitGroup running_;
  Mutex mu_;
  absl::Status first_error_ ABSL_GUARDED_BY(mu_);
};

template <typename Fn>
void ErrGroup::Start(Fn fn) {
  static_assert(std::is_convertible_v<std::invoke_result_t<Fn&>, absl::Status>,
                "a function of an ErrGroup returns an absl::Status");
  running_.Go([this, fn = std::move(fn)]() mutable {
    struct Leave {
      ~Leave() {
        if (group->limit_) group->limit_->Release();
      }
      ErrGroup* group;
    } leave{this};
    if (absl::Status error = fn(); !error.ok()) Fail(std::move(error));
  });
}

}  // namespace weft

#endif  // WEFT_PATTERNS_ERRGROUP_H_
