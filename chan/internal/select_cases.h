// The cases of a select: what each gives to RunSelect(), and what it does with the outcome.
#ifndef WEFT_CHAN_INTERNAL_SELECT_CASES_H_
#define WEFT_CHAN_INTERNAL_SELECT_CASES_H_

#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/chan/chan.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/operations.h"
#include "weft/chan/internal/select_core.h"

namespace weft::chan_internal {

template <typename C>
using ElementOf = typename std::remove_cvref_t<C>::value_type;

template <typename C>
concept Receivable = std::same_as<std::remove_cvref_t<C>, Chan<ElementOf<C>>> ||
    std::same_as<std::remove_cvref_t<C>, RecvChan<ElementOf<C>>>;
template <typename C>
concept Sendable = std::same_as<std::remove_cvref_t<C>, Chan<ElementOf<C>>> ||
    std::same_as<std::remove_cvref_t<C>, SendChan<ElementOf<C>>>;
template <typename H, typename T>
concept RecvHandler = std::invocable<H&, std::optional<T>> || std::invocable<H&>;

struct Drop {
  void operator()() const {}
};

// The channel of a case: borrowed from a name, owned if it came as a temporary.
class CaseChannel {
 public:
  template <typename C>
  explicit CaseChannel(C&& c) : core_(c.core()) {
    if constexpr (!std::is_lvalue_reference_v<C>) Own();
  }

  void Own() {
    if (core_ == nullptr || owned_.core() != nullptr) return;
    core_->Ref();
    owned_ = Handle(core_);
  }
  ChanCore* core() const { return core_; }

 private:
  ChanCore* core_;
  Handle owned_;
};

// Every case has: Arm(), before the select, fills in its node; Ran() or DidNotRun() after it; Own() makes it
// independent of what it borrows.

template <typename T, typename Destination>
class RecvCase {
 public:
  static constexpr bool kIsDefault = false;

  RecvCase(CaseChannel channel, Destination destination)
      : channel_(std::move(channel)), destination_(std::move(destination)) {}

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
  void Own() { channel_.Own(); }

 private:
  CaseChannel channel_;
  [[no_unique_address]] Destination destination_;
  std::optional<typename Element<T>::Stored> received_;
};

template <typename T, typename Handler>
class SendCase {
 public:
  static constexpr bool kIsDefault = false;

  // The value is where `borrowed` points to, or here.
  SendCase(CaseChannel channel, T* borrowed, Handler handler)
      : channel_(std::move(channel)), borrowed_(borrowed), handler_(std::move(handler)) {}
  SendCase(CaseChannel channel, std::in_place_t, T value, Handler handler)
      : channel_(std::move(channel)), value_(std::move(value)), handler_(std::move(handler)) {}

  void Arm(SelectNode& node) {
    node.core = channel_.core();
    node.is_send = true;
    if constexpr (Element<T>::kBoxed) {
      box_ = Box<T>(std::move(Value()));
      node.element = &box_;
    } else {
      node.element = &Value();
    }
  }

  void Ran() { handler_(); }

  void DidNotRun() {
    if constexpr (Element<T>::kBoxed) {
      static_assert(std::is_move_assignable_v<T>,
                    "OnSend of a boxed element gives the value back by assignment");
      Value() = std::move(*box_);
      box_ = nullptr;
    }
  }

  void Own() {
    channel_.Own();
    if (borrowed_ == nullptr) return;
    value_.emplace(std::move(*borrowed_));
    borrowed_ = nullptr;
  }

 private:
  struct NoBox {};

  T& Value() { return borrowed_ != nullptr ? *borrowed_ : *value_; }

  CaseChannel channel_;
  T* borrowed_ = nullptr;
  std::optional<T> value_;
  [[no_unique_address]] std::conditional_t<Element<T>::kBoxed, std::unique_ptr<T>, NoBox> box_;
  [[no_unique_address]] Handler handler_;
};

template <typename Handler>
class DefaultCase {
 public:
  static constexpr bool kIsDefault = true;

  explicit DefaultCase(Handler handler) : handler_(std::move(handler)) {}

  void Arm(SelectNode&) {}
  void Ran() { handler_(); }
  void DidNotRun() {}
  void Own() {}

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
  return RecvCase<ElementOf<C>, Destination>(CaseChannel(std::forward<C>(c)),
                                             std::move(destination));
}

template <typename C, typename V, typename Handler>
auto MakeSendCase(C&& c, V&& value, Handler handler) {
  using T = ElementOf<C>;
  using Case = SendCase<T, Handler>;
  if constexpr (std::is_same_v<V, T>) {  // an rvalue of the very type
    return Case(CaseChannel(std::forward<C>(c)), &value, std::move(handler));
  } else {
    return Case(CaseChannel(std::forward<C>(c)), std::in_place, T(std::forward<V>(value)),
                std::move(handler));
  }
}

template <typename... Cases>
int SelectAmong(Cases&... cases) {
  constexpr int kCount = sizeof...(Cases);
  constexpr int kDefaults = (0 + ... + (std::remove_cvref_t<Cases>::kIsDefault ? 1 : 0));
  static_assert(kDefaults <= 1, "a select has at most one default");
  SelectNode nodes[kCount + 1];  // one more than needed: none is not a legal size
  int default_at = kDefaultRan;
  int at = 0;
  ((cases.Arm(nodes[at]), default_at = std::remove_cvref_t<Cases>::kIsDefault ? at : default_at,
    ++at),
   ...);
  int ran;
  if constexpr (kCount == 2 && kDefaults == 1) {
    ran = RunIfReady(nodes[1 - default_at]) ? 1 - default_at : default_at;
  } else {
    ran = RunSelect(nodes, kCount, kDefaults != 0);
    if (ran == kDefaultRan) ran = default_at;
  }
  // Give back first: a handler may throw.
  at = 0;
  ((at++ == ran ? void() : cases.DidNotRun()), ...);
  at = 0;
  ((at++ == ran ? cases.Ran() : void()), ...);
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
  explicit OwnedCase(Case&& made) : case_(std::move(made)) { case_.Own(); }
  bool IsDefault() const override { return Case::kIsDefault; }
  void Arm(SelectNode& node) override { case_.Arm(node); }
  void Ran() override { case_.Ran(); }
  void DidNotRun() override { case_.DidNotRun(); }

 private:
  Case case_;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_SELECT_CASES_H_
