// Random programs, run step by step on a channel and on the reference: after every step the same
// operations must have ended, in the same way, and the same number must be waiting.
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/chan_reference.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::ReferenceChan;
using chan_internal::ReferenceResult;
using chan_internal::WaitingReceivers;
using chan_internal::WaitingSenders;
using Kind = ReferenceResult::Kind;

constexpr int kSteps = 60;

class ChanPropertyTest : public weft::testing::FiberTest {};

// One program. Every operation runs in a fiber of its own and leaves its result here.
class Program {
 public:
  Program(uint64_t seed, int capacity)
      : random_(seed), chan_(MakeChan<int>(capacity)), reference_(capacity) {}

  void Run() {
    for (int step = 0; step < kSteps && !::testing::Test::HasFailure(); ++step) Step(step);
    // Ends whoever still waits.
    if (!closed_)
      Begin(
          kSteps, [this] { chan_internal::CloseUnordered(chan_); },
          [this] { reference_.Close(kSteps); });
    Compare();
    fibers_.Wait();
  }

 private:
  template <typename Real, typename Reference>
  void Begin(int op, Real real, Reference reference) {
    reference();
    ++begun_;
    fibers_.Go([this, op, real] {
      std::string panic = chan_internal::PanicOf(real);
      if (!panic.empty()) results_[op] = {Kind::kPanic};
      ++ended_;
    });
    Settle();
  }

  void Step(int op) {
    int value = 1000 + op;
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return Begin(
            op,
            [this, op, value] {
              chan_.Send(value);
              results_[op] = {Kind::kSent};
            },
            [&] { reference_.Send(op, value, true); });
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        return Begin(
            op, [this, op] { Received(op, chan_.Recv()); }, [&] { reference_.Recv(op, true); });
      case 10:
      case 11:
        return Begin(
            op,
            [this, op, value] {
              results_[op] = {chan_.TrySend(value) ? Kind::kSent : Kind::kNotReady};
            },
            [&] { reference_.Send(op, value, false); });
      case 12:
      case 13:
      case 14:
        return Begin(
            op, [this, op] { TryReceived(op, chan_.TryRecv()); },
            [&] { reference_.Recv(op, false); });
      default:
        if (random_() % 4 != 0) return;
        closed_ = true;
        return Begin(
            op,
            [this, op] {
              chan_internal::CloseUnordered(chan_);
              results_[op] = {Kind::kSent};
            },
            [&] { reference_.Close(op); });
    }
  }

  void Received(int op, std::optional<int> value) {
    results_[op] =
        value ? ReferenceResult{Kind::kReceived, *value} : ReferenceResult{Kind::kClosed};
  }
  void TryReceived(int op, TryRecvResult<int> result) {
    if (result) {
      results_[op] = {Kind::kReceived, *result};
    } else {
      results_[op] = {result.closed() ? Kind::kClosed : Kind::kNotReady};
    }
  }

  // Waits until everybody who should have ended has, and the others wait in the channel; then
  // compares.
  void Settle() {
    int waiting = static_cast<int>(reference_.receivers() + reference_.senders());
    while (ended_ != begun_ - waiting) Gosched();
    while (WaitingReceivers(chan_) + WaitingSenders(chan_) != waiting) Gosched();
    EXPECT_EQ(WaitingReceivers(chan_), static_cast<int>(reference_.receivers()));
    EXPECT_EQ(chan_.len(), static_cast<int64_t>(reference_.len()));
    Compare();
  }

  void Compare() {
    for (const auto& [op, result] : reference_.results()) {
      if (op == kSteps) continue;
      EXPECT_EQ(static_cast<int>(results_[op].kind), static_cast<int>(result.kind))
          << "operation " << op;
      EXPECT_EQ(results_[op].value, result.value) << "operation " << op;
    }
  }

  std::mt19937_64 random_;
  Chan<int> chan_;
  ReferenceChan reference_;
  std::array<ReferenceResult, kSteps + 1>
      results_{};  // each written by its own fiber, before ended_ counts it
  Group fibers_;
  int begun_ = 0;
  std::atomic<int> ended_{0};
  bool closed_ = false;
};

TEST_F(ChanPropertyTest, RandomProgramsDoAsTheReference) {
  uint64_t seed = chan_internal::TestSeed();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  for (int round = 0; round < weft::testing::Repeat(40) && !HasFailure(); ++round) {
    for (int capacity : {0, 1, 2, 3, 5, 8}) Program(seed + round, capacity).Run();
  }
}

}  // namespace
}  // namespace weft
