// hedge.h: a policy against the slow few: an attempt that takes long is joined by another, and the
// first answer wins.
//
// Go: failsafe-go's hedge policy.
//
// Thread safety: Execute() from anywhere; the operation may be called by several fibers at the same
//   time.
// Blocks: Execute(): until there is a winner, and then until the others, whose context has ended,
//   have returned: they may refer to the caller's frame.
// Ordering: the end of each attempt is before the return of Execute().
// Misuse: for operations that may be done twice. One that does not look at its context gains
//   nothing. A panic in an attempt is thrown when all have ended.
// Cost: a fiber for each attempt, a channel and a context.
//
//   weft::Hedge hedge({.delay = absl::Milliseconds(30)});
//   absl::StatusOr<Page> page =
//       hedge.Execute(ctx, [&](const weft::Context& ctx) { return Fetch(ctx, url); });
#ifndef WEFT_PATTERNS_HEDGE_H_
#define WEFT_PATTERNS_HEDGE_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/policy.h"
#include "weft/patterns/task_group.h"

namespace weft {

struct HedgeOptions {
  // After how long without an answer another attempt begins.
  absl::Duration delay = absl::Milliseconds(100);
  // How many attempts join the first.
  int max_hedges = 1;
};

class Hedge {
 public:
  explicit Hedge(HedgeOptions options = {}) : options_(options) {}

  // Returns the first success; if all attempts that were begun fail, the last one's error. A
  // failure begins no attempt by itself: that is what Retry is for.
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) const {
    using Result = OperationResult<Op>;
    auto [shared, cancel] = WithCancel(ctx);
    // Room for all, so that no attempt waits to be heard. Nothing: a panic, or Goexit().
    auto answers = MakeChan<std::optional<Result>>(options_.max_hedges + 1);
    TaskGroup attempts;
    CancelOnExit stop(cancel);  // before `attempts` waits
    const auto begin = [&, &shared = shared] {
      attempts.Go([&op, &shared, answers] {
        struct Report {
          ~Report() { answers.Send(std::move(answer)); }
          const Chan<std::optional<Result>>& answers;
          std::optional<Result> answer;
        } report{answers, std::nullopt};
        report.answer.emplace(op(shared));
      });
    };
    // Nil, and so never ready, when there are to be no more.
    const auto next_delay = [&](int hedges) {
      return hedges < options_.max_hedges ? After(options_.delay) : RecvChan<absl::Time>();
    };
    begin();
    RecvChan<absl::Time> late = next_delay(0);
    for (int begun = 1, failed = 0;;) {
      std::optional<std::optional<Result>> answer;
      if (Select(OnRecv(answers, &answer), OnRecv(late)) == 1) {
        begin();
        late = next_delay(begun++);
      } else if (!*answer || StatusOf(**answer).ok() || ++failed == begun) {
        cancel();
        attempts.Wait();
        if (!*answer) return absl::AbortedError("an attempt called Goexit");
        return **std::move(answer);
      }
    }
  }

 private:
  const HedgeOptions options_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_HEDGE_H_
