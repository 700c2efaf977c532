// Depth first through all runs, with sleep sets.
//
// A run is repeated from its start for each choice that has not been made yet. Without a bound on
// preemptions, what only differs in the order of steps that do not depend on each other is explored
// once: when all that begins with a fiber's next step has been seen from some state, the fiber
// sleeps in the states that follow, until somebody takes a step that its own would clash with. A
// run in which everybody who could go on sleeps has been seen already, in another order.
#include <algorithm>

#include "weft/sched/testing/sim_strategy.h"

namespace weft::sim_internal {

bool Footprint::ClashesWith(const Footprint& other) const {
  if (all || other.all) return true;
  for (const Access& a : accesses) {
    for (const Access& b : other.accesses) {
      if (a.object == b.object && (a.writes || b.writes)) return true;
    }
  }
  return false;
}

void Footprint::Add(const Footprint& other) {
  all |= other.all;
  for (const Access& b : other.accesses) {
    const auto same = [&b](const Access& a) {
      return a.object == b.object && a.writes >= b.writes;
    };
    if (std::none_of(accesses.begin(), accesses.end(), same)) accesses.push_back(b);
  }
}

namespace {

struct Sleeper {
  uint32_t fiber;
  Footprint step;  // what it would do next
};

class Exhaustive : public Strategy {
 public:
  explicit Exhaustive(const SearchOptions& options)
      : options_(options), sleeping_allowed_(options.reduction && options.preemptions < 0) {}

  bool WantsSteps() const override { return sleeping_allowed_; }
  bool redundant() const override { return redundant_; }

  void Begin() override {
    depth_ = 0;
    preemptions_ = 0;
    redundant_ = false;
    sleepers_.clear();
    picked_ = nullptr;
  }

  int Pick(const Place&, uint32_t current, const std::vector<uint32_t>& ready) override {
    picked_ = nullptr;
    if (redundant_) return current != 0 ? -1 : 0;
    std::vector<uint32_t> options = Options(current, ready);
    if (options.empty()) {
      redundant_ = true;
      return current != 0 ? -1 : 0;
    }
    uint32_t fiber = options[0];
    if (current != 0 || ready.size() > 1) {
      Node& node = Meet(std::move(options));
      fiber = node.options[node.taken];
      for (size_t i = 0; i < node.taken && sleeping_allowed_; ++i) {
        sleepers_.push_back({node.options[i], node.steps[i]});
      }
      if (sleeping_allowed_) picked_ = &node;
    }
    if (fiber == current) return -1;
    if (current != 0) ++preemptions_;
    return static_cast<int>(std::find(ready.begin(), ready.end(), fiber) - ready.begin());
  }

  uint32_t Choose(const Place&, uint32_t n, ChoiceKind kind) override {
    if (redundant_) return 0;
    if (kind == ChoiceKind::kSpurious && options_.rates.spurious_failures <= 0) return 0;
    if (kind == ChoiceKind::kFault && options_.rates.faults <= 0) return 0;
    // Meet() may move the nodes.
    const size_t at = picked_ == nullptr ? 0 : static_cast<size_t>(picked_ - nodes_.data());
    std::vector<uint32_t> options(n);
    for (uint32_t i = 0; i < n; ++i) options[i] = i;
    const Node& node = Meet(std::move(options));
    if (picked_ != nullptr) picked_ = &nodes_[at];
    return node.options[node.taken];
  }

  void EndStep(uint32_t, const Footprint& footprint) override {
    if (picked_ != nullptr) picked_->steps[picked_->taken].Add(footprint);
    const auto clashes = [&](const Sleeper& s) { return s.step.ClashesWith(footprint); };
    sleepers_.erase(std::remove_if(sleepers_.begin(), sleepers_.end(), clashes), sleepers_.end());
  }

  bool End() override {
    nodes_.resize(depth_);
    while (!nodes_.empty() && nodes_.back().taken + 1 == nodes_.back().options.size()) {
      nodes_.pop_back();
    }
    if (nodes_.empty()) return false;
    ++nodes_.back().taken;
    return true;
  }

 private:
  struct Node {
    std::vector<uint32_t> options;
    size_t taken = 0;
    std::vector<Footprint> steps;  // of each option, for choices of a fiber
  };

  // Who may be chosen, the current one first.
  std::vector<uint32_t> Options(uint32_t current, const std::vector<uint32_t>& ready) const {
    std::vector<uint32_t> options;
    const bool must_stay = options_.preemptions >= 0 && preemptions_ >= options_.preemptions;
    if (current == 0 || !must_stay) options = ready;
    std::sort(options.begin(), options.end());
    if (current != 0) options.insert(options.begin(), current);
    const auto sleeps = [this](uint32_t fiber) {
      const auto is = [fiber](const Sleeper& s) { return s.fiber == fiber; };
      return std::any_of(sleepers_.begin(), sleepers_.end(), is);
    };
    options.erase(std::remove_if(options.begin(), options.end(), sleeps), options.end());
    return options;
  }

  // The node that is met now: the one of former runs, or a new one.
  Node& Meet(std::vector<uint32_t> options) {
    if (depth_ == nodes_.size()) {
      Node node;
      node.steps.resize(options.size());
      node.options = std::move(options);
      nodes_.push_back(std::move(node));
    }
    return nodes_[depth_++];
  }

  const SearchOptions options_;
  const bool sleeping_allowed_;
  std::vector<Node> nodes_;

  // Of the run.
  size_t depth_ = 0;
  int preemptions_ = 0;
  bool redundant_ = false;
  std::vector<Sleeper> sleepers_;
  Node* picked_ = nullptr;  // whose option is the step under way
};

}  // namespace

std::unique_ptr<Strategy> MakeExhaustive(const SearchOptions& options) {
  return std::make_unique<Exhaustive>(options);
}

}  // namespace weft::sim_internal
