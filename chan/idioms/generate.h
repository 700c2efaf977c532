// generate.h: a sequence that is computed while it is received.
//
// Go: the generator: a function that starts a goroutine and returns the channel that it sends to,
//   with a quit channel for receivers that stop early. Compare iter.Pull.
//
// Thread safety: Recv() by any number; the function runs in one fiber. Moving and destroying:
//   nobody else.
// Blocks: Recv() and range-for: until there is a value. yield(): until it is received. The
//   destructor: nothing.
// Ordering: what the function did before a yield() is before the receive of its value.
// Lifetime: a GeneratedChan ends its function by closing the quit channel when it is destroyed:
//   yield() returns false from then on. The function's fiber may still run after that; what it
//   refers to by reference must outlive it.
// Misuse: a function that goes on after a false yield() runs on for nobody; further calls return
//   false, too.
// Cost: a fiber, two channels, and one hand-over for each value.
//
//   auto squares = weft::Generate<int>([](const auto& yield) {
//     for (int i = 0; yield(i * i); ++i) {}
//   });
//   for (int s : squares) {
//     if (s > 1000) break;  // the fiber ends with `squares`
//   }
#ifndef WEFT_CHAN_IDIOMS_GENERATE_H_
#define WEFT_CHAN_IDIOMS_GENERATE_H_

#include <optional>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"

namespace weft {

// What the function calls with each value. False: nobody wants any more.
template <typename T>
class Yield {
 public:
  Yield(Chan<T> out, RecvChan<Empty> quit) : out_(std::move(out)), quit_(std::move(quit)) {}

  bool operator()(T value) const {
    // Asked first by itself: a select could prefer a receiver that is there, too.
    if (!quit_.TryRecv().empty()) return false;
    return Select(OnSend(out_, std::move(value)), OnRecv(quit_)) == 0;
  }

  // For functions that wait for something else besides.
  const RecvChan<Empty>& quit() const { return quit_; }

 private:
  Chan<T> out_;
  RecvChan<Empty> quit_;
};

// The values that fn(yield) yields, until it returns or `quit` is closed; then the channel is
// closed.
template <typename T, typename Fn>
RecvChan<T> Generate(Fn fn, RecvChan<Empty> quit) {
  auto out = MakeChan<T>();
  Go([out, quit = std::move(quit), fn = std::move(fn)]() mutable {
    struct Finish {
      ~Finish() { out.Close(); }
      const Chan<T>& out;
    } finish{out};
    fn(Yield<T>(out, quit));
  });
  return out;
}

// The same with a quit channel of its own, which is closed when the generator is destroyed.
template <typename T>
class ABSL_MUST_USE_RESULT GeneratedChan {
 public:
  template <typename Fn>
  explicit GeneratedChan(Fn fn) : out_(Generate<T>(std::move(fn), quit_)) {}
  ~GeneratedChan() {
    if (quit_) quit_.Close();
  }
  GeneratedChan(GeneratedChan&&) = default;
  GeneratedChan& operator=(GeneratedChan&&) = delete;

  std::optional<T> Recv() const { return out_.Recv(); }
  const RecvChan<T>& chan() const { return out_; }

  auto begin() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return out_.begin(); }
  auto end() const { return out_.end(); }

 private:
  Chan<Empty> quit_ = MakeChan<Empty>();
  RecvChan<T> out_;
};

template <typename T, typename Fn>
GeneratedChan<T> Generate(Fn fn) {
  return GeneratedChan<T>(std::move(fn));
}

}  // namespace weft

#endif  // WEFT_CHAN_IDIOMS_GENERATE_H_
