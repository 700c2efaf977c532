#include "weft/sched/panic.h"

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
