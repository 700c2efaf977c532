#include "weft/patterns/backoff_ticker.h"

#include <utility>

#include "weft/chan/select.h"
#include "weft/context/sleep.h"
#include "weft/sched/timer.h"

namespace weft {

BackoffTicker::BackoffTicker(const Context& ctx, BackoffOptions options, int64_t max_ticks) {
  Backoff backoff(std::move(options));
  auto [context, cancel] = WithCancel(ctx);
  context_ = std::move(context);
  cancel_ = std::move(cancel);
  fiber_.Go([this, backoff = std::move(backoff), max_ticks]() mutable {
    Run(std::move(backoff), max_ticks);
  });
}

void BackoffTicker::Run(Backoff backoff, int64_t max_ticks) {
  for (int64_t tick = 1;; ++tick) {
    if (Select(OnSend(ticks_, WallNow()), OnDone(context_)) == 1 || tick == max_ticks) break;
    if (!Sleep(context_, backoff.Next()).ok()) break;
  }
  ticks_.Close();
}

void BackoffTicker::Stop() {
  cancel_();
  fiber_.Wait();
}

}  // namespace weft
