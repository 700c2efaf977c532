#include "weft/patterns/run_group.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/patterns/panics.h"
#include "weft/sync/waitgroup.h"

namespace weft {

void RunGroup::Add(Actor actor) { actors_.push_back(std::move(actor)); }

absl::Status RunGroup::Run() {
  if (actors_.empty()) return absl::OkStatus();
  // Room for all, so that none but the first needs a receiver.
  auto ended = MakeChan<absl::Status>(static_cast<int64_t>(actors_.size()));
  PanicCatcher panics;
  WaitGroup running;
  for (const Actor& actor : actors_) {
    running.Go([&panics, &actor, ended] {
      // Also when it leaves by Goexit().
      struct Report {
        ~Report() { ended.Send(std::move(result)); }
        const Chan<absl::Status>& ended;
        absl::Status result;
      } report{ended, absl::OkStatus()};
      if (!panics.Try([&] { report.result = actor.execute(); })) {
        report.result = absl::InternalError("an actor panicked");
      }
    });
  }
  const absl::Status first = *ended.Recv();
  // Each by itself: all must be interrupted, or some would never end.
  for (const Actor& actor : actors_) panics.Try([&] { actor.interrupt(first); });
  running.Wait();
  panics.Rethrow();
  return first;
}

RunGroup::Actor ContextActor(const Context& ctx) { return SignalActor(ctx, nullptr); }

RunGroup::Actor SignalActor(const Context& ctx, RecvChan<int> signals) {
  auto [inner, cancel] = WithCancel(ctx);
  return {[ctx, inner = std::move(inner), signals = std::move(signals)] {
            std::optional<int> signal;
            if (Select(OnRecv(signals, &signal), OnDone(inner)) == 1) return ctx.Err();
            if (!signal) return absl::OkStatus();
            return absl::CancelledError(absl::StrCat("received signal ", *signal));
          },
          [cancel = std::move(cancel)](const absl::Status&) { cancel(); }};
}

}  // namespace weft
