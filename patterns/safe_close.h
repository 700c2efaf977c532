// safe_close.h: ways to close a channel without anybody panicking.
//
// Go: the rule "the sender closes, never the receiver", and what is done where it does not fit: one
//   sender, or the last of many (Sender<T>); whoever comes first, while others send
//   (ClosableChan<T>); and recovering from the panic (SafeSend, SafeClose), which is for repairs
//   only: it hides a mistake in the design.
//
// Thread safety: all methods; copies of a handle share the channel. One Sender handle belongs to
//   one fiber.
// Blocks: Send(): until there is room, the channel is closed, or the context ends. The others:
//   nothing.
// Ordering: as for channels; Close() is before the end of every receive loop.
// Lifetime: as for channels: with the last handle.
// Misuse: a Sender{} without channel panics, when used. Closing by other means is for the Safe…
//   functions.
// Cost: Sender: as its channel. ClosableChan: two atomic adds more than the send or select; two
//   channels.
//
// A Send() that returned OK is never lost: receivers get what is buffered, and what is being handed
// over, before they see the end.
//
//   auto [sender, numbers] = weft::MakeSender<int>(8);  // closed by the last copy of `sender`
//   for (int w = 0; w < 4; ++w) weft::Go([sender = sender, w] { sender.Send(w); });
//
//   weft::ClosableChan<Event> events(8);                // closed by anybody
//   if (!events.Send(ctx, event).ok()) return;
#ifndef WEFT_PATTERNS_SAFE_CLOSE_H_
#define WEFT_PATTERNS_SAFE_CLOSE_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sched/panic.h"
#include "weft/sync/atomic.h"

namespace weft {

// The right to send on a channel that is closed when nobody has it any more.
template <typename T>
class Sender {
 public:
  Sender() = default;
  explicit Sender(Chan<T> channel) : closer_(std::make_shared<Closer>(std::move(channel))) {}

  void Send(T value) const { chan().Send(std::move(value)); }

  // For selects. Does not keep the channel open.
  const Chan<T>& chan() const {
    if (closer_ == nullptr) Panic("Sender: no channel");
    return closer_->channel;
  }

  // Gives the right up before the handle dies.
  void Drop() { closer_ = nullptr; }

 private:
  struct Closer {
    explicit Closer(Chan<T> c) : channel(std::move(c)) {}
    ~Closer() { channel.Close(); }
    const Chan<T> channel;
  };

  std::shared_ptr<const Closer> closer_;
};

template <typename T>
std::pair<Sender<T>, RecvChan<T>> MakeSender(int64_t capacity = 0) {
  Chan<T> channel = MakeChan<T>(capacity);
  return {Sender<T>(channel), channel};
}

enum class TrySendResult : uint8_t { kSent, kFull, kClosed };

// A channel that anybody may close at any time, while others send.
template <typename T>
class ClosableChan {
 public:
  // A stay among the senders. The channel is not closed to receivers before it ends; for selects
  // that send. False: it is closed, do not send.
  class Entry;

  explicit ClosableChan(int64_t capacity = 0) : core_(std::make_shared<Core>(capacity)) {}

  // OK: handed over or buffered. kFailedPrecondition: closed. ctx.Err(): the context ended first.
  // Else not sent.
  absl::Status Send(const Context& ctx, T value) const;
  TrySendResult TrySend(T value) const;

  // No more sends begin, and those who wait give up. True: this call closed it.
  bool Close() const;

  // Closed once Close() was called and the last sender has left.
  RecvChan<T> C() const { return core_->data; }
  // Closed at Close().
  RecvChan<Empty> Done() const { return core_->closing; }

 private:
  struct Core {
    explicit Core(int64_t capacity) : data(MakeChan<T>(capacity)) {}
    void Leave() {
      if (state.Add(-kSender) == kClosing) Shut();
    }
    // By everybody who sees that no sender is left; one of them closes.
    void Shut() {
      if (state.CompareAndSwap(kClosing, kClosing | kShut)) data.Close();
    }

    const Chan<T> data;
    const Chan<Empty> closing = MakeChan<Empty>();
    // bit 0     kClosing  Close() was called
    //     1     kShut     `data` is closed
    //     2..   the number of senders inside
    // Invariant: kShut is set at most once, when kClosing is set and nobody is inside.
    Atomic<int64_t> state;
  };

  static constexpr int64_t kClosing = 1, kShut = 2, kSender = 4;

  std::shared_ptr<Core> core_;
};

template <typename T>
class ClosableChan<T>::Entry {
 public:
  explicit Entry(const ClosableChan& channel) : core_(channel.core_) {
    if ((core_->state.Add(kSender) & kClosing) != 0) Leave();
  }
  Entry(Entry&& other) noexcept = default;
  Entry& operator=(Entry&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~Entry() { Leave(); }

  explicit operator bool() const { return core_ != nullptr; }
  const Chan<T>& chan() const { return core_->data; }
  const Chan<Empty>& done() const { return core_->closing; }

 private:
  void Leave() {
    if (auto core = std::exchange(core_, nullptr)) core->Leave();
  }

  std::shared_ptr<Core> core_;
};

template <typename T>
absl::Status ClosableChan<T>::Send(const Context& ctx, T value) const {
  if (!ctx.Err().ok()) return ctx.Err();
  Entry entry(*this);
  if (entry) {
    switch (Select(OnSend(entry.chan(), std::move(value)), OnRecv(entry.done()), OnDone(ctx))) {
      case 0:
        return absl::OkStatus();
      case 2:
        return ctx.Err();
    }
  }
  return absl::FailedPreconditionError("send on closed channel");
}

template <typename T>
TrySendResult ClosableChan<T>::TrySend(T value) const {
  Entry entry(*this);
  if (!entry) return TrySendResult::kClosed;
  return entry.chan().TrySend(std::move(value)) ? TrySendResult::kSent : TrySendResult::kFull;
}

template <typename T>
bool ClosableChan<T>::Close() const {
  if ((core_->state.Or(kClosing) & kClosing) != 0) return false;
  core_->closing.Close();
  core_->Shut();
  return true;
}

namespace patterns_internal {

// Calls fn(). False: it panicked with `expected`.
template <typename Fn>
bool UnlessPanic(std::string_view expected, Fn fn) {
  try {
    fn();
    return true;
  } catch (const PanicError& error) {
    if (error.what() != expected) throw;
    return false;
  }
}

}  // namespace patterns_internal

// Sends, and waits as Send() does. False: the channel is closed.
template <typename C>
bool SafeSend(const C& channel, typename C::value_type value) {
  return patterns_internal::UnlessPanic("send on closed channel",
                                        [&] { channel.Send(std::move(value)); });
}

// Closes. False: it is closed already.
template <typename C>
bool SafeClose(const C& channel) {
  return patterns_internal::UnlessPanic("close of closed channel", [&] { channel.Close(); });
}

}  // namespace weft

#endif  // WEFT_PATTERNS_SAFE_CLOSE_H_
