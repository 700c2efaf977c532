// The exhaustive table: every operation, on a channel in every state, with every kind of waiter in
// its queues, and then every way of letting go whoever still waits. What must come of it is said
// by select_reference.h, not by hand.
//
// A program is a sequence of operations, each in a fiber of its own. The next one starts when all
// before it have ended or are parked, so nothing depends on time: "blocks" is that the fiber is
// seen parked, with the right reason.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/select_reference.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/parkable.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::CaseSpec;
using chan_internal::ChannelSpec;
using chan_internal::Choices;
using chan_internal::Ending;
using chan_internal::Form;
using chan_internal::Operation;
using chan_internal::SelectReference;

// ---- The table ----

// The channels of a program: the one in question, the other one of a select with two, and one that
// nobody ever uses.
enum : int { kC, kOther, kSilent };

template <typename T>
struct Named {
  const char* name;
  T value;
};

using State = ChannelSpec::State;

const Named<ChannelSpec> kStates[] = {
    {"unbuffered", {State::kOpen, 0, {}}},
    {"unbuffered, closed", {State::kClosed, 0, {}}},
    {"one slot, empty", {State::kOpen, 1, {}}},
    {"one slot, full", {State::kOpen, 1, {1}}},
    {"one slot, closed, empty", {State::kClosed, 1, {}}},
    {"one slot, closed, full", {State::kClosed, 1, {1}}},
    {"three slots, empty", {State::kOpen, 3, {}}},
    {"three slots, partly full", {State::kOpen, 3, {1, 2}}},
    {"three slots, full", {State::kOpen, 3, {1, 2, 3}}},
    {"three slots, closed, empty", {State::kClosed, 3, {}}},
    {"three slots, closed, partly full", {State::kClosed, 3, {1, 2}}},
    {"three slots, closed, full", {State::kClosed, 3, {1, 2, 3}}},
};

const Named<ChannelSpec> kNil = {"nil", {State::kNil, 0, {}}};

const Named<ChannelSpec> kOtherStates[] = {
    {"nil", {State::kNil, 0, {}}},
    {"silent", {State::kOpen, 0, {}}},
    {"with room", {State::kOpen, 1, {}}},
    {"full", {State::kOpen, 1, {50}}},
    {"closed", {State::kClosed, 0, {}}},
};

// In a state where they need not wait they do not, and have changed the state.
const Named<std::vector<Operation>> kWaiters[] = {
    {"no waiters", {}},
    {"senders", {{Form::kSend, {{kC, true, 101}}}, {Form::kSend, {{kC, true, 102}}}}},
    {"receivers", {{Form::kRecv, {{kC}}}, {Form::kRecv, {{kC}}}}},
    {"sending selects",
     {{Form::kSelect, {{kSilent}, {kC, true, 101}}},
      {Form::kSelect, {{kC, true, 102}, {kSilent, true, 103}}}}},
    {"receiving selects",
     {{Form::kSelect, {{kSilent, true, 103}, {kC}}}, {Form::kSelect, {{kC}, {kSilent}}}}},
};

const Named<Operation> kOperations[] = {
    {"Send", {Form::kSend, {{kC, true, 201}}}},
    {"Recv", {Form::kRecv, {{kC}}}},
    {"TrySend", {Form::kTrySend, {{kC, true, 201}}}},
    {"TryRecv", {Form::kTryRecv, {{kC}}}},
    {"Close", {Form::kClose, {{kC}}}},
    {"range", {Form::kRange, {{kC}}}},
    {"select {send}", {Form::kSelect, {{kC, true, 201}}}},
    {"select {recv}", {Form::kSelect, {{kC}}}},
    {"select {send, default}", {Form::kSelectDefault, {{kC, true, 201}}}},
    {"select {recv, default}", {Form::kSelectDefault, {{kC}}}},
    {"select {send, send}", {Form::kSelect, {{kC, true, 201}, {kC, true, 202}}}},
    {"select {recv, recv}", {Form::kSelect, {{kC}, {kC}}}},
    {"select {send, recv}", {Form::kSelect, {{kC, true, 201}, {kC}}}},
    {"select {recv, send}", {Form::kSelect, {{kC}, {kC, true, 201}}}},
    {"select {recv, send, default}", {Form::kSelectDefault, {{kC}, {kC, true, 201}}}},
    {"select {recv, recv, default}", {Form::kSelectDefault, {{kC}, {kC}}}},
    {"select {send, send, default}", {Form::kSelectDefault, {{kC, true, 201}, {kC, true, 202}}}},
};

