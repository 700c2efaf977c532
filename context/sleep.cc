#include "weft/context/sleep.h"

#include "weft/sync/cancellation.h"
#include "weft/sync/event.h"

namespace weft {
namespace {

struct Alarm : CancelWatcher {
  Alarm()
      : CancelWatcher([](CancelWatcher* self) { static_cast<Alarm*>(self)->cancelled.Set(); }) {}
  Event cancelled{EventReset::kManual};
};

}  // namespace

absl::Status Sleep(const Context& ctx, absl::Duration d) {
  if (d <= absl::ZeroDuration()) return ctx.Err();
  Alarm alarm;
  if (!ctx.Watch(&alarm)) return ctx.Err();
  const bool cancelled = alarm.cancelled.WaitFor(d);
  ctx.Unwatch(&alarm);
  return cancelled ? ctx.Err() : absl::OkStatus();
}

}  // namespace weft
