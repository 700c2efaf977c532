// chan.h: channels, the typed queues by which fibers and threads hand values to each other.
//
// Go: chan T, chan<- T, <-chan T, make, close, len, cap and range, with Go's rules throughout.
//   Differences: a receive gives an optional, empty where Go gives the zero value and false;
//   Try-forms stand in for a select of one case and default; `for (auto&& v : c)` may move from
//   `v`.
//
// Thread safety: every operation on a channel may run at the same time as any other. A handle
//   itself is like a pointer: one handle must not be assigned to while another thread uses that
//   very handle.
// Blocks: Send(), Recv() and range-for: the fiber, or the thread when the caller is not a fiber.
//   The others: nothing.
// Ordering: the k-th send is before the k-th receive has completed; Close() before a receive that
//   returns because of it; with capacity C > 0 the k-th receive before the (k+C)-th send has
//   completed; without a buffer the receive before its send has completed.
// Lifetime: handles share the channel; it ends with the last, along with what is still buffered.
//   Nobody may be inside an operation then: keep a handle for as long as you wait.
// Misuse: as in Go: send or close after close, and close of nil, panic; a send or receive on nil
//   waits for ever.
// Elements: any movable type. One whose move may throw, or of 64 KiB and more, is kept in a box (an
//   allocation for each send): kChanBoxes<T>. A move constructor of an unboxed type runs while
//   peers wait for it: it must neither block nor use weft. Stateless types such as Empty take 8
//   bytes of buffer each.
// Cost: without anybody waiting, one compare-exchange, one move and one store for each operation,
//   about 2.5 ns; no allocation. MakeChan(): one allocation, 192 bytes + capacity * (8 + sizeof(T),
//   rounded up). A handle: one pointer; copying it is one atomic increment.
//
//   auto squares = weft::MakeChan<int>(8);
//   weft::Go([squares] {
//     for (int i = 0; i < 10; ++i) squares.Send(i * i);
//     squares.Close();
//   });
//   for (int s : squares) std::printf("%d\n", s);
#ifndef WEFT_CHAN_CHAN_H_
#define WEFT_CHAN_CHAN_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/operations.h"

namespace weft {

// Go's struct{}: for channels that carry news but no data.
struct Empty {
  friend constexpr bool operator==(Empty, Empty) { return true; }
};

// Whether a channel of T keeps its elements in boxes.
template <typename T>
inline constexpr bool kChanBoxes = chan_internal::Element<T>::kBoxed;

template <typename T>
class Chan;
template <typename T>
class RecvChan;
template <typename T>
class SendChan;

// What a TryRecv() found: an element; nothing yet; or nothing any more.
template <typename T>
class TryRecvResult {
 public:
  enum class State : uint8_t { kReceived, kEmpty, kClosed };

  explicit TryRecvResult(T value) : value_(std::move(value)), state_(State::kReceived) {}
  explicit TryRecvResult(State state) : state_(state) {}

  State state() const { return state_; }
  bool received() const { return state_ == State::kReceived; }
  bool empty() const { return state_ == State::kEmpty; }
  bool closed() const { return state_ == State::kClosed; }
  explicit operator bool() const { return received(); }

  // The element; only if received().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  std::optional<T>& value() & { return value_; }
  const std::optional<T>& value() const& { return value_; }
  std::optional<T>&& value() && { return std::move(value_); }

 private:
  std::optional<T> value_;
  State state_;
};

namespace chan_internal {

template <typename T>
TryRecvResult<T> TryRecv(ChanCore* core) {
  using Result = TryRecvResult<T>;
  if (core == nullptr) return Result(Result::State::kEmpty);
  std::optional<typename Element<T>::Stored> stored;
  switch (TryRecvStored<T>(*core, stored)) {
    case Outcome::kDone:
      return Result(*Unbox<T>(std::move(stored)));
    case Outcome::kClosed:
      return Result(Result::State::kClosed);
    default:
      return Result(Result::State::kEmpty);
  }
}

// The loop variable of `for (auto&& v : c)`: receives until the channel is closed and drained.
template <typename T>
class RecvIterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = ptrdiff_t;

  RecvIterator() = default;
  explicit RecvIterator(ChanCore* core) : core_(core) { ++*this; }

  T&& operator*() const { return std::move(*current_); }
  RecvIterator& operator++() {
    current_.reset();
    if (std::optional<T> next = Recv<T>(core_)) current_.emplace(*std::move(next));
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const RecvIterator& it, std::default_sentinel_t) {
    return !it.current_.has_value();
  }

 private:
  ChanCore* core_ = nullptr;
  mutable std::optional<T> current_;
};

}  // namespace chan_internal

// A handle to a channel, or nil.
template <typename T>
class ABSL_MUST_USE_RESULT Chan {
 public:
  using value_type = T;

  // The nil channel.
  constexpr Chan() = default;
  constexpr Chan(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)

  // Waits until the value has been handed to a receiver or to the buffer.
  void Send(T value) const { chan_internal::Send<T>(core(), value); }

  // Waits for the next value. Nothing if the channel is closed and drained.
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::optional<T> Recv() const {
    return chan_internal::Recv<T>(core());
  }

  // Sends if that is possible at once. `value` is not moved from if it is not. Panics on a closed
  // channel.
  bool TrySend(T&& value) const { return chan_internal::TrySend<T>(core(), value); }
  bool TrySend(const T& value) const requires std::copy_constructible<T> {
    T copy(value);
    return chan_internal::TrySend<T>(core(), copy);
  }

  // Receives if that is possible at once.
  TryRecvResult<T> TryRecv() const { return chan_internal::TryRecv<T>(core()); }

  // No more values will be sent. Everybody who waits to receive gets nothing; everybody who waits
  // to send panics.
  void Close() const { chan_internal::Close(core()); }

  // Elements in the buffer, and its size. 0 for nil.
  int64_t len() const { return chan_internal::Len(core()); }
  int64_t cap() const { return chan_internal::Cap(core()); }

  chan_internal::RecvIterator<T> begin() const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return chan_internal::RecvIterator<T>(core());
  }
  std::default_sentinel_t end() const { return {}; }

  explicit operator bool() const { return core() != nullptr; }
  friend bool operator==(const Chan& a, const Chan& b) { return a.core() == b.core(); }
  friend bool operator==(const Chan& a, std::nullptr_t) { return a.core() == nullptr; }

  // Views are made by conversion, never the other way.
  operator RecvChan<T>() const& {
    return RecvChan<T>(handle_);
  }  // NOLINT(google-explicit-constructor)
  operator RecvChan<T>() && {
    return RecvChan<T>(std::move(handle_));
  }  // NOLINT(google-explicit-constructor)
  operator SendChan<T>() const& {
    return SendChan<T>(handle_);
  }  // NOLINT(google-explicit-constructor)
  operator SendChan<T>() && {
    return SendChan<T>(std::move(handle_));
  }  // NOLINT(google-explicit-constructor)

  // For weft itself: the core, null for nil.
  chan_internal::ChanCore* core() const { return handle_.core(); }
  // For weft itself: takes over one reference to `core`.
  static Chan Adopt(chan_internal::ChanCore* core) { return Chan(chan_internal::Handle(core)); }

 private:
  explicit Chan(chan_internal::Handle handle) : handle_(std::move(handle)) {}

  chan_internal::Handle handle_;
};

// The receiving end. Cannot send and cannot close.
template <typename T>
class ABSL_MUST_USE_RESULT RecvChan {
 public:
  using value_type = T;

  constexpr RecvChan() = default;
  constexpr RecvChan(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)

  ABSL_ATTRIBUTE_ALWAYS_INLINE std::optional<T> Recv() const {
    return chan_internal::Recv<T>(core());
  }
  TryRecvResult<T> TryRecv() const { return chan_internal::TryRecv<T>(core()); }

  int64_t len() const { return chan_internal::Len(core()); }
  int64_t cap() const { return chan_internal::Cap(core()); }

  chan_internal::RecvIterator<T> begin() const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return chan_internal::RecvIterator<T>(core());
  }
  std::default_sentinel_t end() const { return {}; }

  explicit operator bool() const { return core() != nullptr; }
  friend bool operator==(const RecvChan& a, const RecvChan& b) { return a.core() == b.core(); }
  friend bool operator==(const RecvChan& a, std::nullptr_t) { return a.core() == nullptr; }
  friend bool operator==(const RecvChan& a, const Chan<T>& b) { return a.core() == b.core(); }

  // For weft itself.
  chan_internal::ChanCore* core() const { return handle_.core(); }
  static RecvChan Adopt(chan_internal::ChanCore* core) {
    return RecvChan(chan_internal::Handle(core));
  }
  // Leaves nil, and the reference to the caller.
  chan_internal::ChanCore* Detach() { return handle_.Detach(); }

 private:
  friend class Chan<T>;
  explicit RecvChan(chan_internal::Handle handle) : handle_(std::move(handle)) {}

  chan_internal::Handle handle_;
};

// The sending end. Cannot receive.
template <typename T>
class ABSL_MUST_USE_RESULT SendChan {
 public:
  using value_type = T;

  constexpr SendChan() = default;
  constexpr SendChan(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)

  void Send(T value) const { chan_internal::Send<T>(core(), value); }
  bool TrySend(T&& value) const { return chan_internal::TrySend<T>(core(), value); }
  bool TrySend(const T& value) const requires std::copy_constructible<T> {
    T copy(value);
    return chan_internal::TrySend<T>(core(), copy);
  }
  void Close() const { chan_internal::Close(core()); }

  int64_t len() const { return chan_internal::Len(core()); }
  int64_t cap() const { return chan_internal::Cap(core()); }

  explicit operator bool() const { return core() != nullptr; }
  friend bool operator==(const SendChan& a, const SendChan& b) { return a.core() == b.core(); }
  friend bool operator==(const SendChan& a, std::nullptr_t) { return a.core() == nullptr; }
  friend bool operator==(const SendChan& a, const Chan<T>& b) { return a.core() == b.core(); }

  // For weft itself.
  chan_internal::ChanCore* core() const { return handle_.core(); }

 private:
  friend class Chan<T>;
  explicit SendChan(chan_internal::Handle handle) : handle_(std::move(handle)) {}

  chan_internal::Handle handle_;
};

// A new channel with room for `capacity` elements; without room, a send and its receive meet.
// Panics with `makechan: size out of range` if it is negative or too large for memory.
template <typename T>
Chan<T> MakeChan(int64_t capacity = 0) {
  return Chan<T>::Adopt(
      chan_internal::ChanCore::Make(chan_internal::ErasedElement<T>::kOps, capacity));
}

}  // namespace weft

#endif  // WEFT_CHAN_CHAN_H_
