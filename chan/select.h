// select.h: to wait for the first of several channel operations.
//
// Go: the select statement and reflect.Select, with Go's rules: operands are evaluated once, before
//   anything is tried; a nil channel is never ready; among several that are ready the choice is
//   uniform; exactly one case runs; a channel may stand in several cases, and in both directions,
//   and never meets itself. Differences: Select() is a function that returns the index of the case
//   that ran, after its handler, if it has one; and the order in which its operands are evaluated
//   is that of C++ arguments, unspecified.
//
// Thread safety: any number of selects and plain operations on the same channels.
// Blocks: the fiber, or the thread when the caller is not a fiber; with OnDefault() nothing.
// Ordering: that of the operation that ran (chan.h).
// Lifetime: a case borrows a channel, and a value to send, that it is given by name, and owns a
//   temporary channel. Make cases in the call. A SelectCase owns everything.
// Misuse: a send on a closed channel panics if it is the case that is chosen. Without cases, and
//   with nil channels alone, Select() waits for ever. More than one OnDefault() does not compile
//   (Select(Span): panics).
// Cost: one that is ready: two to four loads for each case more than the plain operation, and a
//   draw among several. One case and OnDefault(): as the Try-forms. One that waits: a lock and 100
//   bytes of the caller's frame for each case. No allocation; SelectCase: one for each case, when
//   it is made.
//
//   std::optional<Job> job;
//   switch (weft::Select(weft::OnRecv(jobs, &job), weft::OnSend(out, result), weft::OnDone(ctx))) {
//     case 0: if (!job) return; Run(*job); break;
//     case 1: break;
//     case 2: return;
//   }
#ifndef WEFT_CHAN_SELECT_H_
#define WEFT_CHAN_SELECT_H_

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/types/span.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/select_cases.h"
#include "weft/chan/internal/select_core.h"

namespace weft {

// Receives from `c`, a Chan or RecvChan. The value is dropped, put into a std::optional<T> (empty:
// closed and drained), or given to a handler, which takes a std::optional<T> or nothing. A
// destination changes only if the case runs.
template <chan_internal::Receivable C>
auto OnRecv(C&& c) {
  return chan_internal::MakeRecvCase(std::forward<C>(c), chan_internal::Drop());
}
template <chan_internal::Receivable C>
auto OnRecv(C&& c, std::optional<chan_internal::ElementOf<C>>* destination) {
  return chan_internal::MakeRecvCase(std::forward<C>(c), destination);
}
template <chan_internal::Receivable C,
          chan_internal::RecvHandler<chan_internal::ElementOf<C>> Handler>
auto OnRecv(C&& c, Handler handler) {
  return chan_internal::MakeRecvCase(std::forward<C>(c), std::move(handler));
}

// Sends to `c`, a Chan or SendChan. `value` is copied now, or, if given as an rvalue, moved from
// when the case runs and only then.
template <chan_internal::Sendable C, typename V>
auto OnSend(C&& c, V&& value) {
  return chan_internal::MakeSendCase(std::forward<C>(c), std::forward<V>(value),
                                     chan_internal::Drop());
}
template <chan_internal::Sendable C, typename V, std::invocable Handler>
auto OnSend(C&& c, V&& value, Handler handler) {
  return chan_internal::MakeSendCase(std::forward<C>(c), std::forward<V>(value),
                                     std::move(handler));
}

// Runs when no other case is ready.
inline auto OnDefault() { return chan_internal::DefaultCase(chan_internal::Drop()); }
template <std::invocable Handler>
auto OnDefault(Handler handler) {
  return chan_internal::DefaultCase(std::move(handler));
}

// Runs when `source.Done()`, a channel that is closed to say so, is closed: for contexts.
template <chan_internal::HasDone Source>
auto OnDone(const Source& source) {
  return OnRecv(source.Done());
}
template <chan_internal::HasDone Source, std::invocable Handler>
auto OnDone(const Source& source, Handler handler) {
  return OnRecv(source.Done(), std::move(handler));
}

// Runs exactly one of the cases and returns its position in the list.
template <chan_internal::AnyCase... Cases>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline int Select(Cases&&... cases) {
  return chan_internal::SelectAmong(cases...);
}

// A case of a list that is put together at run time. Owns its channel, its handler and its value;
// the value of a send that has run is moved from, so that the next run of the same case sends what
// a move leaves (for numbers: the same).
class SelectCase {
 public:
  template <chan_internal::AnyCase Case>
  requires(!std::is_lvalue_reference_v<Case>)
      SelectCase(Case&& made)  // NOLINT(google-explicit-constructor)
      : case_(std::make_unique<chan_internal::OwnedCase<Case>>(std::move(made))) {}

 private:
  friend int Select(absl::Span<SelectCase> cases);

  std::unique_ptr<chan_internal::ErasedCase> case_;
};

int Select(absl::Span<SelectCase> cases);
inline int Select(std::vector<SelectCase>& cases) { return Select(absl::MakeSpan(cases)); }

// Waits for ever. Go: select{}.
[[noreturn]] void SelectForever();

}  // namespace weft

#endif  // WEFT_CHAN_SELECT_H_
