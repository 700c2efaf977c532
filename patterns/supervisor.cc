#include "weft/patterns/supervisor.h"

#include <algorithm>
#include <exception>
#include <tuple>
#include <utility>

#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/patterns/internal/join_errors.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/go.h"
#include "weft/sched/timer.h"

namespace weft {

absl::Status Supervisor::Run(const Context& ctx) {
  // Whatever leaves this function, an exception of on_end among them, leaves no child behind.
  struct StopAll {
    ~StopAll() { supervisor->StopFrom(0); }
    Supervisor* supervisor;
  } stop_all{this};
  for (size_t i = 0; i < children_.size(); ++i) Start(ctx, i);
  while (std::any_of(children_.begin(), children_.end(), [](const Child& c) { return c.live; })) {
    absl::StatusOr<End> end = ends_.Pop(ctx);
    if (!end.ok()) return end.status();
    Child& child = children_[end->child];
    if (!child.live || end->start != child.start) continue;  // it was stopped
    child.live = false;
    if (options_.on_end) options_.on_end(child.spec, end->result);
    if (!CallsForRestart(child, end->result)) continue;
    if (absl::Status s = RestartAfter(ctx, *end); !s.ok()) return s;
  }
  return absl::OkStatus();
}

void Supervisor::Start(const Context& ctx, size_t i) {
  Child& child = children_[i];
  Context child_ctx;
  std::tie(child_ctx, child.cancel) = WithCancel(WithoutCancel(ctx));  // it ends in its turn
  child.over = MakeChan<Empty>();
  child.live = true;
  Go([this, i, start = ++child.start, run = child.spec.run, ctx = child_ctx, over = child.over] {
    struct Finish {  // also at Goexit, which counts as an end without failure
      ~Finish() {
        self->ends_.Push(std::move(end));
        over.Close();
      }
      Supervisor* self;
      End end;
      const Chan<Empty>& over;
    } finish{this, {i, start, absl::OkStatus()}, over};
    std::exception_ptr panic = CatchPanic([&] { finish.end.result = run(ctx); });
    if (panic) finish.end.result = absl::InternalError("panic: " + DescribePanic(panic));
  });
}

void Supervisor::Stop(size_t i) {
  Child& child = children_[i];
  if (!std::exchange(child.live, false)) return;
  child.cancel();
  child.over.Recv();
}

void Supervisor::StopFrom(size_t first) {
  for (size_t i = children_.size(); i-- > first;) Stop(i);
}

bool Supervisor::CallsForRestart(const Child& child, const absl::Status& result) const {
  switch (child.spec.restart) {
    case Restart::kPermanent:
      return true;
    case Restart::kTransient:
      return !result.ok();
    case Restart::kTemporary:
      return false;
  }
  return false;
}

absl::Status Supervisor::RestartAfter(const Context& ctx, const End& end) {
  const int restarts = RestartsNow();
  if (restarts > options_.max_restarts) {
    const absl::Status last = patterns_internal::Named(children_[end.child].spec.name, end.result);
    return absl::ResourceExhaustedError(
        "too many restarts; the last after " +
        (last.ok() ? children_[end.child].spec.name + " had ended" : std::string(last.message())));
  }
  std::vector<size_t> again = {end.child};
  if (options_.strategy != Strategy::kOneForOne) {
    const size_t first = options_.strategy == Strategy::kOneForAll ? 0 : end.child + 1;
    for (size_t i = first; i < children_.size(); ++i) {
      if (children_[i].live && children_[i].spec.restart != Restart::kTemporary) again.push_back(i);
    }
    StopFrom(first);
    std::sort(again.begin(), again.end());
  }
  if (options_.backoff && Select(OnRecv(After(options_.backoff(restarts))), OnDone(ctx)) == 1)
    return ctx.Err();
  for (size_t i : again) Start(ctx, i);
  return absl::OkStatus();
}

// Counts this one, and returns how many there are within the time.
int Supervisor::RestartsNow() {
  const int64_t now_ns = MonotonicNanos();
  restarts_ns_.push_back(now_ns);
  if (options_.within != absl::InfiniteDuration()) {
    const int64_t since_ns = now_ns - absl::ToInt64Nanoseconds(options_.within);
    while (restarts_ns_.front() < since_ns) restarts_ns_.pop_front();
  }
  return static_cast<int>(restarts_ns_.size());
}

}  // namespace weft
