// merge.h: many channels into one.
//
// Go: fan-in: a goroutine for each source that forwards to a common channel, which is closed after
//   the last of them.
//
// Thread safety: as for channels.
// Blocks: nothing. The forwarding fibers wait for their sources and for the receiver.
// Ordering: the elements of each source arrive in its order; between sources there is none.
// Lifetime: a fiber ends when its source is closed and drained, or when `quit` is closed; the
//   merged channel is closed when all have ended. A receiver that may stop early has to give a
//   `quit`, or the fibers stay.
// Misuse: at `quit` each fiber may drop one element that it had received. A nil source is as good
//   as a closed one.
// Cost: a fiber for each source and one that waits for all of them; two hand-overs for each
//   element.
//
//   for (const Result& r : weft::Merge(mirror_a, mirror_b, mirror_c)) Use(r);
#ifndef WEFT_CHAN_IDIOMS_MERGE_H_
#define WEFT_CHAN_IDIOMS_MERGE_H_

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"

namespace weft {

template <typename T>
RecvChan<T> Merge(const std::vector<RecvChan<T>>& sources, RecvChan<Empty> quit = nullptr) {
  auto merged = MakeChan<T>();
  auto ended = MakeChan<Empty>();
  size_t forwarders = 0;
  for (const RecvChan<T>& source : sources) {
    if (!source) continue;
    ++forwarders;
    Go([source, merged, quit, ended] {
      std::optional<T> value;
      while (Select(OnRecv(source, &value), OnRecv(quit)) == 0 && value &&
             Select(OnSend(merged, *std::move(value)), OnRecv(quit)) == 0) {
      }
      ended.Send({});
    });
  }
  Go([merged, ended, forwarders] {
    for (size_t i = 0; i < forwarders; ++i) ended.Recv();
    merged.Close();
  });
  return merged;
}

// Of a fixed number, Chan and RecvChan alike.
template <typename C, typename... Cs>
  requires requires { typename C::value_type; } &&
           (std::convertible_to<const Cs&, RecvChan<typename C::value_type>> && ...)
RecvChan<typename C::value_type> Merge(const C& first, const Cs&... others)
  requires std::convertible_to<const C&, RecvChan<typename C::value_type>>
{
  return Merge(std::vector<RecvChan<typename C::value_type>>{first, others...});
}

}  // namespace weft

#endif  // WEFT_CHAN_IDIOMS_MERGE_H_
