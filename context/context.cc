#include "weft/context/context.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "weft/context/internal/foreign_node.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/timer.h"

namespace weft {

using context_internal::CancelNode;
using context_internal::ForeignNode;
using context_internal::Kind;
using context_internal::Node;
using context_internal::Reason;
using context_internal::ValueNode;

namespace context_internal {

void PanicNilParent() { Panic("cannot create context from nil parent"); }

namespace {

// A new link below `parent`, whose reference it takes.
void Inherit(Node* node, const Context& parent) {
  node->parent = parent.node();
  node->parent->Ref();
  node->canceler = node->parent->canceler;
  node->foreign = node->parent->foreign;
}

// Deletes a node that nothing refers to. Returns the parent, whose reference passes to the caller.
Node* Destroy(Node* node) {
  Node* const parent = node->parent;
  switch (node->kind) {
    case Kind::kCancel:
    case Kind::kDeadline:
      return static_cast<CancelNode*>(node)->Release();
    case Kind::kValue: {
      auto* const value = static_cast<ValueNode*>(node);
      value->destroy(value);
      return parent;
    }
    case Kind::kForeign:
      delete static_cast<ForeignNode*>(node);
      return parent;
    default:
      delete node;
      return parent;
  }
}

}  // namespace

void Unref(Node* node) {
  while (node != nullptr && !node->IsStatic()) {
    // ORDER(context.refs): acquire in the load, acq_rel in the other; they pair with the latter:
    // the last comes after all that other handles have done. Who has the only one is the last: a
    // second can only be made from one.
    if (node->refs.load(std::memory_order_acquire) != 1 &&
        node->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) {
      return;
    }
    node = Destroy(node);
  }
}

ValueNode::ValueNode(const Context& parent, const void* key, const char* name,
                     void (*destroy)(ValueNode*))
    : Node(Kind::kValue), key(key), name(name), destroy(destroy) {
  Inherit(this, parent);
}

}  // namespace context_internal

namespace {

Node* StaticNode(Kind kind) {
  static Node background(Kind::kBackground);
  static Node todo(Kind::kTodo);
  return kind == Kind::kBackground ? &background : &todo;
}

const RecvChan<Empty>& Never() {
  static const auto* const nil = new RecvChan<Empty>();
  return *nil;
}

absl::Time DeadlineOf(const Context& context) {
  if (!context) context_internal::PanicNilParent();
  if (const CancelNode* const canceler = context.node()->canceler) return canceler->deadline();
  return context.Deadline().value_or(absl::InfiniteFuture());
}

// A child that ends with its parent, which is not nil, and what cancels it.
template <typename Func>
std::pair<Context, Func> NewCancelNode(const Context& parent, Kind kind, absl::Time deadline) {
  parent.node()->Ref();
  auto* const node = new CancelNode(kind, parent.node(), deadline);
  std::pair<Context, Func> both(Context::Adopt(node), Func(Context::Adopt(node)));
  if (parent.node()->foreign != nullptr) {
    context_internal::FollowForeign(*parent.node()->foreign, both.first);
  } else {
    node->AttachTo(parent.node()->canceler);
  }
  return both;
}

void CancelContext(const Context& context, const absl::Status& cause) {
  if (context) context.node()->canceler->Cancel(Reason::kCancelled, cause);
}

}  // namespace

Context Background() { return Context::Adopt(StaticNode(Kind::kBackground)); }
Context TODO() { return Context::Adopt(StaticNode(Kind::kTodo)); }

Context::Context(std::shared_ptr<const CustomContext> custom) {
  if (custom != nullptr) node_ = context_internal::Wrap(std::move(custom));
}

const absl::Status& Context::ErrSlow() const {
  return node_->foreign != nullptr ? node_->foreign->Err()
                                   : context_internal::ErrorOf(Reason::kNone);
}

const RecvChan<Empty>& Context::DoneSlow() const {
  return node_->foreign != nullptr ? node_->foreign->done : Never();
}

std::optional<absl::Time> Context::Deadline() const {
  if (node_->canceler != nullptr) {
    const absl::Time deadline = node_->canceler->deadline();
    return deadline == absl::InfiniteFuture() ? std::nullopt : std::optional<absl::Time>(deadline);
  }
  return node_->foreign != nullptr ? node_->foreign->custom->Deadline() : std::nullopt;
}

const void* Context::Value(const void* key) const {
  for (const Node* node = node_; node != nullptr; node = node->parent) {
    switch (node->kind) {
      case Kind::kValue:
        if (static_cast<const ValueNode*>(node)->key == key)
          return static_cast<const ValueNode*>(node)->value;
        break;
      case Kind::kForeign:
        return static_cast<const ForeignNode*>(node)->custom->Value(key);
      case Kind::kCancel:
      case Kind::kDeadline:
        if (key == context_internal::CancelerKey()) return node;
        break;
      case Kind::kWithoutCancel:
        if (key == context_internal::CancelerKey()) return nullptr;
        break;
      default:
        break;
    }
  }
  return nullptr;
}

std::string Context::String() const {
  std::vector<std::string> links;
  for (const Node* node = node_; node != nullptr; node = node->parent) {
    switch (node->kind) {
      case Kind::kBackground:
        links.push_back("context.Background");
        break;
      case Kind::kTodo:
        links.push_back("context.TODO");
        break;
      case Kind::kCancel:
        links.push_back(".WithCancel");
        break;
      case Kind::kDeadline: {
        const absl::Time deadline = static_cast<const CancelNode*>(node)->deadline();
        links.push_back(absl::StrCat(".WithDeadline(", absl::FormatTime(deadline), " [",
                                     absl::FormatDuration(deadline - WallNow()), "])"));
        break;
      }
      case Kind::kValue:
        links.push_back(
            absl::StrCat(".WithValue(", static_cast<const ValueNode*>(node)->name, ")"));
        break;
      case Kind::kWithoutCancel:
        links.push_back(".WithoutCancel");
        break;
      case Kind::kForeign:
        links.push_back(static_cast<const ForeignNode*>(node)->custom->String());
        break;
    }
  }
  std::string text;
  for (auto link = links.rbegin(); link != links.rend(); ++link) text += *link;
  return text;
}

bool Context::Watch(CancelWatcher* watcher) const {
  if (node_->canceler != nullptr) return node_->canceler->Watch(watcher);
  if (node_->foreign == nullptr) return true;
  // A child that can be watched; Unwatch() gives it back.
  watcher->proxy = WithCancel(*this).first.Detach();
  if (static_cast<Node*>(watcher->proxy)->canceler->Watch(watcher)) return true;
  Unwatch(watcher);
  return false;
}

void Context::Unwatch(CancelWatcher* watcher) const {
  if (node_->canceler != nullptr) return node_->canceler->Unwatch(watcher);
  if (watcher->proxy == nullptr) return;
  const Context proxy = Adopt(static_cast<Node*>(std::exchange(watcher->proxy, nullptr)));
  proxy.node_->canceler->Unwatch(watcher);
  CancelContext(proxy, absl::OkStatus());
}

void CancelFunc::operator()() const { CancelContext(context_, absl::OkStatus()); }
void CancelCauseFunc::operator()(absl::Status cause) const { CancelContext(context_, cause); }

std::pair<Context, CancelFunc> WithCancel(const Context& parent) {
  return NewCancelNode<CancelFunc>(parent, Kind::kCancel, DeadlineOf(parent));
}

std::pair<Context, CancelCauseFunc> WithCancelCause(const Context& parent) {
  return NewCancelNode<CancelCauseFunc>(parent, Kind::kCancel, DeadlineOf(parent));
}

namespace {

// Reading the clock is a good part of the cost, so it is read once.
std::pair<Context, CancelFunc> WithDeadlineFrom(absl::Time now, const Context& parent,
                                                absl::Time deadline, absl::Status cause) {
  const absl::Time above = DeadlineOf(parent);
  if (deadline == absl::InfiniteFuture() || above < deadline)
    return NewCancelNode<CancelFunc>(parent, Kind::kCancel, above);
  auto both = NewCancelNode<CancelFunc>(parent, Kind::kDeadline, deadline);
  CancelNode* const node = both.first.node()->canceler;
  if (deadline <= now) node->Cancel(Reason::kDeadlineExceeded, cause);
  node->ArmTimer(deadline - now, std::move(cause));
  return both;
}

}  // namespace

std::pair<Context, CancelFunc> WithDeadline(const Context& parent, absl::Time deadline) {
  return WithDeadlineFrom(WallNow(), parent, deadline, absl::OkStatus());
}

std::pair<Context, CancelFunc> WithDeadlineCause(const Context& parent, absl::Time deadline,
                                                 absl::Status cause) {
  return WithDeadlineFrom(WallNow(), parent, deadline, std::move(cause));
}

std::pair<Context, CancelFunc> WithTimeout(const Context& parent, absl::Duration timeout) {
  return WithTimeoutCause(parent, timeout, absl::OkStatus());
}

std::pair<Context, CancelFunc> WithTimeoutCause(const Context& parent, absl::Duration timeout,
                                                absl::Status cause) {
  const absl::Time now = WallNow();
  return WithDeadlineFrom(now, parent, now + timeout, std::move(cause));
}

Context WithoutCancel(const Context& parent) {
  if (!parent) context_internal::PanicNilParent();
  auto* const node = new Node(Kind::kWithoutCancel);
  node->parent = parent.node();
  node->parent->Ref();
  return Context::Adopt(node);
}

absl::Status Cause(const Context& context) {
  const Node* const node = context.node();
  return node->canceler != nullptr ? node->canceler->Cause() : context.Err();
}

// The function and its registration. Keeps itself, and the context, until it has run or has been
// stopped.
struct StopFunc::State : CancelWatcher {
  State(Context context, std::function<void()> f, sched_internal::StackKind kind)
      : CancelWatcher([](CancelWatcher* self) { static_cast<State*>(self)->Run(); }),
        context(std::move(context)),
        function(std::move(f)),
        kind(kind) {}