// These have a row for each state of the other channel.
const Named<Operation> kOperationsOnTwo[] = {
    {"select {send, other send}", {Form::kSelect, {{kC, true, 201}, {kOther, true, 202}}}},
    {"select {send, other recv}", {Form::kSelect, {{kC, true, 201}, {kOther}}}},
    {"select {other send, recv}", {Form::kSelect, {{kOther, true, 202}, {kC}}}},
    {"select {other recv, recv}", {Form::kSelect, {{kOther}, {kC}}}},
    {"select {send, other send, default}",
     {Form::kSelectDefault, {{kC, true, 201}, {kOther, true, 202}}}},
    {"select {send, other recv, default}", {Form::kSelectDefault, {{kC, true, 201}, {kOther}}}},
    {"select {other send, recv, default}", {Form::kSelectDefault, {{kOther, true, 202}, {kC}}}},
    {"select {other recv, recv, default}", {Form::kSelectDefault, {{kOther}, {kC}}}},
};

// How those who still wait are let go. After any of these the channels are closed and what is left
// is taken out.
const Named<std::vector<Operation>> kReleases[] = {
    {"closed", {}},
    {"received from", {{Form::kTryRecv, {{kC}}}, {Form::kTryRecv, {{kC}}}}},
    {"sent to", {{Form::kTrySend, {{kC, true, 301}}}, {Form::kTrySend, {{kC, true, 302}}}}},
    {"met by a select", {{Form::kSelectDefault, {{kC, true, 301}, {kC}}}}},
    {"the other received from", {{Form::kTryRecv, {{kOther}}}}},
    {"the other sent to", {{Form::kTrySend, {{kOther, true, 301}}}}},
};

const std::vector<Operation> kEnd = {
    {Form::kClose, {{kC}}},
    {Form::kClose, {{kOther}}},
    {Form::kRange, {{kC}}},
};

// ---- Programs ----

struct Program {
  std::string name;
  std::vector<ChannelSpec> channels;
  std::vector<Operation> operations;
};

// Everything that can be told from outside.
struct Outcome {
  std::vector<Ending> endings;
  std::vector<int> trace;  // after each operation: how many are parked, and the channel's length
  auto operator<=>(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (size_t i = 0; i < outcome.endings.size(); ++i) {
    const Ending& e = outcome.endings[i];
    out << "  " << i << ": ";
    if (e.parked) out << "parked, " << WaitReasonText(e.reason);
    if (!e.panic.empty()) out << "panic: " << e.panic;
    if (e.ran >= 0) out << "case " << e.ran;
    for (int value : e.got) out << " got " << value;
    out << "\n";
  }
  out << "  parked/len:";
  for (size_t i = 0; i + 1 < outcome.trace.size(); i += 2)
    out << " " << outcome.trace[i] << "/" << outcome.trace[i + 1];
  return out << "\n";
}

// The outcomes that Go allows, and whether each must occur sooner or later.
std::map<Outcome, bool> Expected(const Program& program) {
  std::map<Outcome, bool> outcomes;
  Choices choices;
  do {
    SelectReference reference(program.channels, choices);
    Outcome outcome;
    for (const Operation& operation : program.operations) {
      reference.Run(operation);
      int parked = 0;
      for (const Ending& ending : reference.endings()) parked += ending.parked;
      outcome.trace.insert(outcome.trace.end(), {parked, reference.len(kC)});
    }
    outcome.endings = reference.endings();
    outcomes[outcome] |= choices.must_occur();
  } while (choices.Next());
  return outcomes;
}

// ---- The same with real channels ----

using Channels = std::vector<Chan<int>>;

Channels Make(const std::vector<ChannelSpec>& specs) {
  Channels channels;
  for (const ChannelSpec& spec : specs) {
    channels.push_back(spec.state == State::kNil ? Chan<int>() : MakeChan<int>(spec.capacity));
    for (int element : spec.elements) channels.back().Send(element);
    if (spec.state == State::kClosed) channels.back().Close();
  }
  return channels;
}

// Select() with the cases as arguments.
template <typename... Cases>
int SelectOf(const Channels& channels, absl::Span<const CaseSpec> specs, bool has_default,
             std::optional<int>* got, Cases&&... cases) {
  if constexpr (sizeof...(cases) > 0) {
    if (specs.empty()) return has_default ? Select(cases..., OnDefault()) : Select(cases...);
  }
  if constexpr (sizeof...(cases) < 2) {
    const CaseSpec& spec = specs[0];
    const Chan<int>& c = channels[spec.channel];
    specs.remove_prefix(1);
    if (spec.is_send)
      return SelectOf(channels, specs, has_default, got, cases..., OnSend(c, spec.value));
    return SelectOf(channels, specs, has_default, got, cases..., OnRecv(c, got));
  }
  return -2;
}

// Select() with the cases in a list.
int SelectList(const Channels& channels, absl::Span<const CaseSpec> specs, bool has_default,
               std::optional<int>* got) {
  std::vector<SelectCase> cases;
  for (const CaseSpec& spec : specs) {
    const Chan<int>& c = channels[spec.channel];
    if (spec.is_send) {
      cases.push_back(OnSend(c, spec.value));
    } else {
      cases.push_back(OnRecv(c, got));
    }
  }
  if (has_default) cases.push_back(OnDefault());
  return Select(cases);
}

class Actor {
 public:
  void Start(const Channels& channels, const Operation& operation, bool as_list) {
    Go([this, &channels, &operation, as_list] {
      // ORDER(actor.self): release; pairs with the acquire in Settled().
      self_.store(CurrentParkable(), std::memory_order_release);
      try {
        ending_.ran = Perform(channels, operation, as_list);
      } catch (const PanicError& error) {
        ending_.panic = error.what();
      }
      ending_.parked = false;
      // ORDER(actor.ended): release; pairs with the acquire in ended().
      ended_.store(true, std::memory_order_release);
    });
  }

