#include "weft/sync/internal/lock_order/lock_site.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft::sync_internal {
namespace {

bool IsOurs(std::string_view function) {
  return function.find("weft::deadlock::") != function.npos ||
         function.find("CaptureStack") != function.npos ||
         function.find("weft::sync_internal::") != function.npos;
}

// How many of the innermost frames are the locks' own.
int FramesToHide(void* const* pcs, int count) {
  int hide = 0;
  for (int i = 0; i < std::min(count, 8); ++i) {
    char name[256];
    if (sched_internal::FunctionOf(pcs[i], name, sizeof name) && IsOurs(name))
      hide = i + 1;
  }
  return hide < count ? hide : 0;
}

}  // namespace

LockUser LockUser::Caller() {
  if (!InFiber()) return {static_cast<uint64_t>(syscall(SYS_gettid)), nullptr, false};
  const auto* fiber = static_cast<const sched_internal::Fiber*>(CurrentParkable());
  return {fiber->id, fiber->name, true};
}

std::string LockUser::Text() const {
  std::string text = absl::StrFormat("%s %d", is_fiber ? "fiber" : "thread", id);
  if (name != nullptr) absl::StrAppendFormat(&text, " (%s)", name);
  return text;
}

LockSite LockSite::Here() {
  LockSite site;
  site.user = LockUser::Caller();
  site.at_ns = MonotonicNanos();
  site.frames = sched_internal::CaptureStack(site.pcs, kMaxFrames);
  return site;
}

void LockSite::AppendStack(std::string* out) const {
  const int hidden = FramesToHide(pcs, frames);
  std::string lines;
  sched_internal::AppendFrames(&lines, pcs + hidden, frames - hidden);
  for (std::string_view rest = lines; !rest.empty();) {
    const size_t length = std::min(rest.find('\n'), rest.size() - 1) + 1;
    *out += "    ";
    out->append(rest.substr(0, length));
    rest.remove_prefix(length);
  }
}

}  // namespace weft::sync_internal
