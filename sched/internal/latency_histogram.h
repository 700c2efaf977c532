// How long sampled fibers waited from runnable to running, as counts of ranges: four for each power
// of two from 64 ns to 69 s, one below and one above.
//
// Thread safety: Record() by one thread at a time, the rest by anybody.
// Cost: Record() is two plain instructions and a few to find the range; 1 KiB.
#ifndef WEFT_SCHED_INTERNAL_LATENCY_HISTOGRAM_H_
#define WEFT_SCHED_INTERNAL_LATENCY_HISTOGRAM_H_

#include <bit>
#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

class LatencyHistogram {
 public:
  static constexpr int kRanges = (36 - 6) * 4 + 2;

  // Where `ns` belongs.
  static int Range(int64_t ns) {
    if (ns < int64_t{1} << kMinBits) return 0;
    const int bits = std::bit_width(static_cast<uint64_t>(ns));
    if (bits > kMaxBits) return kRanges - 1;
    return 1 + (bits - kMinBits - 1) * 4 + static_cast<int>(ns >> (bits - 3) & 3);
  }

  // The least of a range, but for range 0, in nanoseconds.
  static int64_t LowerBound(int range) {
    if (range == 0) return 0;
    return static_cast<int64_t>(4 + (range - 1) % 4) << (kMinBits - 2 + (range - 1) / 4);
  }

  void Record(int64_t ns) {
    Atom<uint64_t>& count = counts_[Range(ns)];
    // Holder-only; a statistic to others.
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  uint64_t count(int range) const {
    return counts_[range].load(std::memory_order_relaxed);  // statistic
  }

 private:
  static constexpr int kMinBits = 6;
  static constexpr int kMaxBits = 36;

  Atom<uint64_t> counts_[kRanges] = {};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_LATENCY_HISTOGRAM_H_