  bool ended() const { return ended_.load(std::memory_order_acquire); }

  // Ended, or parked and not readied.
  bool Settled() const {
    if (ended()) return true;
    Parkable* self = self_.load(std::memory_order_acquire);
    return self != nullptr && self->token.parked();
  }

  // When settled. What a parked one has received so far is its own.
  Ending Look() const {
    if (ended()) return ending_;
    Ending ending;
    ending.reason = static_cast<sched_internal::Fiber*>(self_.load(std::memory_order_acquire))
                        ->wait_reason.load(std::memory_order_relaxed);
    return ending;
  }

 private:
  int Perform(const Channels& channels, const Operation& operation, bool as_list) {
    const CaseSpec& first = operation.cases[0];
    const Chan<int>& c = channels[first.channel];
    std::optional<int> got;
    int ran = 0;
    switch (operation.form) {
      case Form::kSend:
        c.Send(first.value);
        break;
      case Form::kRecv:
        got = c.Recv();
        break;
      case Form::kTrySend:
        ran = c.TrySend(first.value) ? 0 : 1;
        break;
      case Form::kTryRecv: {
        TryRecvResult<int> result = c.TryRecv();
        ran = result.empty() ? 1 : 0;
        got = result.value();
        break;
      }
      case Form::kSelect:
      case Form::kSelectDefault:
        ran = as_list ? SelectList(channels, operation.cases, operation.has_default(), &got)
                      : SelectOf(channels, operation.cases, operation.has_default(), &got);
        break;
      case Form::kRange:
        for (int value : c) ending_.got.push_back(value);
        break;
      case Form::kClose:
        const race::Ignore ignore;  // of sends that nothing orders with it
        c.Close();
        break;
    }
    if (got) ending_.got.push_back(*got);
    return ran;
  }

  std::atomic<Parkable*> self_{nullptr};
  std::atomic<bool> ended_{false};
  Ending ending_;  // the fiber's, until ended_
};

class Stage {
 public:
  // The choices of selects are drawn from seeds, different for each channel and `skip`, so that the
  // choices of two selects have nothing to do with each other and a run can be repeated.
  Stage(std::shared_ptr<const Program> program, int skip)
      : program_(std::move(program)), channels_(Make(program_->channels)) {
    for (int k = 0; k < std::ssize(channels_); ++k) {
      const uint64_t seed = static_cast<uint64_t>(skip) * 64 + static_cast<uint64_t>(k) + 1;
      if (channels_[k]) channels_[k].core()->SeedSalt(seed * 0xd6e8feb86659fd93);
    }
  }

  Outcome Run(bool as_list) {
    Outcome outcome;
    for (const Operation& operation : program_->operations) {
      actors_.emplace_back().Start(channels_, operation, as_list);
      AwaitQuiet();
      int parked = 0;
      for (const Actor& actor : actors_) parked += !actor.ended();
      outcome.trace.insert(outcome.trace.end(), {parked, static_cast<int>(channels_[kC].len())});
    }
    for (const Actor& actor : actors_) outcome.endings.push_back(actor.Look());
    return outcome;
  }