  // ORDER(context.after): acq_rel; pairs with itself: one of Run() and Stop() gets it.
  bool Claim() { return !claimed.exchange(true, std::memory_order_acq_rel); }

  void Run() {
    if (!Claim()) return;
    std::shared_ptr<State> keep = std::move(self);
    sched_internal::StartFiber(kind, {}, [keep = std::move(keep)] {
      keep->function();
      keep->function = nullptr;
    });
  }

  bool Stop() {
    if (!Claim()) return false;
    context.Unwatch(this);
    function = nullptr;
    self.reset();
    return true;
  }

  const Context context;
  std::function<void()> function;
  const sched_internal::StackKind kind;  // that of the code which gave the function
  sched_internal::VisibleAtom<bool> claimed{false};
  std::shared_ptr<State> self;
};

StopFunc AfterFunc(const Context& context, std::function<void()> f,
                   sched_internal::StackKind kind) {
  if (!context) context_internal::PanicNilParent();
  if (f == nullptr) sched_internal::FatalNilFunction();
  auto state = std::make_shared<StopFunc::State>(context, std::move(f), kind);
  if (!context.Done()) return StopFunc(std::move(state));  // it will never end
  state->self = state;
  if (!context.Watch(state.get())) state->Run();
  return StopFunc(std::move(state));
}

bool StopFunc::operator()() const { return state_ != nullptr && state_->Stop(); }

}  // namespace weft
