// What the model tests put in place of workers and processors: each thread has one of its own, of
// two.
#include "weft/sync/testing/model_places.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/park.h"
#include "weft/sync/internal/stripe.h"

namespace weft {

namespace {

Parkable* next_of = nullptr;
std::function<void()> next;

}  // namespace

void sync_testing::OnNextPlace(std::function<void()> fn) {
  next_of = CurrentParkable();
  next = std::move(fn);
}

void sync_testing::ForgetPlaces() { next_of = nullptr; }

namespace sync_internal {

Place CurrentPlace() {
  Parkable* const self = CurrentParkable();
  if (self == next_of) {
    next_of = nullptr;
    std::exchange(next, nullptr)();
  }
  return {static_cast<uint32_t>(reinterpret_cast<uintptr_t>(self)), 0};
}

void LetOthersRun() { sched_internal::ThreadYield(); }

uint32_t StripeCount() { return 2; }

}  // namespace sync_internal

}  // namespace weft
