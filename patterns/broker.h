// broker.h: what publishers and subscribers see of whatever is between them.
//
// Go: none. Narrow on purpose: pubsub.h implements it in this process, and a client of a message
//   broker can stand behind it as well. Such a one registers names with its server and applies
//   predicates to what arrives.
//
// Thread safety: all methods, at any time.
// Blocks: Publish(): as the subscribers' policies say. Close(): until publishing has ended. The
//   others: nothing.
// Ordering: a Publish() is before the receive of its value. What one fiber publishes arrives in
//   that order.
// Lifetime: a subscription ends with its Subscription; the values that wait in it can be received
//   as long as somebody holds its channel.
// Misuse: kDropOldest without a buffer panics: there is nothing to drop.
//
//   weft::SubscriberOptions options{.buffer = 64, .when_full = weft::WhenFull::kDropOldest};
//   auto quotes = broker.Subscribe(weft::Topic<Quote>::Named("EURUSD"), options);
//   for (const Quote& q : quotes.C()) Show(q);
#ifndef WEFT_PATTERNS_BROKER_H_
#define WEFT_PATTERNS_BROKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"

namespace weft {

// What a publisher does about a subscriber whose buffer is full.
enum class WhenFull : uint8_t {
  kBlock,       // waits for it, as long as the publisher's context lives
  kTimeOut,     // waits for `timeout`, then drops this value
  kDropNewest,  // drops this value
  kDropOldest,  // drops what has waited longest in the buffer
};

struct SubscriberOptions {
  int64_t buffer = 16;
  WhenFull when_full = WhenFull::kBlock;
  // For kTimeOut. Counted from the Publish(), for all subscribers alike, so that many slow ones do
  // not add up.
  absl::Duration timeout = absl::Seconds(1);
};

// What became of the values that were meant for one subscriber.
struct SubscriberCounts {
  int64_t accepted = 0;  // published while it was subscribed, and matching
  int64_t dropped = 0;   // of these, never to be received
  // Received, or still in the buffer.
  int64_t delivered() const { return accepted - dropped; }
};

// Which values a subscriber wants.
template <typename T>
class Topic {
 public:
  using Predicate = std::function<bool(const std::string& topic, const T& value)>;

  static Topic All() { return Topic("", nullptr); }
  // Those that are published under this very name.
  static Topic Named(std::string name) { return Topic(std::move(name), nullptr); }
  // Called by the publisher, for each value: it should be quick. What it throws comes out of
  // Publish(), and nobody gets the value.
  static Topic Where(Predicate predicate) { return Topic("", std::move(predicate)); }

  bool Matches(const std::string& topic, const T& value) const {
    return predicate_ ? predicate_(topic, value) : name_.empty() || name_ == topic;
  }
  // Empty: all names.
  const std::string& name() const { return name_; }

 private:
  Topic(std::string name, Predicate predicate)
      : name_(std::move(name)), predicate_(std::move(predicate)) {}

  std::string name_;
  Predicate predicate_;
};

// The end of a subscriber. Ends the subscription when it is destroyed.
template <typename T>
class ABSL_MUST_USE_RESULT Subscription {
 public:
  // For brokers.
  class State {
   public:
    virtual ~State() = default;
    virtual RecvChan<T> C() const = 0;
    virtual SubscriberCounts Counts() const = 0;
    virtual void Evict() = 0;
  };
  explicit Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

  Subscription(Subscription&& other) = default;
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Subscription() { Evict(); }

  // The values. Closed when the subscription has ended, after what is in the buffer.
  RecvChan<T> C() const { return state_->C(); }

  SubscriberCounts Counts() const { return state_->Counts(); }

  // Ends the subscription, and the wait of publishers for it: what they wait with is dropped.
  void Evict() const {
    if (state_ != nullptr) state_->Evict();
  }

 private:
  std::shared_ptr<State> state_;
};

template <typename T>
class Broker {
 public:
  virtual ~Broker() = default;

  // OK: every subscriber that this value is meant for has it in its buffer, or has it counted as
  // dropped. kFailedPrecondition: closed; nobody gets it. ctx.Err(): the context ended while a
  // subscriber was waited for; the others have it, and for this one it counts as dropped.
  virtual absl::Status Publish(const Context& ctx, std::string topic, T value) = 0;

  // From now on. After Close() the subscription has ended already.
  virtual Subscription<T> Subscribe(Topic<T> topic, SubscriberOptions options) = 0;

  // Lets publishers that are inside finish, then ends all subscriptions: nothing that was accepted
  // is lost. If the context ends first, what they still wait with is dropped and counted, and
  // ctx.Err() returned.
  virtual absl::Status Close(const Context& ctx) = 0;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BROKER_H_
