// backoff_ticker.h: a ticker whose intervals grow.
//
// Go: github.com/cenkalti/backoff: Ticker. Differences: it ends with a context, too, and after a
//   number of ticks; there is no Stop interval.
//
// Thread safety: all methods.
// Blocks: Stop() and the destructor: until the ticker's fiber has ended, which waits for nobody.
// Ordering: of the channel.
// Lifetime: the channel outlives the ticker, closed.
// Misuse: options that make no sense panic, as those of Backoff.
// Cost: a fiber; for each tick a sleep and a send.
//
// The first tick comes at once. The next interval begins when a tick is received: ticks that nobody
// wants do not pile up, and who works long on one does not find the next waiting.
//
//   weft::BackoffTicker attempts(ctx, {.initial = absl::Milliseconds(10)}, 5);
//   while (attempts.ticks().Recv().has_value()) {
//     if (Connect().ok()) break;
//   }
#ifndef WEFT_PATTERNS_BACKOFF_TICKER_H_
#define WEFT_PATTERNS_BACKOFF_TICKER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/backoff.h"
#include "weft/sync/waitgroup.h"

namespace weft {

class BackoffTicker {
 public:
  // Ticks until `ctx` ends, or Stop(), or `max_ticks` were received; 0: any number.
  explicit BackoffTicker(const Context& ctx = Background(), BackoffOptions options = {},
                         int64_t max_ticks = 0);
  ~BackoffTicker() { Stop(); }
  BackoffTicker(const BackoffTicker&) = delete;
  BackoffTicker& operator=(const BackoffTicker&) = delete;

  // The times at which ticks were due. Closed at the end.
  RecvChan<absl::Time> ticks() const { return ticks_; }

  void Stop();

 private:
  void Run(Backoff backoff, int64_t max_ticks);

  const Chan<absl::Time> ticks_ = MakeChan<absl::Time>();
  Context context_;
  CancelFunc cancel_;
  WaitGroup fiber_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BACKOFF_TICKER_H_
