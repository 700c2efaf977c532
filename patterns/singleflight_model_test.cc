// SingleFlight's calls under the model explorer: each lives as long as somebody shares it, and no
// longer; all who share it see what the function has returned, and the group may go once all have
// their results. Each program under all schedules within its bounds; then with the bugs of
// singleflight_mutants.txt, one at a time, which have to be found.
//
// The copy of the header that is compiled has its one atomic behind the seam.
#include <optional>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "weft/patterns/mutated/mutants.h"
#include "weft/patterns/mutated/singleflight.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/testing/model_heap.h"
#include "weft/sched/testing/planted_bugs.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Bounds;
using model::Check;
using model::Program;
using model::ProgramFn;
using patterns_mutants::Mutant;

constexpr std::string_view kRace = "data race";
constexpr std::string_view kEnd = "destruction";
constexpr std::string_view kLeft = "a call is left";

// What is copied by each who shares it, moved by one who does not, and destroyed with the call.
// Aligned as model_heap.h asks for: the calls are then on that heap.
struct alignas(32) Value {
  explicit Value(int n) : n(n) {}
  model::Var<int> n;
};

using Flights = SingleFlight<int, Value>;

struct State {
  std::optional<Flights> flights{std::in_place};
  sched_internal::Atom<int> calls{0};  // begun
};

// The calls are numbered; who shares one gets its number.
int Ask(State& s) {
  const Flights::Result result = s.flights->Do(1, [&s]() -> absl::StatusOr<Value> {
    // Relaxed: a count.
    return Value(s.calls.fetch_add(1, std::memory_order_relaxed) + 1);
  });
  Check(result.value.ok() && result.value->n.Get() > 0, "no result");
  return result.value->n.Get();
}

void AskOnce(State& s) { Ask(s); }
void Forget(State& s) { s.flights->Forget(1); }

template <typename... Bodies>
ProgramFn Of(Bodies... bodies) {
  return [=](Program& p) {
    model::BeginHeap();
    auto& s = p.Make<State>();
    (p.Thread([&s, bodies] { bodies(s); }), ...);
    p.Finally([] { Check(model::LiveBlocks() == 0, "a call is left"); });
  };
}

ProgramFn TwoAsk() { return Of(AskOnce, AskOnce); }
ProgramFn ThreeAsk() { return Of(AskOnce, AskOnce, AskOnce); }

// One asks again as soon as it has its result: a call that has ended is not joined.
ProgramFn OneAsksAgain() {
  return Of(AskOnce, [](State& s) { Check(Ask(s) < Ask(s), "got what it had already"); });
}

ProgramFn TwoAskWhileItIsForgotten() { return Of(AskOnce, AskOnce, Forget); }

// A call that was forgotten leaves the later one alone: who asks while that is under way shares it.
ProgramFn ForgottenCallEndsBesideALaterOne() {
  return [](Program& p) {
    model::BeginHeap();
    auto& s = p.Make<State>();
    auto& forgotten = p.Make<sched_internal::Atom<bool>>(false);
    auto& later = p.Make<sched_internal::Atom<int>>(0);
    auto ask = [&] {
      // ORDER(flight_model.forgotten): acquire; pairs with the release below.
      const bool is_later = forgotten.load(std::memory_order_acquire);
      s.flights->Do(1, [&, is_later]() -> absl::StatusOr<Value> {
        if (!is_later) return Value(1);
        // ORDER(flight_model.later): seq_cst, as the other.
        const int others = later.fetch_add(1, std::memory_order_seq_cst);
        Check(others == 0, "two calls at a time");
        later.fetch_sub(1, std::memory_order_seq_cst);
        return Value(2);
      });
    };
    p.Thread([ask] {
      ask();
      ask();
    });
    p.Thread([&, ask] {
      Forget(s);
      // ORDER(flight_model.forgotten): release; pairs with the acquire above.
      forgotten.store(true, std::memory_order_release);
      ask();
    });
    p.Finally([] { Check(model::LiveBlocks() == 0, "a call is left"); });
  };
}

// Through a channel, for one of them.
ProgramFn OneAsksByChannel() {
  return Of(AskOnce, [](State& s) {
    auto answer = s.flights->DoChan(1, [] { return absl::StatusOr<Value>(Value(7)); });
    const std::optional<Flights::Result> result = answer.Recv();
    Check(result && result->value->n.Get() > 0, "no result");
  });
}

// Who has got the last result destroys the group.
ProgramFn GroupEndsWithTheLastResult() {
  return [](Program& p) {
    model::BeginHeap();
    auto& s = p.Make<State>();
    p.Thread([&s] { Ask(s); });
    p.Thread([&s] {
      // Relaxed: only to be sure that the other has asked.
      if (s.calls.load(std::memory_order_relaxed) == 0) return;
      if (Ask(s) == 1) s.flights.reset();
    });
    p.Finally([] { Check(model::LiveBlocks() == 0, "a call is left"); });
  };
}

void ExpectFound(const ProgramFn& program, const model::Options& bounds,
                 const std::vector<model::PlantedBug<Mutant>>& bugs) {
  model::ExpectFound(patterns_mutants::planted, program, bounds, bugs);
}

TEST(SingleFlightModelTest, TwoAsk) {
  ExpectFound(TwoAsk(), {},
              {{patterns_mutants::kJoinsUncounted, kRace},
               {patterns_mutants::kLastByRelaxed, kEnd},
               {patterns_mutants::kLeavesWithoutRelease, kEnd},
               {patterns_mutants::kLeavesWithoutAcquire, kEnd},
               {patterns_mutants::kFollowersAreNotWoken, "nobody can run"},
               {patterns_mutants::kLeaderTakesTheValueAway, kRace}});
}

TEST(SingleFlightModelTest, ThreeAsk) {
  ExpectFound(ThreeAsk(), Bounds(2, 1), {{patterns_mutants::kLeavesByLoadAndStore, kLeft}});
}

TEST(SingleFlightModelTest, OneAsksAgain) {
  ExpectFound(OneAsksAgain(), Bounds(3, 2), {{patterns_mutants::kStaysToBeJoined, kEnd}});
}

TEST(SingleFlightModelTest, Forgotten) {
  ExpectFound(TwoAskWhileItIsForgotten(), Bounds(2, 1), {});
  ExpectFound(ForgottenCallEndsBesideALaterOne(), Bounds(2, 1),
              {{patterns_mutants::kRemovesALaterCall, "two calls at a time"}});
}

TEST(SingleFlightModelTest, OneAsksByChannel) {
  ExpectFound(OneAsksByChannel(), Bounds(2, 1), {{patterns_mutants::kJoinsUncounted, kRace}});
}

TEST(SingleFlightModelTest, GroupEndsWithTheLastResult) {
  ExpectFound(GroupEndsWithTheLastResult(), Bounds(3, 2),
              {{patterns_mutants::kSetBeforeItIsRemoved, kEnd}});
}

}  // namespace
}  // namespace weft