  // A fiber that is still parked uses them.
  bool MayBeDestroyed() const {
    for (const Actor& actor : actors_) {
      if (!actor.ended()) return false;
    }
    return true;
  }

 private:
  // Twice in a row: the first time one may have been seen parked that a later one readied before it
  // parked itself.
  void AwaitQuiet() {
    for (int quiet = 0; quiet < 2;) {
      Gosched();
      ++quiet;
      for (const Actor& actor : actors_) {
        if (!actor.Settled()) quiet = 0;
      }
    }
  }

  const std::shared_ptr<const Program> program_;
  Channels channels_;
  std::deque<Actor> actors_;
};

// Runs the program until everything that must occur has occurred; a choice that is open four ways
// may need some runs.
void Check(std::shared_ptr<const Program> program) {
  constexpr int kPatience = 400;
  const std::map<Outcome, bool> expected = Expected(*program);
  std::map<Outcome, bool> missing = expected;
  std::erase_if(missing, [](const auto& outcome) { return !outcome.second; });
  for (int run = 0; run < 2 || (run < kPatience && !missing.empty()); ++run) {
    auto stage = std::make_unique<Stage>(program, /*skip=*/run);
    Outcome outcome = stage->Run(/*as_list=*/run % 2 == 1);
    ASSERT_TRUE(expected.contains(outcome)) << program->name << "\n" << outcome << "should be\n"
                                            << expected.begin()->first;
    missing.erase(outcome);
    if (!stage->MayBeDestroyed()) (void)stage.release();
  }
  ASSERT_TRUE(missing.empty()) << program->name << ": never chosen in " << kPatience << " runs:\n"
                               << missing.begin()->first;
}

// ---- All rows ----

std::shared_ptr<const Program> MakeProgram(const Named<ChannelSpec>& state,
                                           const Named<ChannelSpec>& other,
                                           const Named<std::vector<Operation>>& waiters,
                                           const Named<Operation>& operation,
                                           const Named<std::vector<Operation>>& release) {
  Program program;
  program.name = std::string(operation.name) + " on " + state.name + "; " + waiters.name +
                 "; other: " + other.name + "; then " + release.name;
  program.channels = {state.value, other.value, ChannelSpec()};
  program.operations = waiters.value;
  program.operations.push_back(operation.value);
  program.operations.insert(program.operations.end(), release.value.begin(), release.value.end());
  program.operations.insert(program.operations.end(), kEnd.begin(), kEnd.end());
  return std::make_shared<const Program>(std::move(program));
}

// Every `stride`-th program with the channel in that state.
int CheckAll(const Named<ChannelSpec>& state, int stride) {
  int number = 0;
  auto check = [&](const auto&... parts) {
    if (number++ % stride == 0) Check(MakeProgram(state, parts...));
  };
  for (const auto& waiters : kWaiters) {
    for (const auto& release : kReleases) {
      for (const auto& operation : kOperations) check(kOtherStates[0], waiters, operation, release);
      for (const auto& operation : kOperationsOnTwo) {
        for (const auto& other : kOtherStates) check(other, waiters, operation, release);
      }
    }
  }
  return number;
}

using ChanTableTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ChanTableTest, testing::kWorkerCounts);

// All of them with one worker. With more, and under sanitizers, a part that is spread over the
// whole table.
int Stride(int workers) {
  if (sched_internal::kTsan) return workers == 1 ? 89 : 211;
  return (workers == 1 ? 1 : 7) * (sched_internal::kAsan ? 5 : 1);
}

TEST_P(ChanTableTest, EveryOperationInEveryStateDoesAsGoDoes) {
  testing::RunInFiber([&] {
    int number = 0;
    for (const auto& state : kStates) {
      number += CheckAll(state, Stride(GetParam()));
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(number, std::ssize(kStates) * std::ssize(kWaiters) * std::ssize(kReleases) *
                          (std::ssize(kOperations) +
                           std::ssize(kOperationsOnTwo) * std::ssize(kOtherStates)));
  });
}

// Whoever waits for a nil channel waits for ever, so this takes a process of its own, and ends it.
TEST(ChanTableDeathTest, EveryOperationOnNilDoesAsGoDoes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        testing::RunInFiber([] { CheckAll(kNil, Stride(1)); });
        std::_Exit(::testing::Test::HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft
