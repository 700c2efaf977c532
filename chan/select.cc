#include "weft/chan/select.h"

#include <array>
#include <cstddef>
#include <memory>

#include "weft/chan/internal/operations.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"

namespace weft {

using chan_internal::SelectNode;

int Select(absl::Span<SelectCase> cases) {
  constexpr size_t kOnStack = 8;
  std::array<SelectNode, kOnStack> few;
  std::unique_ptr<SelectNode[]> many;
  if (cases.size() > kOnStack) many = std::make_unique<SelectNode[]>(cases.size());
  SelectNode* nodes = many != nullptr ? many.get() : few.data();

  int default_at = chan_internal::kDefaultRan;
  for (size_t i = 0; i < cases.size(); ++i) {
    cases[i].case_->Arm(nodes[i]);
    if (!cases[i].case_->IsDefault()) continue;
    if (default_at != chan_internal::kDefaultRan) Panic("select: more than one default case");
    default_at = static_cast<int>(i);
  }
  bool has_default = default_at != chan_internal::kDefaultRan;
  int ran = chan_internal::RunSelect(nodes, static_cast<int>(cases.size()), has_default);
  if (ran == chan_internal::kDefaultRan) ran = default_at;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (static_cast<int>(i) != ran) cases[i].case_->DidNotRun();
  }
  cases[ran].case_->Ran();
  return ran;
}

void SelectForever() { chan_internal::BlockForever(WaitReason::kSelectNoCases); }

}  // namespace weft
