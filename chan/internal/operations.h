// The operations of Chan<T> and its views on a core, which may be null: the nil channel.
#ifndef WEFT_CHAN_INTERNAL_OPERATIONS_H_
#define WEFT_CHAN_INTERNAL_OPERATIONS_H_

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/fast_path.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/park.h"

namespace weft::chan_internal {

// Go: an operation on a nil channel waits for ever, close(nil) panics.
[[noreturn]] void BlockForever(WaitReason reason);
[[noreturn]] void PanicSendOnClosed();
[[noreturn]] void PanicCloseOfNil();

// One owning reference to a core, or none.
class Handle {
 public:
  Handle() = default;
  // Takes over the reference that the caller has.
  explicit Handle(ChanCore* core) : core_(core) {}
  Handle(const Handle& other) noexcept : core_(other.core_) {
    if (core_ != nullptr) core_->Ref();
  }
  Handle(Handle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~Handle() {
    if (core_ != nullptr) core_->Unref();
  }

  ChanCore* core() const { return core_; }
  // Gives the reference to the caller.
  ChanCore* Detach() { return std::exchange(core_, nullptr); }

 private:
  ChanCore* core_ = nullptr;
};

template <typename T>
typename Element<T>::Stored Box(T&& value) {
  if constexpr (Element<T>::kBoxed) {
    return std::make_unique<T>(std::move(value));
  } else {
    return std::move(value);
  }
}

template <typename T>
std::optional<T> Unbox(std::optional<typename Element<T>::Stored>&& stored) {
  if constexpr (Element<T>::kBoxed) {
    if (!stored.has_value()) return std::nullopt;
    return std::optional<T>(std::in_place, std::move(**stored));
  } else {
    return std::move(stored);
  }
}

template <typename T>
void SendStored(ChanCore& core, typename Element<T>::Stored& operand) {
  if (TrySendFast<T>(core, operand) != Outcome::kDone) core.SendSlow(&operand);
  sched_internal::SafePoint(sched_internal::Op::kSend, &core);
}

template <typename T>
Outcome TrySendStored(ChanCore& core, typename Element<T>::Stored& operand) {
  Outcome outcome = Outcome::kBlocked;
  if (!sched_internal::SimSpuriousFailure()) [[likely]] outcome = TrySendFast<T>(core, operand);
  if (outcome == Outcome::kUndecided) outcome = core.TrySendSlow(&operand);
  if (outcome == Outcome::kClosed) PanicSendOnClosed();
  sched_internal::SafePoint(sched_internal::Op::kTrySend, &core);
  return outcome;
}

template <typename T>
void RecvStored(ChanCore& core, std::optional<typename Element<T>::Stored>& destination) {
  Outcome outcome = TryRecvFast<T>(core, Into(destination));
  if (outcome != Outcome::kDone && outcome != Outcome::kClosed) core.RecvSlow(&destination);
  sched_internal::SafePoint(sched_internal::Op::kReceive, &core);
}

template <typename T>
Outcome TryRecvStored(ChanCore& core, std::optional<typename Element<T>::Stored>& destination) {
  Outcome outcome = Outcome::kBlocked;
  if (!sched_internal::SimSpuriousFailure()) [[likely]] {
    outcome = TryRecvFast<T>(core, Into(destination));
  }
  // Without a call where no lock is needed: many only ask so whether a channel has been closed.
  if (outcome == Outcome::kUndecided && !core.IsSpecial()) outcome = core.ProbeRecv();
  if (outcome == Outcome::kUndecided) outcome = core.TryRecvSlow(&destination);
  sched_internal::SafePoint(sched_internal::Op::kTryReceive, &core);
  return outcome;
}

template <typename T>
void Send(ChanCore* core, T& value) {
  if (core == nullptr) BlockForever(WaitReason::kChanSendNil);
  if constexpr (Element<T>::kBoxed) {
    auto box = Box<T>(std::move(value));
    SendStored<T>(*core, box);
  } else {
    SendStored<T>(*core, value);
  }
}

template <typename T>
bool TrySend(ChanCore* core, T& value) {
  if (core == nullptr) return false;
  if constexpr (Element<T>::kBoxed) {
    static_assert(std::is_move_assignable_v<T>,
                  "TrySend of a boxed element gives the value back by assignment");
    auto box = Box<T>(std::move(value));
    if (TrySendStored<T>(*core, box) == Outcome::kDone) return true;
    value = std::move(*box);
    return false;
  } else {
    return TrySendStored<T>(*core, value) == Outcome::kDone;
  }
}

template <typename T>
std::optional<T> RecvInPlace(ChanCore* core) {
  if (core == nullptr) BlockForever(WaitReason::kChanReceiveNil);
  std::optional<typename Element<T>::Stored> stored;
  RecvStored<T>(*core, stored);
  return Unbox<T>(std::move(stored));
}

// A small optional is returned in registers. A compiler that makes it in memory reads it back by a
// load that straddles two fresh stores and waits for both, which costs more than the whole receive.
// Inlined, it stays in registers.
template <typename T>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline std::optional<T> Recv(ChanCore* core) {
  if constexpr (!Element<T>::kBoxed && std::is_trivially_copyable_v<T> &&
                std::is_trivially_default_constructible_v<T>) {
    T value;
    if (core != nullptr && TryRecvFast<T>(*core, [&value](T&& element) { value = element; }) ==
                               Outcome::kDone) [[likely]] {
      sched_internal::SafePoint(sched_internal::Op::kReceive, core);
      return value;
    }
  }
  return RecvInPlace<T>(core);
}

inline void Close(ChanCore* core) {
  if (core == nullptr) PanicCloseOfNil();
  core->Close();
  sched_internal::SafePoint(sched_internal::Op::kClose, core);
}

inline int64_t Len(const ChanCore* core) { return core == nullptr ? 0 : core->Len(); }
inline int64_t Cap(const ChanCore* core) { return core == nullptr ? 0 : core->Cap(); }

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_OPERATIONS_H_
