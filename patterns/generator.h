// generator.h: a function that gives its values one by one, when they are asked for.
//
// Go: iter.Pull. Python: a generator function with yield. Here, as there, the function and whoever
//   asks take turns, and never run at the same time; chan/idioms/generate.h is the one over
//   channels, where they may.
//
// Thread safety: none: one fiber or thread at a time asks; it may be another each time.
// Blocks: Next(), Stop() and the destructor: until the function has yielded or returned.
// Ordering: everything that either does is ordered with everything that the other does.
// Lifetime: the function's fiber begins with the first Next(), and ends before Stop() or the
//   destructor returns: what it refers to must live as long as the Generator. A function that has
//   not begun never does.
// Misuse: yield() from another fiber than the function's own. A Next() from within the function
//   deadlocks.
// Cost: a fiber and one allocation; a value: two switches, which stay on one worker; no allocation.
//
// yield() returns false when nobody wants more: then clean up and return. What the function throws
// comes out of Next().
//
//   weft::Generator<int> fibonacci([](const auto& yield) {
//     for (int a = 0, b = 1; yield(a); b += a, a = b - a) {}
//   });
//   for (int f : fibonacci) if (f > 1000) break;
#ifndef WEFT_PATTERNS_GENERATOR_H_
#define WEFT_PATTERNS_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"

namespace weft {

template <typename T>
class ABSL_MUST_USE_RESULT Generator {
 public:
  class Yield;
  class Iterator;

  // fn(yield). It must be copyable, as std::function is.
  template <typename Fn>
  explicit Generator(Fn fn) : state_(std::make_unique<State>(std::move(fn))) {}
  Generator(Generator&&) = default;
  Generator& operator=(Generator&&) = delete;
  ~Generator() {
    if (state_ != nullptr) (void)state_->Finish();  // nobody is left to throw to
  }

  // The next value; nothing when the function has returned. Throws what it throws, once.
  std::optional<T> Next() {
    if (state_->phase == Phase::kDone) return std::nullopt;
    state_->value.reset();
    state_->Resume();
    if (state_->panic) std::rethrow_exception(std::exchange(state_->panic, nullptr));
    return std::move(state_->value);
  }

  // Ends the function, if it has not ended: its yield() returns false. Throws what it throws then.
  void Stop() {
    if (std::exception_ptr panic = state_->Finish()) std::rethrow_exception(panic);
  }

  // For range-for, which goes on where Next() was.
  Iterator begin() ABSL_ATTRIBUTE_LIFETIME_BOUND { return Iterator(this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  enum class Phase : uint8_t { kNew, kBegun, kDone };

  // Belongs to whoever has the turn: a turn is passed on with Ready().
  struct State {
    explicit State(std::function<void(const Yield&)> f) : fn(std::move(f)) {}

    // Gives the function its turn and waits for it back.
    void Resume() {
      consumer = CurrentParkable();
      if (std::exchange(phase, Phase::kBegun) == Phase::kNew) {
        Go({.name = "generator"}, [this] { Body(); });
      } else {
        Ready(producer);
      }
      Park(WaitReason::kChanReceive);
    }

    void Body() {
      // At the very end, also after Goexit(): whoever gets the turn may destroy the state.
      struct LastTurn {
        ~LastTurn() {
          state->phase = Phase::kDone;
          state->value.reset();
          Ready(state->consumer);
        }
        State* state;
      } last_turn{this};
      panic = CatchPanic([this] { fn(Yield(this)); });
      fn = nullptr;
    }

    std::exception_ptr Finish() {
      stop = true;
      if (phase == Phase::kNew) phase = Phase::kDone;
      if (phase != Phase::kDone) Resume();
      return std::exchange(panic, nullptr);
    }

    std::function<void(const Yield&)> fn;
    Phase phase = Phase::kNew;
    bool stop = false;
    Parkable* consumer = nullptr;
    Parkable* producer = nullptr;
    std::optional<T> value;
    std::exception_ptr panic;
  };

  std::unique_ptr<State> state_;
};

template <typename T>
class Generator<T>::Yield {
 public:
  // False: return.
  bool operator()(T value) const {
    if (state_->stop) return false;
    state_->value.emplace(std::move(value));
    state_->producer = CurrentParkable();
    Ready(state_->consumer);
    Park(WaitReason::kChanSend);
    return !state_->stop;
  }

 private:
  friend struct State;
  explicit Yield(State* state) : state_(state) {}
  State* state_;
};

template <typename T>
class Generator<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = ptrdiff_t;

  explicit Iterator(Generator* generator) : generator_(generator) { ++*this; }

  T&& operator*() const { return std::move(*current_); }
  Iterator& operator++() {
    current_.reset();
    if (std::optional<T> next = generator_->Next()) current_.emplace(*std::move(next));
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& it, std::default_sentinel_t) {
    return !it.current_.has_value();
  }

 private:
  Generator* generator_;
  mutable std::optional<T> current_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_GENERATOR_H_
