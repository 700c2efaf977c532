// once_closer.h: lets many close a channel that must be closed once.
//
// Go: sync.Once around close(c), for signals such as "quit" that anybody may give. Here the turn to
//   close is itself an element in a channel: whoever receives it closes, and then closes the
//   channel of turns.
//
// Thread safety: Close() may be called by any number at the same time; copies of a closer share its
//   turn.
// Blocks: Close(): while another is about to close.
// Ordering: what was done before the Close() that closed is before the return of every Close().
// Lifetime: holds a handle to the channel.
// Misuse: a close of the channel by other means makes the first Close() panic, and none after it.
//   Nil panics as well.
// Cost: a channel; Close(): one receive.
//
//   weft::OnceCloser quit(weft::MakeChan<weft::Empty>());
//   weft::Go([quit] { Listen(); quit.Close(); });
//   weft::Go([quit] { Watch(); quit.Close(); });
//   quit.chan().Recv();
#ifndef WEFT_CHAN_IDIOMS_ONCE_CLOSER_H_
#define WEFT_CHAN_IDIOMS_ONCE_CLOSER_H_

#include <utility>

#include "weft/chan/chan.h"

namespace weft {

template <typename T>
class OnceCloser {
 public:
  explicit OnceCloser(Chan<T> channel) : channel_(std::move(channel)) { turn_.Send({}); }

  // Afterwards the channel is closed, whoever did it. True: this call did.
  bool Close() const {
    if (!turn_.Recv()) return false;
    struct NoMoreTurns {
      ~NoMoreTurns() { turn.Close(); }
      const Chan<Empty>& turn;
    } no_more_turns{turn_};
    channel_.Close();
    return true;
  }

  const Chan<T>& chan() const { return channel_; }

 private:
  Chan<T> channel_;
  Chan<Empty> turn_ = MakeChan<Empty>(1);
};

}  // namespace weft

#endif  // WEFT_CHAN_IDIOMS_ONCE_CLOSER_H_
