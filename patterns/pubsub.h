// pubsub.h: a publisher whose subscribers are in the same process.
//
// Go: the blog's publisher with a channel for each subscriber, without its warts: a slow subscriber
//   has a policy, what it misses is counted, eviction during a publish is safe, and closing loses
//   nothing.
//
// Thread safety, blocking, ordering: see broker.h.
// Lifetime: the Publisher must outlive its publishing callers, not its subscriptions. Its
//   destructor ends those at once.
// Misuse: a subscriber that is its own kBlock publisher deadlocks when its buffer is full.
// Cost: Publish(): two short locks, and for each subscriber a send into a buffer, one
//   allocation. To wait for n
//   slow ones at once is one select of 2n+2 cases with an allocation each, after every hand-over.
//   No fiber.
//
//   weft::Publisher<std::string> news;
//   auto all = news.Subscribe();
//   auto golang = news.Subscribe(weft::Topic<std::string>::Named("golang"));
//   absl::Status s = news.Publish(ctx, "golang", "1.27 is out");
#ifndef WEFT_PATTERNS_PUBSUB_H_
#define WEFT_PATTERNS_PUBSUB_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/patterns/safe_close.h"
#include "weft/sched/panic.h"
#include "weft/sched/timer.h"
#include "weft/sync/atomic.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename T>
class Publisher final : public Broker<T> {
 public:
  Publisher() = default;
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher() override { core_->EndAll(); }

  absl::Status Publish(const Context& ctx, std::string topic, T value) override {
    const Publishing inside(*core_);
    if (!inside.ok()) return absl::FailedPreconditionError("publisher closed");
    // All predicates first: one that throws leaves everybody without the value.
    std::vector<const std::shared_ptr<Subscriber>*> wanting;
    for (const std::shared_ptr<Subscriber>& s : *inside.subscribers()) {
      if (s->topic.Matches(topic, value)) wanting.push_back(&s);
    }
    std::vector<Pending> pending;
    for (const std::shared_ptr<Subscriber>* s : wanting) Deliver(*s, value, &pending);
    return pending.empty() ? absl::OkStatus() : Await(ctx, std::move(pending), value);
  }

  Subscription<T> Subscribe(Topic<T> topic = Topic<T>::All(),
                            SubscriberOptions options = {}) override {
    if (options.when_full == WhenFull::kDropOldest && options.buffer < 1)
      Panic("Subscribe: kDropOldest without a buffer");
    auto subscriber = std::make_shared<Subscriber>(core_, std::move(topic), options);
    if (!core_->Add(subscriber)) subscriber->channel.Close();
    return Subscription<T>(std::move(subscriber));
  }

  absl::Status Close(const Context& ctx) override {
    const int ended = Select(OnRecv(core_->Refuse()), OnDone(ctx));
    core_->EndAll();
    return ended == 0 ? absl::OkStatus() : ctx.Err();
  }

  int64_t subscribers() const { return static_cast<int64_t>(core_->List()->size()); }

 private:
  struct Core;

  struct Subscriber final : Subscription<T>::State {
    Subscriber(std::weak_ptr<Core> c, Topic<T> t, SubscriberOptions o)
        : core(std::move(c)), topic(std::move(t)), options(o), channel(o.buffer) {}
    RecvChan<T> C() const override { return channel.C(); }
    SubscriberCounts Counts() const override {
      // In this order: a value is accepted before it is dropped.
      const int64_t gone = dropped.Load();
      return {.accepted = accepted.Load(), .dropped = gone};
    }
    void Evict() override {
      channel.Close();
      if (std::shared_ptr<Core> c = core.lock()) c->Remove(this);
    }

    const std::weak_ptr<Core> core;
    const Topic<T> topic;
    const SubscriberOptions options;
    const ClosableChan<T> channel;
    Atomic<int64_t> accepted, dropped;
  };
  using Subscribers = std::vector<std::shared_ptr<Subscriber>>;

