// context.h: tells all who work on one request when to stop, and carries the request's values.
//
// Go: context, with all of its functions. Differences: a Context is a handle to an immutable chain;
//   keys of values are typed; another implementation derives from CustomContext; errors are
//   absl::Status.
//
// Thread safety: everything. One handle, like a pointer, must not be assigned to while another
//   thread uses that handle.
// Blocks: nothing.
// Ordering: a cancellation synchronizes with everything that learns of it: Err(), Cause(), Done(),
//   AfterFunc().
// Lifetime: handles, and copies of Done(), share the context. One that nobody refers to any more
//   leaves its parent by itself, cancelled or not.
// Misuse: to derive from Context() panics: `cannot create context from nil parent`.
// Cost: Err() one load, no copy; Done() nothing; a child that can be cancelled one allocation of
//   512 bytes, no fiber; cancelling is linear in the number of descendants and needs constant
//   stack. A child of a CustomContext costs a fiber.
//
//   auto [ctx, cancel] = weft::WithTimeout(parent, absl::Seconds(2));
//   weft::CancelOnExit stop(cancel);
//   switch (weft::Select(weft::OnRecv(answers, &answer), weft::OnDone(ctx))) {
//     case 0: return *answer;
//     case 1: return ctx.Err();
//   }
#ifndef WEFT_CONTEXT_CONTEXT_H_
#define WEFT_CONTEXT_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/internal/cancel_node.h"
#include "weft/context/internal/node.h"
#include "weft/sched/internal/stack_kind.h"
#include "weft/sync/cancellation.h"

namespace weft {

class CustomContext;

// The name of a value: an object, usually of static storage, whose address is the key.
template <typename T>
class ContextKey {
 public:
  // `name` is for Context::String(), and must outlive the key.
  constexpr explicit ContextKey(const char* name = "key") : name_(name) {}
  ContextKey(const ContextKey&) = delete;
  ContextKey& operator=(const ContextKey&) = delete;

  const char* name() const { return name_; }

 private:
  const char* name_;
};

class Context {
 public:
  // The nil context: nothing may be done with it but to compare and to assign.
  Context() = default;
  // Another implementation.
  explicit Context(std::shared_ptr<const CustomContext> custom);

  Context(const Context& other) : node_(other.node_) {
    if (node_ != nullptr) node_->Ref();
  }
  Context(Context&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Context& operator=(Context other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Context() {
    if (node_ != nullptr) context_internal::Unref(node_);
  }

  // OK while the context is alive; then kCancelled or kDeadlineExceeded, for ever. Never the cause.
  // What the reference refers to outlives the context, but for a CustomContext's own error.
  const absl::Status& Err() const {
    if (node_->canceler != nullptr) [[likely]]
      return node_->canceler->Err();
    return ErrSlow();
  }

  // Closed when the context ends. Always the same; nil if the context cannot end.
  const RecvChan<Empty>& Done() const& ABSL_ATTRIBUTE_LIFETIME_BOUND {
    if (node_->canceler != nullptr) [[likely]]
      return node_->canceler->Done();
    return DoneSlow();
  }
  RecvChan<Empty> Done() && { return std::as_const(*this).Done(); }

  // When the context will end by itself; nothing if it will not.
  std::optional<absl::Time> Deadline() const;

  // The value of the nearest WithValue() with this key; null if there is none. Lives as long as the
  // context.
  template <typename T>
  const T* Value(const ContextKey<T>& key) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return static_cast<const T*>(Value(static_cast<const void*>(&key)));
  }
  // For implementations of CustomContext, which pass on what they do not know.
  const void* Value(const void* key) const;

  // How it was made: "context.Background.WithCancel.WithValue(user)".
  std::string String() const;

  // For primitives that wait: see sync/cancellation.h.
  bool Watch(CancelWatcher* watcher) const;
  void Unwatch(CancelWatcher* watcher) const;

  explicit operator bool() const { return node_ != nullptr; }
  friend bool operator==(const Context& a, const Context& b) { return a.node_ == b.node_; }

  // For weft itself. Adopt() takes over one reference.
  context_internal::Node* node() const { return node_; }
  context_internal::Node* Detach() { return std::exchange(node_, nullptr); }
  static Context Adopt(context_internal::Node* node) {
    Context context;
    context.node_ = node;
    return context;
  }

 private:
  const absl::Status& ErrSlow() const;
  const RecvChan<Empty>& DoneSlow() const;

  context_internal::Node* node_ = nullptr;
};

static_assert(Cancellation<Context>);

// Another implementation of a context. All methods may be called from anywhere at any time, and
// always give the same until the context ends. Children that can be cancelled cost a fiber each,
// which waits for the end of either.
class CustomContext {
 public:
  virtual ~CustomContext() = default;

