// chan_semaphore.h: a limit on how many do something at the same time, made of a buffered channel.
//
// Go: `sem <- struct{}{}` to acquire and `<-sem` to release. sync/semaphore.h has weights, first
//   come first served among them, and waits for a context; this one can be a case of a select.
//
// Thread safety: all methods; copies share the permits.
// Blocks: Acquire() and Hold: until there is a permit. The others: nothing.
// Ordering: a release is before the return of the acquire that gets its permit.
// Lifetime: as a channel's: with the last copy.
// Misuse: a release without an acquire panics where it can be seen. A capacity below one panics.
// Cost: acquire or release without waiting: a send or receive into a buffer, about 2.5 ns. One
//   channel.
//
//   weft::ChanSemaphore limit(4);
//   for (const Url& url : urls) {
//     weft::Go([limit, url] { weft::ChanSemaphore::Hold hold(limit); Fetch(url); });
//   }
//
//   switch (weft::Select(limit.OnAcquire(), weft::OnRecv(quit))) { … }
#ifndef WEFT_CHAN_IDIOMS_CHAN_SEMAPHORE_H_
#define WEFT_CHAN_IDIOMS_CHAN_SEMAPHORE_H_

#include <cstdint>
#include <utility>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/panic.h"

namespace weft {

class ChanSemaphore {
 public:
  explicit ChanSemaphore(int64_t permits) {
    if (permits < 1) Panic("ChanSemaphore: no permits");
    taken_ = MakeChan<Empty>(permits);
  }

  void Acquire() const { taken_.Send({}); }
  bool TryAcquire() const { return taken_.TrySend(Empty()); }
  void Release() const {
    if (!taken_.TryRecv()) Panic("ChanSemaphore: release without acquire");
  }

  // Acquire() as a case of a select.
  auto OnAcquire() const { return OnSend(Chan<Empty>(taken_), Empty()); }

  // How many permits are taken, and how many there are.
  int64_t taken() const { return taken_.len(); }
  int64_t permits() const { return taken_.cap(); }

  class Hold;

 private:
  Chan<Empty> taken_;  // an element for each permit that is taken
};

// A permit for the length of a scope.
class ChanSemaphore::Hold {
 public:
  explicit Hold(ChanSemaphore semaphore) : semaphore_(std::move(semaphore)) {
    semaphore_.Acquire();
  }
  ~Hold() { semaphore_.Release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  const ChanSemaphore semaphore_;
};

}  // namespace weft

#endif  // WEFT_CHAN_IDIOMS_CHAN_SEMAPHORE_H_
