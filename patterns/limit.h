// limit.h: never more than n at once.
//
// Go: the buffered channel as a semaphore around `go`; here it also waits for those it started.
//
// Thread safety: all methods.
// Blocks: Go() and Do(): while n are under way. Wait() and the destructor: until none is. The
//   fiber, or the thread when the caller is not a fiber. TryGo(): nothing.
// Ordering: the end of each function is before the return of Wait(), and before the start of the
//   one that gets its place.
// Lifetime: functions may refer to what outlives the Limit, which waits for them.
// Misuse: less than one panics. A function that calls Go() or Do() of its own Limit may wait for
//   its own place. A panic in a function of Go() ends the process, as in every fiber.
// Cost: a place: 5 ns; no allocation. Fibers are cheap: a limit bounds what the functions use
//   (memory, connections, memory of a deep stack), not the fibers.
//
//   weft::Limit limit(10);
//   for (const Url& url : urls) limit.Go([&url] { Fetch(url); });
//   limit.Wait();
#ifndef WEFT_PATTERNS_LIMIT_H_
#define WEFT_PATTERNS_LIMIT_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/release_at_end.h"
#include "weft/sched/panic.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {

class Limit {
 public:
  explicit Limit(int64_t n) : places_(n) {
    if (n < 1) Panic("limit: less than one at once");
  }
  ~Limit() { Wait(); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  // Waits for a place and runs fn() in a new fiber.
  template <typename Fn>
  void Go(Fn fn) {
    places_.Acquire();
    Start(std::move(fn));
  }

  // The same, unless the context ends before there is a place: then its error, and fn is not
  // called.
  template <typename Fn>
  absl::Status Go(const Context& ctx, Fn fn) {
    absl::Status status = places_.Acquire(ctx);
    if (status.ok()) Start(std::move(fn));
    return status;
  }

  // The same if there is a place now. Returns whether fn runs.
  template <typename Fn>
  bool TryGo(Fn fn) {
    if (!places_.TryAcquire()) return false;
    Start(std::move(fn));
    return true;
  }

  // Waits for a place and calls fn() here; panics pass through. The context's error if it ends
  // before.
  template <typename Fn>
  absl::Status Do(const Context& ctx, Fn&& fn) {
    absl::Status status = places_.Acquire(ctx);
    if (!status.ok()) return status;
    const patterns_internal::ReleaseAtEnd leave(places_);
    std::forward<Fn>(fn)();
    return status;
  }

  // Returns when nothing that Go() and TryGo() have started runs any more.
  void Wait() { running_.Wait(); }

 private:
  template <typename Fn>
  void Start(Fn fn) {
    running_.Go([this, fn = std::move(fn)]() mutable {
      const patterns_internal::ReleaseAtEnd leave(places_);
      fn();
    });
  }

  Semaphore places_;
  WaitGroup running_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_LIMIT_H_