  virtual std::optional<absl::Time> Deadline() const { return std::nullopt; }
  virtual RecvChan<Empty> Done() const = 0;
  // Not OK once Done() is closed.
  virtual absl::Status Err() const = 0;
  // A wrapper passes keys that it does not know to Context::Value() of what it wraps. If it passes
  // on Done(), too, its children follow the wrapped context and cost no fiber.
  virtual const void* Value(const void* /*key*/) const { return nullptr; }
  // Registers `f` to be called once when the context ends, and returns a function that prevents
  // that and tells whether it did; or an empty function: not implemented. If implemented, it
  // replaces the fibers.
  virtual std::function<bool()> AfterFunc(std::function<void()> /*f*/) const { return nullptr; }
  virtual std::string String() const { return "custom"; }
};

// Cancels its context. Copyable, may be called often and from anywhere; only the first call counts,
// and none waits for those who work to stop. Does nothing by being destroyed.
class CancelFunc {
 public:
  CancelFunc() = default;
  void operator()() const;

  // For weft itself.
  explicit CancelFunc(Context context) : context_(std::move(context)) {}

 private:
  Context context_;
};

// As CancelFunc, and says why: what Cause() then returns. OK stands for `context canceled`.
class CancelCauseFunc {
 public:
  CancelCauseFunc() = default;
  void operator()(absl::Status cause) const;

  // For weft itself.
  explicit CancelCauseFunc(Context context) : context_(std::move(context)) {}

 private:
  Context context_;
};

// Calls cancel() at the end of a scope.
class CancelOnExit {
 public:
  explicit CancelOnExit(CancelFunc cancel) : cancel_(std::move(cancel)) {}
  ~CancelOnExit() { cancel_(); }
  CancelOnExit(const CancelOnExit&) = delete;
  CancelOnExit& operator=(const CancelOnExit&) = delete;

 private:
  CancelFunc cancel_;
};

// Prevents what AfterFunc() has announced. Copyable.
class StopFunc {
 public:
  StopFunc() = default;
  // Returns whether this call prevented the function from running. Does not wait for it.
  bool operator()() const;

  struct State;
  explicit StopFunc(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

// Never ends, has no values. TODO() says that it is not clear yet which context belongs here.
Context Background();
Context TODO();

// A child that ends when cancel() is called or the parent ends, whichever comes first.
std::pair<Context, CancelFunc> WithCancel(const Context& parent);
std::pair<Context, CancelCauseFunc> WithCancelCause(const Context& parent);

// A child that also ends at `deadline`, with kDeadlineExceeded; a parent that ends before makes it
// a WithCancel(). `cause` is for the deadline only: OK stands for `context deadline exceeded`.
std::pair<Context, CancelFunc> WithDeadline(const Context& parent, absl::Time deadline);
std::pair<Context, CancelFunc> WithDeadlineCause(const Context& parent, absl::Time deadline,
                                                 absl::Status cause);
std::pair<Context, CancelFunc> WithTimeout(const Context& parent, absl::Duration timeout);
std::pair<Context, CancelFunc> WithTimeoutCause(const Context& parent, absl::Duration timeout,
                                                absl::Status cause);

// A child with the parent's values that does not end with it, and has no deadline.
Context WithoutCancel(const Context& parent);

// Why the context ended: what the first cancellation gave, on it or on an ancestor; the error if it
// gave nothing. OK while it is alive.
absl::Status Cause(const Context& context);

// Has f() run in a fiber of its own once the context has ended; at once if it has.
StopFunc AfterFunc(
    const Context& context, std::function<void()> f,
    sched_internal::StackKind kind = sched_internal::kStackKind);  // `kind` is not for you to say

namespace context_internal {

// The part of a value's node that does not know its type.
struct ValueNode : Node {
  ValueNode(const Context& parent, const void* key, const char* name, void (*destroy)(ValueNode*));
  const void* const key;
  const char* const name;
  const void* value = nullptr;
  void (*const destroy)(ValueNode*);
};

template <typename T>
struct TypedValueNode : ValueNode {
  TypedValueNode(const Context& parent, const ContextKey<T>& key, T v)
      : ValueNode(parent, &key, key.name(),
                  [](ValueNode* self) { delete static_cast<TypedValueNode*>(self); }),
        stored(std::move(v)) {
    value = &stored;
  }
  const T stored;
};

[[noreturn]] void PanicNilParent();

}  // namespace context_internal

// A child with a value. The value must be safe to read from many fibers at once.
template <typename T>
Context WithValue(const Context& parent, const ContextKey<T>& key, std::type_identity_t<T> value) {
  if (!parent) context_internal::PanicNilParent();
  return Context::Adopt(new context_internal::TypedValueNode<T>(parent, key, std::move(value)));
}

}  // namespace weft

#endif  // WEFT_CONTEXT_CONTEXT_H_
