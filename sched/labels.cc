#include "weft/sched/labels.h"

#include <algorithm>
#include <memory>

#include "weft/sched/internal/fiber_values.h"

namespace weft {

using sched_internal::LabelSet;

ScopedLabels::ScopedLabels(std::initializer_list<Label> labels) {
  auto set = std::make_unique<LabelSet>();
  set->labels = CurrentLabels();
  for (const auto& [key, value] : labels) {
    const auto place =
        std::lower_bound(set->labels.begin(), set->labels.end(), key,
                         [](const auto& label, std::string_view k) { return label.first < k; });
    if (place != set->labels.end() && place->first == key) {
      place->second = value;
    } else {
      set->labels.emplace(place, key, value);
    }
  }
  former_ = sched_internal::ExchangeLabelSet(set.release());
}

ScopedLabels::~ScopedLabels() {
  sched_internal::Unreference(sched_internal::ExchangeLabelSet(former_));
}

std::vector<std::pair<std::string, std::string>> CurrentLabels() {
  const LabelSet* set = sched_internal::CurrentLabelSet();
  if (set == nullptr) return {};
  return set->labels;
}

std::optional<std::string> CurrentLabel(std::string_view key) {
  const LabelSet* set = sched_internal::CurrentLabelSet();
  if (set == nullptr) return std::nullopt;
  for (const auto& label : set->labels) {
    if (label.first == key) return label.second;
  }
  return std::nullopt;
}

}  // namespace weft
