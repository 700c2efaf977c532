// park.h and panic.h on model threads.
#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_execution.h"

namespace weft {

namespace model = sched_internal::model;

namespace {

// A Parkable is opaque to all but the scheduler: here it is the address of its thread's byte.
std::array<char, model::kMaxThreads> parkables;

model::Execution& Running() {
  if (model::Execution::current == nullptr) std::abort();
  return *model::Execution::current;
}

}  // namespace

Parkable* CurrentParkable() { return reinterpret_cast<Parkable*>(&parkables[Running().running()]); }

bool InFiber() { return true; }

void Park(WaitReason reason) { Running().Park(WaitReasonText(reason), model::Site::Here()); }

void Ready(Parkable* parkable) {
  for (size_t i = 0; i < parkables.size(); ++i) {
    if (reinterpret_cast<char*>(parkable) == &parkables[i])
      return Running().Ready(static_cast<int>(i), model::Site::Here());
  }
  model::Fail("Ready() of something that is not a thread: was it read from a frame that has gone?");
}

void ReadyLast(Parkable* parkable) { Ready(parkable); }

struct PanicError::State {
  std::string message;
};

PanicError::PanicError(std::string_view message)
    : state_(std::make_shared<State>(State{std::string(message)})) {}

const char* PanicError::what() const noexcept { return state_->message.c_str(); }

std::string PanicError::Stack() const { return ""; }

void Panic(std::string_view message) { throw PanicError(message); }

void Fatal(std::string_view message) { model::Fail("fatal error: " + std::string(message)); }

}  // namespace weft
