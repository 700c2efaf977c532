#include "weft/sched/panic.h"

#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/traceback.h"

namespace weft {

struct PanicError::State {
  static constexpr int kMaxFrames = 64;

  std::string message;
  void* pcs[kMaxFrames];
  int frames = 0;
};

PanicError::PanicError(std::string_view message) {
  auto state = std::make_shared<State>();
  state->message = message;
  state->frames = sched_internal::CaptureStack(state->pcs, State::kMaxFrames);
  state_ = std::move(state);
}

const char* PanicError::what() const noexcept { return state_->message.c_str(); }

std::string PanicError::Stack() const {
  std::string text;
  sched_internal::AppendFrames(&text, state_->pcs, state_->frames);
  return text;
}

void Panic(std::string_view message) { throw PanicError(message); }

}  // namespace weft

#if defined(WEFT_TSAN)
// The C++ library counts the owners of an exception in code that is not instrumented, so whoever
// drops the last one would seem to race with all who had one before. Panics pass from fiber to
// fiber by such pointers. A program that defines this itself gets its own.
extern "C" [[gnu::weak]] const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n"
         "race:weft::PanicError::State\n"  // what such an exception owns
         "race:absl::*::Symbolize\n"       // not instrumented either
#if defined(WEFT_RACE)
         // Inline functions of the runtime, of which the linker may take an instrumented copy.
         "race_top:weft::sched_internal::\n"
         "race_top:weft::sync_internal::Waiter::\n"
         "race_top:weft::sync_internal::WaitList::\n"
         "race_top:weft::chan_internal::Waiter::\n"
         "race_top:weft::chan_internal::WaitList::\n"
         "race_top:weft::chan_internal::ChanCore::\n"
#endif
      ;
}
#endif
