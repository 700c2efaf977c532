// The cases of a select: what each gives to RunSelect(), and what it does with the outcome.
#ifndef WEFT_CHAN_INTERNAL_SELECT_CASES_H_
#define WEFT_CHAN_INTERNAL_SELECT_CASES_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/fast_path.h"
#include "weft/chan/internal/operations.h"
#include "weft/chan/internal/select_core.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"

namespace weft::chan_internal {

template <typename C>
using ElementOf = typename std::remove_cvref_t<C>::value_type;

template <typename C>
concept Receivable = std::same_as<std::remove_cvref_t<C>, Chan<ElementOf<C>>> ||
    std::same_as<std::remove_cvref_t<C>, RecvChan<ElementOf<C>>>;
template <typename C>
concept Sendable = std::same_as<std::remove_cvref_t<C>, Chan<ElementOf<C>>> ||
    std::same_as<std::remove_cvref_t<C>, SendChan<ElementOf<C>>>;
// Has a channel that is closed to say so: a context.
template <typename S>
concept HasDone = Receivable<decltype(std::declval<const S&>().Done())> &&
    std::same_as<ElementOf<decltype(std::declval<const S&>().Done())>, Empty>;
template <typename H, typename T>
concept RecvHandler = std::invocable<H&, std::optional<T>> || std::invocable<H&>;

struct Drop {
  void operator()() const {}
};

// The channel of a case: borrowed from a name, or owned, if it came as a temporary.
class OwnedChannel {
 public:
  explicit OwnedChannel(ChanCore* core) : handle_(core) {
    if (core != nullptr) core->Ref();
  }

  ChanCore* core() const { return handle_.core(); }
  OwnedChannel ToOwned() && { return std::move(*this); }

 private:
  Handle handle_;
};

class BorrowedChannel {
 public:
  explicit BorrowedChannel(ChanCore* core) : core_(core) {}

  ChanCore* core() const { return core_; }
  OwnedChannel ToOwned() && { return OwnedChannel(core_); }

 private:
  ChanCore* core_;
};

template <typename C>
auto ChannelOf(C&& c) {
  return std::conditional_t<std::is_lvalue_reference_v<C>, BorrowedChannel, OwnedChannel>(c.core());
}

// The value of a case that sends: where it was given, or here.
template <typename T>
class OwnedValue {
 public:
  explicit OwnedValue(T&& value) : value_(std::move(value)) {}

  T& operator*() { return value_; }
  OwnedValue ToOwned() && { return std::move(*this); }

 private:
  T value_;
};

template <typename T>
class BorrowedValue {
 public:
  explicit BorrowedValue(T&& value) : value_(&value) {}

  T& operator*() { return *value_; }
  OwnedValue<T> ToOwned() && { return OwnedValue<T>(std::move(*value_)); }

 private:
  T* value_;
};

template <typename T, typename V>
auto ValueOf(V&& value) {
  if constexpr (std::is_same_v<V, T>) {  // an rvalue of the very type
    return BorrowedValue<T>(std::move(value));
  } else {
    return OwnedValue<T>(T(std::forward<V>(value)));
  }
}

// Every case has CanRun(), a look whether it is worth a try: if not, there was an instant at which
// it was not ready; and Try(), which runs the operation if it is ready, and leaves all as it was if
// not: both for selects that know the types of their cases. Arm(), before RunSelect(), fills in its
// node; DidNotRun() takes back what that has not used. Ran(), after the operation, tells who asked
// for it. ToOwned() is the same case without what it borrows.

template <typename T, typename Channel, typename Destination>
class RecvCase {
 public:
  static constexpr bool kIsDefault = false;

  RecvCase(Channel channel, Destination destination)
      : channel_(std::move(channel)), destination_(std::move(destination)) {}

  ChanCore* core() const { return channel_.core(); }
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool CanRun() const {
    return core() != nullptr && !CannotRecv<T>(*core());
  }
  bool Try() {
    received_.reset();
    Outcome outcome = TryRecvFast<T>(*core(), Into(received_));
    if (outcome == Outcome::kUndecided) outcome = core()->TryRecvSlow(&received_);
    return outcome != Outcome::kBlocked;
  }

  void Arm(SelectNode& node) {
    received_.reset();
    node.core = channel_.core();
    node.element = &received_;
    node.is_send = false;
  }

  void Ran() {
    if constexpr (std::is_same_v<Destination, Drop>) {
      received_.reset();
    } else if constexpr (std::is_same_v<Destination, std::optional<T>*>) {
      if (auto value = Unbox<T>(std::move(received_))) {
        destination_->emplace(*std::move(value));
      } else {
        destination_->reset();
      }
    } else if constexpr (std::invocable<Destination&, std::optional<T>>) {
      destination_(Unbox<T>(std::move(received_)));
    } else {
      destination_();
    }
  }

  void DidNotRun() {}

  auto ToOwned() && {
    return RecvCase<T, OwnedChannel, Destination>(std::move(channel_).ToOwned(),
                                                  std::move(destination_));
  }

