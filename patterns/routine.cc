#include "weft/patterns/routine.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "weft/chan/select.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/main.h"

namespace weft::routine {
namespace {

constexpr ContextKey<Routine*> kRoutine{"routine"};
constexpr ContextKey<std::vector<std::string>> kArguments{"arguments"};

absl::Status Run(const Executor& executor, const Context& ctx) {
  return executor ? executor(ctx) : absl::OkStatus();
}

}  // namespace

Routine* Routine::From(const Context& ctx) {
  Routine* const* routine = ctx.Value(kRoutine);
  return routine != nullptr ? *routine : nullptr;
}

const std::vector<std::string>& ArgumentsFrom(const Context& ctx) {
  static const auto* const kNone = new std::vector<std::string>();
  const std::vector<std::string>* arguments = ctx.Value(kArguments);
  return arguments != nullptr ? *arguments : *kNone;
}

absl::Status Routine::Execute(const Context& parent) {
  if (!main_) return absl::InvalidArgumentError("routine: no executor");
  if (!parent) return absl::InvalidArgumentError("routine: no context");
  {
    MutexLock lock(mu_);
    if (std::exchange(executed_, true))
      return absl::FailedPreconditionError("routine: executed before");
  }
  const Context ctx = WithValue(WithValue(parent, kArguments, options_.arguments), kRoutine, this);
  if (absl::Status s = Run(options_.prepare, ctx); !s.ok()) return s;
  absl::Status status;
  std::exception_ptr panic = CatchPanic([&] { status = Serve(ctx); });
  status.Update(Run(options_.cleanup, WithoutCancel(ctx)));
  if (panic) std::rethrow_exception(panic);
  return status;
}

absl::Status Routine::Serve(const Context& ctx) {
  Scope scope(ctx);
  // The watcher is there until the end, so that there is a fiber for Go() to add to.
  scope.Go([&, this] { Watch(scope); });
  {
    MutexLock lock(mu_);
    scope_ = &scope;
  }
  scope.Go([&, this](const Context& ctx) {
    absl::Status s = main_(ctx);
    scope.Cancel(absl::CancelledError("routine: main executor has returned"));
    return s;
  });
  for (const Executor& child : options_.children) {
    scope.Go([&child, this](const Context& ctx) { (void)RunChild(child, ctx); });
  }
  if (options_.signals) {
    scope.Go([this](const Context& ctx) { WatchSignals(ctx); });
  }
  serving_.Close();
  if (absl::Status s = scope.Join(); !s.ok()) return s;
  MutexLock lock(mu_);
  return child_error_;
}

void Routine::Watch(Scope& scope) {
  // The scope's context outlives this fiber's look at it.
  if (Select(OnRecv(closing_), OnDone(scope.ctx())) == 0)
    scope.Cancel(absl::CancelledError("routine: closed"));
  MutexLock lock(mu_);
  scope_ = nullptr;
}

void Routine::WatchSignals(const Context& ctx) {
  std::optional<int> signal;
  while (Select(OnRecv(options_.signals, &signal), OnDone(ctx)) == 0 && signal) {
    if (options_.on_signal) options_.on_signal(*signal);
    const auto& cancels = options_.cancel_signals;
    if (std::find(cancels.begin(), cancels.end(), *signal) != cancels.end()) Close();
  }
}

absl::Status Routine::RunChild(const Executor& child, const Context& ctx) {
  absl::Status s = Run(child, ctx);
  // That it was told to stop is no failure; anything else is, however late it comes.
  const bool stopped = !ctx.Err().ok() && (s == ctx.Err() || s == Cause(ctx));
  if (!s.ok() && !stopped) {
    MutexLock lock(mu_);
    child_error_.Update(s);
  }
  return s;
}

void Routine::Close() {
  MutexLock lock(mu_);
  if (!std::exchange(closed_, true)) closing_.Close();
}

RecvChan<absl::Status> Routine::Go(Executor child) {
  auto result = MakeChan<absl::Status>(1);
  MutexLock lock(mu_);
  if (scope_ == nullptr) {
    result.Send(absl::FailedPreconditionError("routine: not serving"));
    return result;
  }
  scope_->Go([this, child = std::move(child), result](const Context& ctx) {
    absl::Status s = absl::AbortedError("routine: child ended without a result");
    struct Tell {
      ~Tell() { result.Send(s); }
      const absl::Status& s;
      const Chan<absl::Status>& result;
    } tell{s, result};
    s = RunChild(child, ctx);
  });
  return result;
}

int Main(int argc, char** argv, Executor main, Options options) {
  std::vector<std::string> arguments(argv, argv + argc);
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  options.arguments = std::move(arguments);
  return weft::Main(argc, argv, [&] {
    const absl::Status s = Routine(std::move(main), std::move(options)).Execute(Background());
    if (s.ok()) return 0;
    std::fprintf(stderr, "%s\n", s.ToString().c_str());
    return 1;
  });
}

}  // namespace weft::routine
