// fan.h: many channels into one, and one channel into many.
//
// Go: fan-in and fan-out. chan/idioms/merge.h is the plain fan-in with a quit channel; here the
//   context ends it, and the fibers. To share one channel among workers needs nothing of this: let
//   them all receive from it.
//
// Thread safety: as for channels.
// Blocks: nothing. The fibers between wait for their sources and for the receivers.
// Ordering: FanIn() keeps the order of each source, FanOut() that of each output. With a key,
//   values of the same key go to the same output, in order.
// Lifetime: the fibers end, and close what they send to, when the sources are closed and drained,
//   or when the context ends; what they hold then is dropped. Receive until closed, or end the
//   context.
// Misuse: fewer than one output panics. One output that nobody receives from holds up the others.
// Cost: FanIn(): a fiber for each source and one for the end. FanOut(): one fiber. Two hand-overs
//   for each value.
//
//   for (const Hit& hit : weft::FanIn(ctx, {disk, net, cache})) Show(hit);
//
//   auto shards = weft::FanOut(ctx, orders, 4, [](const Order& o) { return o.customer; });
#ifndef WEFT_PATTERNS_FAN_H_
#define WEFT_PATTERNS_FAN_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/safe_close.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"

namespace weft {

// All that the sources give, until all are closed or the context ends.
template <typename T>
RecvChan<T> FanIn(const Context& ctx, const std::vector<RecvChan<T>>& sources) {
  auto [sender, out] = MakeSender<T>();
  for (const RecvChan<T>& source : sources) {
    Go([source, ctx, sender = sender] {
      std::optional<T> value;
      while (Select(OnRecv(source, &value), OnDone(ctx)) == 0 && value &&
             Select(OnSend(sender.chan(), *std::move(value)), OnDone(ctx)) == 0) {
      }
    });
  }
  return out;
}

namespace patterns_internal {

// Sends every value to the output that route(value) says.
template <typename T, typename Route>
std::vector<RecvChan<T>> Distribute(const Context& ctx, RecvChan<T> source, int outputs,
                                    Route route) {
  if (outputs < 1) Panic("FanOut: no outputs");
  std::vector<Sender<T>> senders;
  std::vector<RecvChan<T>> receivers;
  for (int i = 0; i < outputs; ++i) {
    auto [sender, receiver] = MakeSender<T>();
    senders.push_back(std::move(sender));
    receivers.push_back(std::move(receiver));
  }
  Go([ctx, source = std::move(source), senders = std::move(senders),
      route = std::move(route)]() mutable {
    std::optional<T> value;
    while (Select(OnRecv(source, &value), OnDone(ctx)) == 0 && value) {
      const Chan<T>& out = senders[route(std::as_const(*value)) % senders.size()].chan();
      if (Select(OnSend(out, *std::move(value)), OnDone(ctx)) != 0) break;
    }
  });
  return receivers;
}

}  // namespace patterns_internal

// Deals the values out in turn.
template <typename T>
std::vector<RecvChan<T>> FanOut(const Context& ctx, std::type_identity_t<RecvChan<T>> source,
                                int outputs) {
  return patterns_internal::Distribute<T>(ctx, std::move(source), outputs,
                                          [turn = size_t{0}](const T&) mutable { return turn++; });
}

// Sends values with equal keys the same way. key(value) is anything that std::hash takes.
template <typename T, typename Key>
std::vector<RecvChan<T>> FanOut(const Context& ctx, std::type_identity_t<RecvChan<T>> source,
                                int outputs, Key key) {
  return patterns_internal::Distribute<T>(
      ctx, std::move(source), outputs, [key = std::move(key)](const T& value) {
        return std::hash<std::decay_t<decltype(key(value))>>()(key(value));
      });
}

// Sends every value to every output. All of them take it before the next comes.
template <typename T>
std::vector<RecvChan<T>> FanOutCopies(const Context& ctx, std::type_identity_t<RecvChan<T>> source,
                                      int outputs) {
  if (outputs < 1) Panic("FanOut: no outputs");
  std::vector<Sender<T>> senders(outputs);
  std::vector<RecvChan<T>> receivers(outputs);
  for (int i = 0; i < outputs; ++i) std::tie(senders[i], receivers[i]) = MakeSender<T>();
  Go([ctx, source = std::move(source), senders = std::move(senders)] {
    std::optional<T> value;
    while (Select(OnRecv(source, &value), OnDone(ctx)) == 0 && value) {
      // In any order, so that nobody waits for the one before it in the list.
      std::vector<SelectCase> cases;
      cases.push_back(OnDone(ctx));
      for (const Sender<T>& s : senders) cases.push_back(OnSend(s.chan(), std::as_const(*value)));
      while (cases.size() > 1) {
        const int ran = Select(cases);
        if (ran == 0) return;
        cases.erase(cases.begin() + ran);
      }
    }
  });
  return receivers;
}

}  // namespace weft

#endif  // WEFT_PATTERNS_FAN_H_
