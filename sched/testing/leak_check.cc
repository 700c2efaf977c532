#include "weft/sched/testing/leak_check.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/testing/user_function.h"

namespace weft::testing {
namespace {

using sched_internal::Fiber;

// The functions on a parked fiber's stack, the innermost first.
std::vector<std::string> Functions(const Fiber& fiber) {
  void* pcs[64];
  const int count = sched_internal::CaptureParked(fiber, pcs, 64);
  std::vector<std::string> functions;
  for (int i = 0; i < count; ++i) {
    char name[1024];
    if (sched_internal::FunctionOf(pcs[i], name, sizeof name)) {
      functions.push_back(name);
    }
  }
  return functions;
}

bool AnyContains(const std::vector<std::string>& texts, const std::vector<std::string>& parts) {
  for (const std::string& text : texts) {
    for (const std::string& part : parts) {
      if (text.find(part) != text.npos) return true;
    }
  }
  return false;
}

}  // namespace

LeakFilter& LeakFilter::IgnoreTopFunction(std::string_view name) {
  top_functions_.emplace_back(name);
  return *this;
}

LeakFilter& LeakFilter::IgnoreAnyFunction(std::string_view name) {
  any_functions_.emplace_back(name);
  return *this;
}

LeakFilter& LeakFilter::IgnoreName(std::string_view name) {
  names_.emplace_back(name);
  return *this;
}

LeakFilter& LeakFilter::IgnoreCurrent() {
  sched_internal::StackArena::Instance().ForEachLive(
      [this](const Fiber* fiber) { known_.emplace(fiber, fiber->id); });
  return *this;
}

std::vector<std::string> LeakFilter::LookOnce() const {
  std::vector<const Fiber*> fibers;
  const Fiber* self = sched_internal::CurrentFiber();
  sched_internal::StackArena::Instance().ForEachLive([&](const Fiber* fiber) {
    if (fiber != self && known_.count({fiber, fiber->id}) == 0) fibers.push_back(fiber);
  });
  std::sort(fibers.begin(), fibers.end(),
            [](const Fiber* a, const Fiber* b) { return a->id < b->id; });
  std::vector<std::string> leaks;
  for (const Fiber* fiber : fibers) {
    if (fiber->name != nullptr && std::count(names_.begin(), names_.end(), fiber->name) > 0) {
      continue;
    }
    const std::vector<std::string> functions = Functions(*fiber);
    if (AnyContains(functions, any_functions_)) continue;
    const auto top = std::find_if(functions.begin(), functions.end(), &IsUsersFunction);
    if (top != functions.end() && AnyContains({*top}, top_functions_)) continue;
    leaks.emplace_back();
    sched_internal::AppendFiber(&leaks.back(), *fiber);
  }
  return leaks;
}

std::vector<std::string> LeakFilter::FindLeaks() const {
  const absl::Time deadline = absl::Now() + patience_;
  // As goleak: from microseconds on, ever longer.
  for (absl::Duration pause = absl::Microseconds(1);; pause *= 2) {
    // Before the look, which shows what there was at its beginning: the first one reads debug
    // information, and may take longer than the patience lasts.
    const bool last = absl::Now() >= deadline;
    std::vector<std::string> leaks = LookOnce();
    if (leaks.empty() || last) return leaks;
    Sleep(std::min(pause, absl::Milliseconds(100)));
  }
}

void ExpectNoLeaks(const LeakFilter& filter) {
  const std::vector<std::string> leaks = filter.FindLeaks();
  if (leaks.empty()) return;
  std::string text = std::to_string(leaks.size()) + " fibers are left over:\n\n";
  for (const std::string& leak : leaks) text += leak;
  ADD_FAILURE() << text;
}

}  // namespace weft::testing
