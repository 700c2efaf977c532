// stripe.h: where a caller should work so that callers on other processors do not meet it there.
#ifndef WEFT_SYNC_INTERNAL_STRIPE_H_
#define WEFT_SYNC_INTERNAL_STRIPE_H_

#include <cstdint>

namespace weft::sync_internal {

struct Place {
  // The processor's index, or a hash of the plain thread; to be masked.
  uint32_t stripe;
  // Nanoseconds, at the last tick of the scheduler's clock; stands still while nothing runs.
  int64_t coarse_now;
};

// A hint only: the caller may be on another processor by the time it uses it.
Place CurrentPlace();

// For one who waits in turns for another fiber or thread that is in a short section.
void LetOthersRun();

// A power of two, at least the number of processors.
uint32_t StripeCount();

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_STRIPE_H_
