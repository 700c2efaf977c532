// stripe.h: where a caller should work so that callers on other processors do not meet it there.
#ifndef WEFT_SYNC_INTERNAL_STRIPE_H_
#define WEFT_SYNC_INTERNAL_STRIPE_H_

#include <cstdint>

namespace weft::sync_internal {

struct Place {
  uint32_t stripe;     // the processor's index, or a hash of the plain thread; to be masked
  int64_t coarse_now;  // nanoseconds, at the last tick of the scheduler's clock; stands still while nothing runs
};

// A hint only: the caller may be on another processor by the time it uses it.
Place CurrentPlace();

// A power of two, at least the number of processors.
uint32_t StripeCount();

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_STRIPE_H_
