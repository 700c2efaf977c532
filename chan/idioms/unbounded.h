// unbounded.h: a channel whose buffer grows as needed, so that a send never waits for a receiver.
//
// Go: the infinite channel: a goroutine with a queue between two channels, and a select that offers
//   the queue's first element while it takes new ones in.
//
// Thread safety: as for channels, and the handle is as copyable as theirs.
// Blocks: Send(): until the queue's fiber has taken the value, not until anybody receives. Close():
//   nothing.
// Ordering: what was sent first is received first; a send is before the receive of its value.
// Lifetime: the fiber ends when Close() was called and all was received, or when `quit` is closed:
//   it then drops what is queued and closes the receiving end. Without either it stays, with its
//   channels.
// Misuse: a send or Close() after Close() panics. A send after `quit` would wait for ever: let
//   whoever sends select on `quit` too. Nothing bounds the memory: where the receiver may be slower
//   for long, bound it by a buffered channel.
// Cost: a fiber, two channels, and two hand-overs by select for each element.
//
//   weft::UnboundedChan<Event> events;
//   events.Send(event);                                // never waits for the reader
//   for (const Event& e : events.out()) Handle(e);     // until closed and drained
#ifndef WEFT_CHAN_IDIOMS_UNBOUNDED_H_
#define WEFT_CHAN_IDIOMS_UNBOUNDED_H_

#include <deque>
#include <optional>
#include <utility>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"

namespace weft {

template <typename T>
class UnboundedChan {
 public:
  explicit UnboundedChan(RecvChan<Empty> quit = nullptr) {
    Go([in = in_, out = out_, quit = std::move(quit)] { Pump(in, out, quit); });
  }

  void Send(T value) const { in_.Send(std::move(value)); }
  void Close() const { in_.Close(); }

  // The two ends, for selects and for those that need only one of them. Nothing waits in `in` for
  // long.
  SendChan<T> in() const { return in_; }
  RecvChan<T> out() const { return out_; }

 private:
  static void Pump(RecvChan<T> in, const Chan<T>& out, const RecvChan<Empty>& quit) {
    std::deque<T> queue;
    while (in || !queue.empty()) {
      std::optional<T> value;
      // A nil channel turns its case off: nothing to send while the queue is empty, nothing to
      // receive after Close().
      int ran = queue.empty() ? Select(OnRecv(quit), OnRecv(in, &value))
                              : Select(OnRecv(quit), OnRecv(in, &value),
                                       OnSend(out, std::move(queue.front())));
      if (ran == 0) break;
      if (ran == 2) {
        queue.pop_front();
      } else if (value) {
        queue.push_back(*std::move(value));
      } else {
        in = nullptr;
      }
    }
    out.Close();
  }

  Chan<T> in_ = MakeChan<T>();
  Chan<T> out_ = MakeChan<T>();
};

}  // namespace weft

#endif  // WEFT_CHAN_IDIOMS_UNBOUNDED_H_
