// The arithmetic of a ring of any capacity: where a ticket's slot is, and what its sequence must
// be.
//
// A ticket is not a plain counter but `lap << lap_shift | index`, so that slot and lap come out by
// shift and mask and no capacity needs a division. `index` runs from 0 to capacity - 1; the rest of
// its field is skipped at the end of each lap. Tickets grow, and are never used twice (62 bits).
//
//   word of a side     63 … 2 ticket | 1 CLOSED (tail only) | 0 SLOW sequence of a slot    2 * lap:
//   free for that lap's sender | 2 * lap + 1: holds that lap's element
//
// The textbook encoding (free = t, full = t + 1) is ambiguous at capacity 1, where "full for t"
// would be "free for t + 1". A sequence of zero is a fresh slot, so that a large ring can live in
// untouched zero pages.
#ifndef WEFT_CHAN_INTERNAL_RING_H_
#define WEFT_CHAN_INTERNAL_RING_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "weft/sched/internal/atomic.h"

namespace weft::chan_internal {

inline constexpr uint64_t kSlow = 1;    // only the holder of the channel's lock may move this word
inline constexpr uint64_t kClosed = 2;  // in the tail only; never cleared
inline constexpr uint64_t kFlags = kSlow | kClosed;
inline constexpr int kFlagBits = 2;

using Sequence = sched_internal::Atom<uint64_t>;

class RingShape {
 public:
  // `capacity` of 0 is a ring without slots, of which only capacity() may be asked.
  RingShape(void* slots, size_t stride, uint64_t capacity)
      : slots_(static_cast<char*>(slots)),
        index_mask_((std::bit_ceil(capacity) - 1) << kFlagBits),
        last_index_((capacity - 1) << kFlagBits),
        capacity_(capacity),
        stride_(static_cast<uint32_t>(stride)),
        lap_shift_(static_cast<uint32_t>(kFlagBits + std::countr_zero(std::bit_ceil(capacity)))) {}

  uint64_t capacity() const { return capacity_; }

  uint64_t Lap(uint64_t word) const { return word >> lap_shift_; }

  // The word of the next ticket, with the same flags.
  uint64_t Next(uint64_t word) const {
    uint64_t filled = (word & index_mask_) == last_index_ ? word | index_mask_ : word;
    return filled + (uint64_t{1} << kFlagBits);
  }

  // How many tickets `from` is behind `to`.
  uint64_t Distance(uint64_t from, uint64_t to) const {
    uint64_t indices = ((to & index_mask_) >> kFlagBits) - ((from & index_mask_) >> kFlagBits);
    return (Lap(to) - Lap(from)) * capacity_ + indices;
  }

  uint64_t FreeSequence(uint64_t word) const { return 2 * Lap(word); }
  uint64_t FullSequence(uint64_t word) const { return 2 * Lap(word) + 1; }

  // A slot begins with its sequence.
  Sequence& SlotOf(uint64_t word) const {
    return SlotAt((word & index_mask_) >> kFlagBits, stride_);
  }

  // With the stride known at compile time.
  template <size_t kStride>
  Sequence& SlotOf(uint64_t word) const {
    return SlotAt((word & index_mask_) >> kFlagBits, kStride);
  }

 private:
  Sequence& SlotAt(uint64_t index, size_t stride) const {
    return *std::launder(reinterpret_cast<Sequence*>(slots_ + index * stride));
  }

  char* slots_;
  uint64_t index_mask_;  // the index, in a word's place
  uint64_t last_index_;  // capacity - 1, in a word's place
  uint64_t capacity_;
  uint32_t stride_;
  uint32_t lap_shift_;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_RING_H_
