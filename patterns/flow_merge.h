// flow_merge.h: operators on flows that run several at once, or decouple those before them from
// those after.
//
// Go: goroutines and channels between stages. Rx: flatMap with concurrency, merge, zip,
//   onBackpressureBuffer, publishOn, share.
//
// Everything that flow.h says holds here, and:
// Thread safety: what is emitted downstream comes from one fiber; upstream runs in others.
// Ordering: FlatMap() and Merge() keep the order of each inner flow, not that between them.
//   Buffer() and Zip() keep all.
// Lifetime: the fibers end before the collection returns. Shared: see there.
// Cost: a fiber for each flow that runs, and a hand-over for each value.
//
//   auto pages = Of(urls) | FlatMap(8, [](const Url& u) { return Fetch(u); });   // 8 at once
#ifndef WEFT_PATTERNS_FLOW_MERGE_H_
#define WEFT_PATTERNS_FLOW_MERGE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/internal/produce.h"
#include "weft/patterns/internal/release_at_end.h"
#include "weft/patterns/pubsub.h"
#include "weft/patterns/safe_close.h"
#include "weft/patterns/scope.h"
#include "weft/sync/semaphore.h"

namespace weft::flow {

// The flows that fn makes of the values, `concurrency` of them at once.
template <typename Fn>
auto FlatMap(int concurrency, Fn fn) {
  return [concurrency, fn = std::move(fn)]<typename T>(Flow<T> in) {
    using U = typename std::invoke_result_t<const Fn&, T>::value_type;
    return Flow<U>([=](const Context& ctx, const typename Flow<U>::Emit& emit) {
      Semaphore running(std::max(concurrency, 1));
      Scope scope(ctx);
      auto [sender, values] = MakeSender<U>();
      scope.Go([&scope, &running, &in, &fn, sender = std::move(sender)](const Context& ctx) {
        return in.RunWith(ctx, [&](T value) {
          if (!running.Acquire(ctx).ok()) return false;
          scope.Go([&running, inner = fn(std::move(value)), sender](const Context& ctx) {
            const patterns_internal::ReleaseAtEnd finish(running);
            return patterns_internal::SendAll(ctx, inner, sender.chan());
          });
          return true;
        });
      });
      bool wanted = true;
      for (U value : values) {
        if (!(wanted = emit(std::move(value)))) break;
      }
      return patterns_internal::EndOf(scope, ctx, wanted);
    });
  };
}

// All at once.
template <typename T>
Flow<T> Merge(std::vector<Flow<T>> flows) {
  const int count = static_cast<int>(flows.size());
  return Of(std::move(flows)) | FlatMap(count, [](Flow<T> f) { return f; });
}

// fn(a, b) of the first values of both, of the second ones, and so on. Ends with the shorter.
template <typename A, typename B, typename Fn>
auto Zip(Flow<A> a, Flow<B> b, Fn fn) {
  using U = std::decay_t<std::invoke_result_t<const Fn&, A, B>>;
  return Flow<U>([=](const Context& ctx, const typename Flow<U>::Emit& emit) {
    Scope scope(ctx);
    const RecvChan<B> bs = patterns_internal::Produce(scope, b, 0);
    bool wanted = true, b_ended = false;
    absl::Status s = a.RunWith(scope.ctx(), [&](A value) {
      std::optional<B> other = bs.Recv();
      b_ended = !other.has_value();
      return !b_ended && (wanted = emit(fn(std::move(value), *std::move(other))));
    });
    if (b_ended || !scope.ctx().Err().ok()) return patterns_internal::EndOf(scope, ctx, true);
    scope.Cancel();  // what b still has is not wanted
    (void)scope.Join();
    return wanted ? s : absl::OkStatus();
  });
}

// Lets the source run ahead by so many values. What it does when there is no more room: kBlock
// waits; kDropNewest and kDropOldest drop, so that the source never waits. kTimeOut is as kBlock.
inline auto Buffer(int64_t room, WhenFull when_full = WhenFull::kBlock) {
  return [=]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      Scope scope(ctx);
      auto [sender, values] =
          MakeSender<T>(when_full == WhenFull::kBlock ? room : std::max<int64_t>(room, 1));
      scope.Go([sender = std::move(sender), values = values, &in, when_full](const Context& ctx) {
        if (when_full != WhenFull::kDropNewest && when_full != WhenFull::kDropOldest) {
          return patterns_internal::SendAll(ctx, in, sender.chan());
        }
        return in.RunWith(ctx, [&](T value) {
          while (!sender.chan().TrySend(std::move(value)) && when_full == WhenFull::kDropOldest)
            (void)values.TryRecv();
          return ctx.Err().ok();
        });
      });
      bool wanted = true;
      for (T value : values) {
        if (!(wanted = emit(std::move(value)))) break;
      }
      return patterns_internal::EndOf(scope, ctx, wanted);
    });
  };
}

// One run of a flow for many collectors, who get what comes from when they began. Rx: publish,
// share.
template <typename T>
class Shared {
 public:
  explicit Shared(Flow<T> in) : in_(std::move(in)) {}

  // The hot flow. Each collector has a buffer; the slowest of the kBlock ones sets the pace.
  Flow<T> flow(SubscriberOptions options = {}) const {
    return Flow<T>(
        [publisher = publisher_, options](const Context& ctx, const typename Flow<T>::Emit& emit) {
          const Subscription<T> subscription = publisher->Subscribe(Topic<T>::All(), options);
          return FromChan(subscription.C()).RunWith(ctx, emit);
        });
  }

  // How many collect now.
  int64_t collectors() const { return publisher_->subscribers(); }

  // Runs the flow once and ends all collections with it; returns its error.
  absl::Status Run(const Context& ctx) const {
    absl::Status s =
        in_.Collect(ctx, [&](T value) { return publisher_->Publish(ctx, "", std::move(value)); });
    publisher_->Close(ctx).IgnoreError();
    return s;
  }

 private:
  const Flow<T> in_;
  const std::shared_ptr<Publisher<T>> publisher_ = std::make_shared<Publisher<T>>();
};

}  // namespace weft::flow

#endif  // WEFT_PATTERNS_FLOW_MERGE_H_
