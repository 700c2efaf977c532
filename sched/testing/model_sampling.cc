// The strategies that do not enumerate: random walks, PCT, and the replay of one schedule.
//
// PCT gives each thread a random priority and always runs the highest; at a few random steps the
// running thread falls below all others. A bug that needs d ordering constraints is found with
// probability 1/(threads * steps^(d-1)) or more.
#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_search.h"

namespace weft::sched_internal::model {

namespace {

class Random : public Strategy {
 public:
  explicit Random(const Options& options) : bits_(options.seed) {}

  int PickThread(const SchedulePoint& point) override {
    int nth = Below(__builtin_popcount(point.enabled));
    uint32_t rest = point.enabled;
    while (nth-- > 0) rest &= rest - 1;
    return __builtin_ctz(rest);
  }

  int PickValue(int options) override { return Below(2) == 0 ? 0 : Below(options); }
  bool Next() override { return true; }

 protected:
  int Below(int n) { return static_cast<int>(bits_() % static_cast<uint64_t>(n)); }

 private:
  std::mt19937_64 bits_;
};

class Pct : public Random {
 public:
  explicit Pct(const Options& options) : Random(options), changes_(options.pct_changes) { Next(); }

  int PickThread(const SchedulePoint& point) override {
    ++step_;
    // A thread that spins or has met its change point goes to the end, so that the others come.
    const bool yields = !point.may_go_on && (point.enabled >> point.running & 1) != 0;
    if (yields || std::find(change_at_.begin(), change_at_.end(), step_) != change_at_.end()) {
      priority_[point.running] = --lowest_;
    }
    int best = -1;
    for (int i = 0; i < kMaxThreads; ++i) {
      if ((point.enabled >> i & 1) != 0 && (best < 0 || priority_[i] > priority_[best])) best = i;
    }
    return best;
  }

  bool Next() override {
    longest_ = std::max(longest_, step_);
    step_ = 0;
    lowest_ = 0;
    for (int i = 0; i < kMaxThreads; ++i) priority_[i] = i + 1;
    for (int i = kMaxThreads - 1; i > 0; --i) std::swap(priority_[i], priority_[Below(i + 1)]);
    change_at_.clear();
    for (int i = 0; i < changes_; ++i) change_at_.push_back(1 + Below(longest_));
    return true;
  }

 private:
  const int changes_;
  int step_ = 0;
  int longest_ = 32;
  int lowest_ = 0;
  std::array<int, kMaxThreads> priority_{};
  std::vector<int> change_at_;
};

// A schedule is one digit per step, the thread, and one letter per choice of a value, a for the
// ordinary one.
class Replay : public Strategy {
 public:
  explicit Replay(const Options& options) : schedule_(options.replay) {}

  int PickThread(const SchedulePoint& point) override {
    const int thread = TakeFrom('0');
    if (thread >= 0 && (point.enabled >> thread & 1) != 0) return thread;
    if (at_ < schedule_.size()) fits_ = false;
    return __builtin_ctz(point.enabled);
  }

  int PickValue(int options) override {
    const int value = TakeFrom('a');
    return value >= 0 && value < options ? value : 0;
  }

  bool Next() override { return false; }
  std::string error() const override {
    return fits_ ? "" : "the schedule does not fit the program";
  }

 private:
  int TakeFrom(char zero) { return at_ < schedule_.size() ? schedule_[at_++] - zero : -1; }

  const std::string schedule_;
  size_t at_ = 0;
  bool fits_ = true;
};

}  // namespace

std::unique_ptr<Strategy> NewRandom(const Options& options) {
  return std::make_unique<Random>(options);
}
std::unique_ptr<Strategy> NewPct(const Options& options) { return std::make_unique<Pct>(options); }
std::unique_ptr<Strategy> NewReplay(const Options& options) {
  return std::make_unique<Replay>(options);
}

}  // namespace weft::sched_internal::model
