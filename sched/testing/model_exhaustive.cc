// Depth-first search over all choices. The trail holds the choices of the running execution; the
// next one repeats the trail up to the last choice that has an alternative left.
//
// Three ways to leave out what cannot show anything new:
// - Turns of a spin loop. Where a thread has taken one in vain, and wrote nothing, it might as well
//   have waited.
// - States. A state is what each thread has read so far and the modification orders. Where a state
//   is met again, the execution is redundant.
// - Sleep sets (without a bound on preemptions only: with one, the equivalent execution that a
//   sleep set relies on may be out of bounds). A thread that has been explored from a state sleeps
//   in the states below its siblings until somebody takes a step that its own next step depends on.
//   The table keeps the sleep set of each state; who slept then and is awake now still has to be
//   explored there.
#include <utility>
#include <vector>

#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_search.h"

namespace weft::sched_internal::model {

namespace {

uint32_t Bit(int thread) { return uint32_t{1} << thread; }
int Lowest(uint32_t threads) { return __builtin_ctz(threads); }

class Exhaustive : public Strategy {
 public:
  explicit Exhaustive(const Options& options)
      : reduce_(options.reduce), bound_(options.preemptions), left_(bound_) {}

  int PickThread(const SchedulePoint& point) override {
    if (redundant_) return GoOn(point);
    if (at_ == trail_.size() && !Extend(point)) {
      redundant_ = true;
      return GoOn(point);
    }
    const Choice& choice = trail_[at_++];
    if (choice.enabled != point.enabled) {
      deterministic_ = false;
      redundant_ = true;
      return GoOn(point);
    }
    Follow(choice, point);
    return choice.chosen;
  }

  int PickValue(int options) override {
    if (redundant_) return 0;
    if (at_ == trail_.size()) trail_.push_back({.options = options});
    return trail_[at_++].chosen;
  }

  bool Next() override {
    while (!trail_.empty() && !Advance(trail_.back())) trail_.pop_back();
    at_ = 0;
    sleep_ = 0;
    left_ = bound_;
    redundant_ = false;
    return !trail_.empty() && deterministic_;
  }

  void MarkRedundant() override { redundant_ = redundant_ || reduce_; }
  bool redundant() const override { return redundant_; }
  bool complete() const override { return trail_.empty() && deterministic_; }
  std::string error() const override {
    return deterministic_
               ? ""
               : "the program does not repeat itself: it depends on something besides the schedule";
  }

 private:
  // Of a thread if options == 0, else of a value.
  struct Choice {
    int options = 0;
    int chosen = 0;
    uint32_t enabled = 0;
    uint32_t to_do = 0;  // chosen and those to be explored after it
    uint32_t sleep = 0;  // need not be explored here
  };

  bool bounded() const { return bound_ != kUnbounded; }

  static int GoOn(const SchedulePoint& point) {
    return (point.enabled & Bit(point.running)) != 0 ? point.running : Lowest(point.enabled);
  }

  // Adds the choice at a point that is not on the trail. Returns false if nothing is to be explored
  // from it.
  bool Extend(const SchedulePoint& point) {
    Choice choice;
    choice.enabled = point.enabled;
    const bool explore = bounded() ? ExtendBounded(point, choice) : ExtendAsleep(point, choice);
    if (!explore || choice.to_do == 0) return false;
    choice.chosen = (choice.to_do & Bit(point.running)) != 0 ? point.running : Lowest(choice.to_do);
    trail_.push_back(choice);
    return true;
  }

  bool ExtendBounded(const SchedulePoint& point, Choice& choice) {
    choice.to_do = point.enabled;
    if (point.may_go_on && left_ == 0) choice.to_do = Bit(point.running);
    if (!reduce_) return true;
    const uint64_t state = Mix(point.state, point.may_go_on ? point.running : 0);
    bool inserted;
    uint8_t* left = states_.FindOrInsert(state, static_cast<uint8_t>(left_), &inserted);
    if (left == nullptr || inserted) return true;
    if (*left >= left_) return false;
    *left = static_cast<uint8_t>(left_);
    return true;
  }

  bool ExtendAsleep(const SchedulePoint& point, Choice& choice) {
    choice.sleep = sleep_;
    choice.to_do = point.enabled & ~sleep_;
    if (!reduce_) return true;
    bool inserted;
    uint8_t* slept = states_.FindOrInsert(point.state, static_cast<uint8_t>(sleep_), &inserted);
    if (slept == nullptr || inserted) return true;
    choice.to_do = point.enabled & *slept & ~sleep_;
    choice.sleep = *slept & sleep_;
    *slept = static_cast<uint8_t>(choice.sleep);
    return true;
  }

  void Follow(const Choice& choice, const SchedulePoint& point) {
    const int chosen = choice.chosen;
    if (bounded()) {
      if (point.may_go_on && chosen != point.running) --left_;
      return;
    }
    sleep_ = 0;
    if (!reduce_) return;
    for (uint32_t rest = choice.sleep; rest != 0; rest &= rest - 1) {
      const int thread = Lowest(rest);
      if (Independent(point.pending[thread], point.pending[chosen])) sleep_ |= Bit(thread);
    }
  }

  static bool Advance(Choice& choice) {
    if (choice.options > 0) return ++choice.chosen < choice.options;
    choice.to_do &= ~Bit(choice.chosen);
    choice.sleep |= Bit(choice.chosen);
    if (choice.to_do == 0) return false;
    choice.chosen = Lowest(choice.to_do);
    return true;
  }

  const bool reduce_;
  const int bound_;
  std::vector<Choice> trail_;
  size_t at_ = 0;
  uint32_t sleep_ = 0;
  int left_;  // preemptions
  bool redundant_ = false;
  bool deterministic_ = true;
  StateTable states_;
};

}  // namespace

bool Independent(const Op& a, const Op& b) {
  if ((a.mask & b.mask) == 0) return true;
  if (a.writes() || b.writes()) return false;
  // A seq_cst load keeps later ones from reading older values.
  return a.order != std::memory_order_seq_cst || b.order != std::memory_order_seq_cst;
}

std::unique_ptr<Strategy> NewExhaustive(const Options& options) {
  return std::make_unique<Exhaustive>(options);
}

StateTable::StateTable() : states_(1 << 12), numbers_(1 << 12) {}

uint8_t* StateTable::FindOrInsert(uint64_t state, uint8_t number, bool* inserted) {
  *inserted = false;
  if (state == 0) state = 1;
  if (used_ * 2 > states_.size() && states_.size() < kMaxSlots) Grow();
  const size_t mask = states_.size() - 1;
  size_t slot = Mix(state, 0) & mask;
  while (states_[slot] != 0) {
    if (states_[slot] == state) return &numbers_[slot];
    slot = (slot + 1) & mask;
  }
  if (used_ * 4 > states_.size() * 3) return nullptr;
  ++used_;
  states_[slot] = state;
  numbers_[slot] = number;
  *inserted = true;
  return &numbers_[slot];
}

void StateTable::Grow() {
  std::vector<uint64_t> states(states_.size() * 4);
  std::vector<uint8_t> numbers(states.size());
  states.swap(states_);
  numbers.swap(numbers_);
  used_ = 0;
  bool inserted;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i] != 0) FindOrInsert(states[i], numbers[i], &inserted);
  }
}

}  // namespace weft::sched_internal::model