 private:
  Channel channel_;
  [[no_unique_address]] Destination destination_;
  std::optional<typename Element<T>::Stored> received_;
};

template <typename T, typename Channel, typename Value, typename Handler>
class SendCase {
 public:
  static constexpr bool kIsDefault = false;

  SendCase(Channel channel, Value value, Handler handler)
      : channel_(std::move(channel)), value_(std::move(value)), handler_(std::move(handler)) {}

  ChanCore* core() const { return channel_.core(); }
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool CanRun() const {
    return core() != nullptr && !CannotSend<T>(*core());
  }
  bool Try() {
    if constexpr (Element<T>::kBoxed) {
      box_ = Box<T>(std::move(*value_));
      if (TryOperand(box_)) return true;
      DidNotRun();
      return false;
    } else {
      return TryOperand(*value_);
    }
  }

  void Arm(SelectNode& node) {
    node.core = channel_.core();
    node.is_send = true;
    if constexpr (Element<T>::kBoxed) {
      box_ = Box<T>(std::move(*value_));
      node.element = &box_;
    } else {
      node.element = &*value_;
    }
  }

  void Ran() { handler_(); }

  void DidNotRun() {
    if constexpr (Element<T>::kBoxed) {
      static_assert(std::is_move_assignable_v<T>,
                    "OnSend of a boxed element gives the value back by assignment");
      *value_ = std::move(*box_);
      box_ = nullptr;
    }
  }

  auto ToOwned() && {
    return SendCase<T, OwnedChannel, OwnedValue<T>, Handler>(
        std::move(channel_).ToOwned(), std::move(value_).ToOwned(), std::move(handler_));
  }

 private:
  struct NoBox {};

  bool TryOperand(typename Element<T>::Stored& operand) {
    Outcome outcome = TrySendFast<T>(*core(), operand);
    if (outcome == Outcome::kUndecided) outcome = core()->TrySendSlow(&operand);
    if (outcome == Outcome::kClosed) PanicSendOnClosed();
    return outcome != Outcome::kBlocked;
  }

  Channel channel_;
  Value value_;
  [[no_unique_address]] std::conditional_t<Element<T>::kBoxed, std::unique_ptr<T>, NoBox> box_;
  [[no_unique_address]] Handler handler_;
};

template <typename Handler>
class DefaultCase {
 public:
  static constexpr bool kIsDefault = true;

  explicit DefaultCase(Handler handler) : handler_(std::move(handler)) {}

  ChanCore* core() const { return nullptr; }
  bool CanRun() const { return false; }
  bool Try() { return false; }
  void Arm(SelectNode&) {}
  void Ran() { handler_(); }
  void DidNotRun() {}
  DefaultCase ToOwned() && { return std::move(*this); }

 private:
  [[no_unique_address]] Handler handler_;
};

template <typename C>
concept AnyCase = requires(std::remove_cvref_t<C>& c, SelectNode& node) {
  { std::remove_cvref_t<C>::kIsDefault } -> std::convertible_to<bool>;
  c.Arm(node);
  c.Ran();
  c.DidNotRun();
};

template <typename C, typename Destination>
auto MakeRecvCase(C&& c, Destination destination) {
  auto channel = ChannelOf(std::forward<C>(c));
  return RecvCase<ElementOf<C>, decltype(channel), Destination>(std::move(channel),
                                                                std::move(destination));
}

template <typename C, typename V, typename Handler>
auto MakeSendCase(C&& c, V&& value, Handler handler) {
  using T = ElementOf<C>;
  auto channel = ChannelOf(std::forward<C>(c));
  auto operand = ValueOf<T>(std::forward<V>(value));
  return SendCase<T, decltype(channel), decltype(operand), Handler>(
      std::move(channel), std::move(operand), std::move(handler));
}

inline constexpr int kNone = -1;

// Where the default stands, or kNone.
template <typename... Cases>
constexpr int DefaultAt() {
  int at = 0, found = kNone;
  ((found = std::remove_cvref_t<Cases>::kIsDefault ? at : found, ++at), ...);
  return found;
}

// Calls f with the case at `position`, if there is one.
template <typename F, typename... Cases>
void WithCaseAt([[maybe_unused]] int position, [[maybe_unused]] F f, Cases&... cases) {
  [[maybe_unused]] int at = 0;
  ((at++ == position ? void(f(cases)) : void()), ...);
}

// Which of the cases that look ready, as bits, is to be tried: each as likely as the others. None
// is drawn where there is no choice.
template <typename... Cases>
int Choose(uint64_t can_run, Cases&... cases) {
  // Not std::popcount(): without an instruction for it, which not every x86-64 has, that is a call.
  if ((can_run & (can_run - 1)) != 0) {
    uint32_t count = 0;
    for (uint64_t rest = can_run; rest != 0; rest &= rest - 1) ++count;
    ChanCore* any = nullptr;
    ((any = cases.core() != nullptr ? cases.core() : any), ...);
    for (uint32_t skipped = DrawBelow(count, *any, &any); skipped > 0; --skipped)
      can_run &= can_run - 1;
  }
  return std::countr_zero(can_run);
}

struct Ran {
  int position;
  bool lost;  // a case was ready, and somebody else was faster who did not take the lock either
};

template <typename... Cases>
Ran RunReadyOnce(Cases&... cases) {
  uint64_t can_run = 0;
  [[maybe_unused]] int at = 0;
  ((can_run |= uint64_t{cases.CanRun()} << at++), ...);
  bool lost = false;
  while (can_run != 0) {
    const int chosen = Choose(can_run, cases...);
    bool ran = false;
    ChanCore* core = nullptr;
    WithCaseAt(
        chosen, [&](auto& c) { ran = c.Try(), core = c.core(); }, cases...);
    if (ran) {
      sched_internal::SafePoint(sched_internal::Op::kSelect, core);
      return {chosen, false};
    }
    lost |= core != nullptr && !core->IsFrozen();
    can_run &= ~(uint64_t{1} << chosen);
  }
  return {kNone, lost};
}

#if defined(WEFT_MODEL)
inline constexpr int kRoundsAfterLoss = 0;  // they show the explorer nothing new
#else
inline constexpr int kRoundsAfterLoss = 4;
#endif

// Runs a case that is ready, and returns its position, or kNone.
template <typename... Cases>
int RunReady(Cases&... cases) {
  static_assert(sizeof...(Cases) <= 64, "for so many cases there are lists");
  constexpr int kMoreRounds = DefaultAt<Cases...>() == kNone ? kRoundsAfterLoss : 0;
  Ran ran = RunReadyOnce(cases...);
  if (ran.position != kNone || !ran.lost) [[likely]]
    return ran.position;
  // Somebody else was faster, and is likely to be at the same channels still. To wait takes all
  // locks, which holds up both; and what was taken is often given back at once.
  for (int round = 0; round < kMoreRounds && ran.position == kNone; ++round) {
    BackOff(round);
    ran = RunReadyOnce(cases...);
  }
  return ran.position;
}

// One channel's "not ready" was true at an instant, and is the answer.
template <typename... Cases>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline int RunReadyOrDefault(Cases&... cases) {
  constexpr int kDefault = DefaultAt<Cases...>();
  bool ran = false;
  ChanCore* core = nullptr;
  const auto run = [&](auto& c) {
    ran = !sched_internal::SimSpuriousFailure() && c.CanRun() && c.Try();
    core = c.core();
  };
  WithCaseAt(1 - kDefault, run, cases...);
  sched_internal::SafePoint(sched_internal::Op::kSelect, core);
  return ran ? 1 - kDefault : kDefault;
}

// The rest, or all of it. Out of line: the nodes are large, and whoever need not wait does without
// them.
template <typename... Cases>
ABSL_ATTRIBUTE_NOINLINE int RunUntyped(bool tried, Cases&... cases) {
  constexpr int kCount = sizeof...(Cases);
  constexpr int kDefault = DefaultAt<Cases...>();
  SelectNode nodes[kCount + 1];  // one more than needed: none is not a legal size
  int at = 0;
  (cases.Arm(nodes[at++]), ...);
  int ran = RunSelect(nodes, kCount, kDefault != kNone, tried);
  if (ran == kDefaultRan) ran = kDefault;
  at = 0;
  ((at++ == ran ? void() : cases.DidNotRun()), ...);
  return ran;
}

// Inlined, as is what a select of one channel and a default needs: that is a few loads.
template <typename... Cases>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline int SelectAmong(Cases&... cases) {
  constexpr int kDefaults = (0 + ... + (std::remove_cvref_t<Cases>::kIsDefault ? 1 : 0));
  static_assert(kDefaults <= 1, "a select has at most one default");
  int ran;
  if constexpr (sizeof...(Cases) == 2 && kDefaults == 1) {
    ran = RunReadyOrDefault(cases...);
  } else {
    // A simulated world chooses among those that are ready by itself.
    const bool tried = sched_internal::Sim() == nullptr;
    ran = tried ? RunReady(cases...) : kNone;
    if (ran == kNone) ran = RunUntyped(tried, cases...);
  }
  // Last: a handler may throw.
  WithCaseAt(
      ran, [](auto& c) { c.Ran(); }, cases...);
  return ran;
}

// A case whose type is known only here, for lists.
class ErasedCase {
 public:
  virtual ~ErasedCase() = default;
  virtual bool IsDefault() const = 0;
  virtual void Arm(SelectNode& node) = 0;
  virtual void Ran() = 0;
  virtual void DidNotRun() = 0;
};

template <typename Case>
class OwnedCase final : public ErasedCase {
 public:
  explicit OwnedCase(Case&& made) : case_(std::move(made).ToOwned()) {}
  bool IsDefault() const override { return Case::kIsDefault; }
  void Arm(SelectNode& node) override { case_.Arm(node); }
  void Ran() override { case_.Ran(); }
  void DidNotRun() override { case_.DidNotRun(); }

 private:
  decltype(std::declval<Case>().ToOwned()) case_;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_SELECT_CASES_H_
