// The strategies that sample, and the one that repeats.
#include <algorithm>
#include <map>
#include <utility>

#include "weft/sched/testing/sim_strategy.h"

namespace weft::sim_internal {
namespace {

class Sampling : public Strategy {
 public:
  Sampling(uint64_t seed, const Rates& rates) : random_(seed), rates_(rates) {}

  uint32_t Choose(const Place&, uint32_t n, ChoiceKind kind) final {
    switch (kind) {
      case ChoiceKind::kSpurious:
        return random_.Chance(rates_.spurious_failures) ? 1 : 0;
      case ChoiceKind::kFault:
        return random_.Chance(rates_.faults) ? 1 : 0;
      case ChoiceKind::kOrder:
      case ChoiceKind::kUser:
        break;
    }
    return random_.Below(n);
  }

 protected:
  Random random_;

 private:
  const Rates rates_;
};

class RandomWalk : public Sampling {
 public:
  RandomWalk(uint64_t seed, double stay, const Rates& rates) : Sampling(seed, rates), stay_(stay) {}

  int Pick(const Place&, uint32_t current, const std::vector<uint32_t>& ready) override {
    const auto n = static_cast<uint32_t>(ready.size());
    if (current == 0) return static_cast<int>(random_.Below(n));
    if (stay_ > 0 && random_.Chance(stay_)) return -1;
    return static_cast<int>(random_.Below(n + 1)) - 1;
  }

 private:
  const double stay_;
};

class Pct : public Sampling {
 public:
  Pct(uint64_t seed, int depth, const Rates& rates) : Sampling(seed, rates) {
    // Where the run will end is not known. Any scale is as likely as any other, so a change among
    // the first ten points and one among the first thousand are, too.
    constexpr uint32_t kScales = 14;
    for (int i = 1; i < depth; ++i) {
      const uint32_t scale = uint32_t{1} << random_.Below(kScales);
      changes_.push_back(scale + random_.Below(scale) - 1);
    }
    std::sort(changes_.rbegin(), changes_.rend());
  }

  int Pick(const Place& place, uint32_t current, const std::vector<uint32_t>& ready) override {
    const bool change = !changes_.empty() && changes_.back() <= points_++;
    if (change) changes_.pop_back();
    // Who asks for the others, as in a loop that waits for them, is not to be put before them.
    if (place.fiber != 0 && (change || place.yields)) Priority(place.fiber) = --lowest_;
    int best = current != 0 ? -1 : 0;
    int64_t highest = Priority(current != 0 ? current : ready[0]);
    for (size_t i = 0; i < ready.size(); ++i) {
      if (const int64_t priority = Priority(ready[i]); priority > highest) {
        highest = priority;
        best = static_cast<int>(i);
      }
    }
    return best;
  }

 private:
  int64_t& Priority(uint32_t fiber) {
    if (fiber >= priorities_.size()) priorities_.resize(fiber + 1, 0);
    if (priorities_[fiber] == 0) priorities_[fiber] = static_cast<int64_t>(random_.Next() >> 2) + 1;
    return priorities_[fiber];
  }

  std::vector<int64_t> priorities_;  // 0: not drawn yet
  std::vector<uint64_t> changes_;    // the next one last
  int64_t lowest_ = 0;
  uint64_t points_ = 0;
};

class Replay : public Strategy {
 public:
  explicit Replay(const sim::Schedule& schedule) {
    for (const sim::Deviation& d : schedule) plan_[{d.fiber, d.place}] = d;
  }

  int Pick(const Place& place, uint32_t current, const std::vector<uint32_t>& ready) override {
    const int plain = current != 0 ? -1 : 0;
    const auto found = plan_.find({place.fiber, place.place});
    if (found == plan_.end() || !found->second.is_fiber) return plain;
    const auto wanted = std::find(ready.begin(), ready.end(), found->second.value);
    return wanted == ready.end() ? plain : static_cast<int>(wanted - ready.begin());
  }

  uint32_t Choose(const Place& place, uint32_t n, ChoiceKind) override {
    const auto found = plan_.find({place.fiber, place.place});
    if (found == plan_.end() || found->second.is_fiber) return 0;
    return std::min(found->second.value, n - 1);
  }

 private:
  std::map<std::pair<uint32_t, uint32_t>, sim::Deviation> plan_;
};

}  // namespace

std::unique_ptr<Strategy> MakeRandomWalk(uint64_t seed, double stay, const Rates& rates) {
  return std::make_unique<RandomWalk>(seed, stay, rates);
}

std::unique_ptr<Strategy> MakePct(uint64_t seed, int depth, const Rates& rates) {
  return std::make_unique<Pct>(seed, depth, rates);
}

std::unique_ptr<Strategy> MakeReplay(const sim::Schedule& schedule) {
  return std::make_unique<Replay>(schedule);
}

}  // namespace weft::sim_internal
