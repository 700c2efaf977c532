// How a channel keeps its elements, and the few operations on them that the type-erased slow path
// needs.
//
// Between the claim of a slot and its publication no user's exception may fly and no long copy may
// run, because everybody else waits for that slot. So an element whose move may throw, or that is
// 64 KiB or larger, is kept in a box (a unique_ptr): it is built before the claim and opened after
// the publication, and what moves is a pointer.
#ifndef WEFT_CHAN_INTERNAL_ELEMENT_H_
#define WEFT_CHAN_INTERNAL_ELEMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/chan/internal/ring.h"

namespace weft::chan_internal {

class ChanCore;

// What became of an operation that does not wait.
enum class Outcome : uint8_t {
  kDone,
  kBlocked,  // there was an instant at which it could not be done
  kClosed,
  kUndecided,  // only under the lock can it be said
};

inline constexpr size_t kLargestUnboxed = 64 * 1024 - 1;

template <typename T>
struct Element {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>,
                "a channel carries non-const objects");
  static_assert(std::is_move_constructible_v<T>, "a channel's element must be movable");
  static_assert(std::is_nothrow_destructible_v<T>,
                "a channel's element must be destroyed without throwing");

  static constexpr bool kBoxed =
      !std::is_nothrow_move_constructible_v<T> || sizeof(T) > kLargestUnboxed;
  using Stored = std::conditional_t<kBoxed, std::unique_ptr<T>, T>;

  // An element without state takes no room: the slot's sequence says all there is to say.
  static constexpr bool kStateless = std::is_empty_v<Stored> &&
                                     std::is_trivially_copyable_v<Stored> &&
                                     std::is_trivially_default_constructible_v<Stored>;

  static constexpr size_t kAlignment = alignof(Stored) > alignof(Sequence) ? alignof(Stored)
                                                                           : alignof(Sequence);
  static constexpr size_t RoundUp(size_t n) {
    return (n + kAlignment - 1) / kAlignment * kAlignment;
  }
  static constexpr size_t kOffset = kStateless ? 0 : RoundUp(sizeof(Sequence));
  static constexpr size_t kStride =
      kStateless ? sizeof(Sequence) : RoundUp(kOffset + sizeof(Stored));

  static Stored* InSlot(Sequence& slot) {
    return std::launder(reinterpret_cast<Stored*>(reinterpret_cast<char*>(&slot) + kOffset));
  }

  // Moves `from` into an empty slot.
  static void Put(Sequence& slot, Stored& from) noexcept {
    if constexpr (!kStateless) ::new (static_cast<void*>(InSlot(slot))) Stored(std::move(from));
  }

  // Gives a slot's element to `sink`, as an rvalue, and leaves the slot empty.
  template <typename Sink>
  static void Take(Sequence& slot, Sink&& sink) noexcept {
    if constexpr (kStateless) {
      sink(Stored());
    } else {
      Stored* element = InSlot(slot);
      sink(std::move(*element));
      std::destroy_at(element);
    }
  }
};

// Element<T> as seen by code that does not know T. A sender's operand is a `Stored*`; a receiver's
// destination is a `std::optional<Stored>*` that is empty.
struct ElementOps {
  uint32_t stride;
  uint32_t alignment;
  void (*put)(Sequence& slot, void* operand);
  void (*take)(Sequence& slot, void* destination);
  // From a parked sender's operand, or to a parked receiver's destination, past the ring.
  void (*hand_over)(void* operand, void* destination);
  void (*drop)(Sequence& slot);
  // The lock-free attempts of fast_path.h, for select.
  Outcome (*try_send)(ChanCore& core, void* operand);
  Outcome (*try_recv)(ChanCore& core, void* destination);
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_ELEMENT_H_