  struct Core {
    std::shared_ptr<const Subscribers> List() {
      MutexLock lock(mu);
      return list;
    }
    bool Add(std::shared_ptr<Subscriber> subscriber) {
      MutexLock lock(mu);
      if (closed) return false;
      auto next = std::make_shared<Subscribers>(*list);
      next->push_back(std::move(subscriber));
      list = std::move(next);
      return true;
    }
    void Remove(const Subscriber* subscriber) {
      MutexLock lock(mu);
      auto next = std::make_shared<Subscribers>(*list);
      std::erase_if(*next, [&](const auto& s) { return s.get() == subscriber; });
      list = std::move(next);
    }
    // The result is closed when no publisher is left.
    RecvChan<Empty> Refuse() {
      MutexLock lock(mu);
      if (!std::exchange(closed, true) && publishing == 0) quiet.Close();
      return quiet;
    }
    void Left() {
      MutexLock lock(mu);
      if (--publishing == 0 && closed) quiet.Close();
    }
    void EndAll() {
      std::shared_ptr<const Subscribers> ended;
      {
        MutexLock lock(mu);
        ended = std::exchange(list, std::make_shared<Subscribers>());
      }
      for (const auto& s : *ended) s->channel.Close();
    }

    Mutex mu;
    // Replaced as a whole, so that publishers read it without the lock.
    std::shared_ptr<const Subscribers> list ABSL_GUARDED_BY(mu) = std::make_shared<Subscribers>();
    int64_t publishing ABSL_GUARDED_BY(mu) = 0;
    bool closed ABSL_GUARDED_BY(mu) = false;
    const Chan<Empty> quiet = MakeChan<Empty>();
  };

  // A publisher that is inside.
  class Publishing {
   public:
    explicit Publishing(Core& core) : core_(core) {
      MutexLock lock(core.mu);
      if (core.closed) return;
      ++core.publishing;
      subscribers_ = core.list;
    }
    Publishing(const Publishing&) = delete;
    ~Publishing() {
      if (ok()) core_.Left();
    }
    bool ok() const { return subscribers_ != nullptr; }
    const std::shared_ptr<const Subscribers>& subscribers() const { return subscribers_; }

   private:
    Core& core_;
    std::shared_ptr<const Subscribers> subscribers_;
  };

  // A subscriber that has to be waited for.
  struct Pending {
    std::shared_ptr<Subscriber> subscriber;
    typename ClosableChan<T>::Entry entry;
    int64_t deadline_ns;
  };

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // Does what can be done at once.
  static void Deliver(const std::shared_ptr<Subscriber>& s, const T& value,
                      std::vector<Pending>* pending) {
    typename ClosableChan<T>::Entry entry(s->channel);
    if (!entry) return;
    s->accepted.Add(1);
    while (!entry.chan().TrySend(value)) {
      if (s->options.when_full == WhenFull::kDropNewest) {
        s->dropped.Add(1);
        return;
      }
      if (s->options.when_full != WhenFull::kDropOldest) {
        const bool limited =
            s->options.when_full == WhenFull::kTimeOut && s->options.timeout < absl::Hours(1 << 20);
        pending->push_back(
            {s, std::move(entry),
             limited ? MonotonicNanos() + absl::ToInt64Nanoseconds(s->options.timeout) : kNever});
        return;
      }
      if (entry.chan().TryRecv()) s->dropped.Add(1);
    }
  }

  // Waits for all of them at once.
  static absl::Status Await(const Context& ctx, std::vector<Pending> pending, const T& value) {
    while (!pending.empty()) {
      const auto first = std::min_element(
          pending.begin(), pending.end(),
          [](const Pending& a, const Pending& b) { return a.deadline_ns < b.deadline_ns; });
      RecvChan<absl::Time> late;
      if (first->deadline_ns != kNever)
        late = After(absl::Nanoseconds(first->deadline_ns - MonotonicNanos()));
      std::vector<SelectCase> cases;
      cases.reserve(2 + 2 * pending.size());
      cases.push_back(OnDone(ctx));
      cases.push_back(OnRecv(late));
      for (const Pending& p : pending) {
        cases.push_back(OnSend(p.entry.chan(), value));
        cases.push_back(OnRecv(p.entry.done()));
      }
      const int ran = Select(cases);
      if (ran == 0) {
        for (const Pending& p : pending) p.subscriber->dropped.Add(1);
        return ctx.Err();
      }
      const auto settled = ran == 1 ? first : pending.begin() + (ran - 2) / 2;
      if (ran % 2 == 1) settled->subscriber->dropped.Add(1);  // too late, or evicted
      pending.erase(settled);
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<Core> core_ = std::make_shared<Core>();
};

}  // namespace weft

#endif  // WEFT_PATTERNS_PUBSUB_H_
