// Random trees of contexts against a slow reference, which after each step asks every node again.
// WEFT_SEED replays.
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"

namespace weft {
namespace {

constexpr ContextKey<int> kKey("key");
const absl::Status kCanceled(absl::StatusCode::kCancelled, "context canceled");
const absl::Status kExceeded(absl::StatusCode::kDeadlineExceeded, "context deadline exceeded");

// Children come after their parents, so that one pass in order reaches all descendants.
class Reference {
 public:
  enum class Kind { kPassive, kCancelable, kDetached };
  struct Node {
    int parent = -1;
    Kind kind = Kind::kDetached;
    std::optional<int> value = std::nullopt;
    std::optional<absl::Time> deadline = std::nullopt;  // of its own
    absl::Status err = absl::OkStatus();                // of its own
    absl::Status cause = absl::OkStatus();
  };

  Reference() : nodes_(1) {}

  void Add(Node node) {
    nodes_.push_back(std::move(node));
    Spread();
  }
  void Cancel(int i, const absl::Status& err, const absl::Status& cause) {
    if (!nodes_[i].err.ok()) return;
    nodes_[i].err = err;
    nodes_[i].cause = cause;
    Spread();
  }

  absl::Status Err(int i) const { return CancelerOf(i).err; }
  absl::Status Cause(int i) const { return CancelerOf(i).cause; }
  bool MayEnd(int i) const { return CancelerOf(i).kind == Kind::kCancelable; }
  std::optional<int> Value(int i) const {
    for (; i >= 0; i = nodes_[i].parent) {
      if (nodes_[i].value) return nodes_[i].value;
    }
    return std::nullopt;
  }
  std::optional<absl::Time> Deadline(int i) const {
    std::optional<absl::Time> earliest;
    for (; i >= 0 && nodes_[i].kind != Kind::kDetached; i = nodes_[i].parent) {
      const std::optional<absl::Time>& own = nodes_[i].deadline;
      if (own && (!earliest || *own < *earliest)) earliest = own;
    }
    return earliest;
  }

 private:
  const Node& CancelerOf(int i) const {
    while (nodes_[i].kind == Kind::kPassive) i = nodes_[i].parent;
    return nodes_[i];
  }
  void Spread() {
    for (Node& node : nodes_) {
      if (node.kind != Kind::kCancelable || !node.err.ok()) continue;
      const Node& above = CancelerOf(node.parent);
      node.err = above.err;
      node.cause = above.cause;
    }
  }

  std::vector<Node> nodes_;
};

class Program {
 public:
  explicit Program(uint64_t seed) : random_(seed) { nodes_.push_back({Background(), nullptr}); }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) Step();
    for (const auto& watch : watches_) ExpectRan(*watch);
  }

 private:
  struct Node {
    Context ctx;
    // Null if it has none, or the handles are gone.
    std::function<void(const absl::Status& cause)> cancel;
  };
  struct Watch {
    int node;
    StopFunc stop;
    bool stopped = false;
    Chan<Empty> ran = MakeChan<Empty>(2);
  };

  int Pick(size_t n) { return static_cast<int>(random_() % n); }
  // A node whose handle is still there.
  int PickNode() {
    for (;;) {
      const int i = Pick(nodes_.size());
      if (nodes_[i].ctx) return i;
    }
  }

  void Step() {
    const int at = PickNode();
    const int what = Pick(10);
    log_ += absl::StrCat(what, "@", at, " ");
    switch (what) {
      case 0:
        return Add(at, WithCancel(nodes_[at].ctx), {});
      case 1:
        return Add(at, WithCancelCause(nodes_[at].ctx), {});
      case 2:
        return AddDeadline(at, absl::Now() + absl::Hours(1 + Pick(100)));
      case 3:
        return AddDeadline(at, absl::Now() - absl::Seconds(Pick(100)));
      case 4: {
        const int value = Pick(1000);
        return Add(at, WithValue(nodes_[at].ctx, kKey, value),
                   {.kind = Reference::Kind::kPassive, .value = value});
      }
      case 5:
        return Add(at, WithoutCancel(nodes_[at].ctx), {.kind = Reference::Kind::kDetached});
      case 6:
        return AddWatch(at);
      case 7:
        return StopOne();
      case 8:
        if (at != 0) nodes_[at] = {};
        return CheckAll();
      default:
        if (nodes_[at].cancel) {
          const absl::Status cause = absl::AbortedError(absl::StrCat("cause ", log_.size()));
          nodes_[at].cancel(cause);
          reference_.Cancel(at, kCanceled, takes_cause_[at] ? cause : kCanceled);
        }
        return CheckAll();
    }
  }

  void Add(int parent, Context ctx, Reference::Node reference) {
    Push(parent, {std::move(ctx), nullptr}, false, std::move(reference));
  }
  void Add(int parent, std::pair<Context, CancelFunc> made, Reference::Node reference) {
    reference.kind = Reference::Kind::kCancelable;
    auto cancel = [cancel = std::move(made.second)](const absl::Status&) { cancel(); };
    Push(parent, {std::move(made.first), std::move(cancel)}, false, std::move(reference));
  }
  void Add(int parent, std::pair<Context, CancelCauseFunc> made, Reference::Node reference) {
    reference.kind = Reference::Kind::kCancelable;
    auto cancel = [cancel = std::move(made.second)](const absl::Status& c) { cancel(c); };
    Push(parent, {std::move(made.first), std::move(cancel)}, true, std::move(reference));
  }
  void Push(int parent, Node node, bool takes_cause, Reference::Node reference) {
    reference.parent = parent;
    nodes_.push_back(std::move(node));
    takes_cause_.resize(nodes_.size());
    takes_cause_.back() = takes_cause;
    reference_.Add(std::move(reference));
    CheckAll();
  }
  void AddDeadline(int parent, absl::Time deadline) {
    const absl::Status cause = absl::OutOfRangeError(absl::StrCat("deadline ", log_.size()));
    const int made = static_cast<int>(nodes_.size());
    auto child = WithDeadlineCause(nodes_[parent].ctx, deadline, cause);
    const bool over = deadline <= absl::Now();
    // What it inherits comes first; then a deadline that is over already.
    nodes_.push_back({child.first, [cancel = child.second](const absl::Status&) { cancel(); }});
    takes_cause_.resize(nodes_.size());
    reference_.Add({.parent = parent, .kind = Reference::Kind::kCancelable, .deadline = deadline});
    if (over) reference_.Cancel(made, kExceeded, cause);
    CheckAll();
  }

  void AddWatch(int node) {
    auto watch = std::make_unique<Watch>();
    watch->node = node;
    watch->stop = AfterFunc(nodes_[node].ctx, [ran = watch->ran] { ran.Send({}); });
    watches_.push_back(std::move(watch));
  }
  void StopOne() {
    if (watches_.empty()) return;
    Watch& watch = *watches_[Pick(watches_.size())];
    const bool prevents = !watch.stopped && reference_.Err(watch.node).ok();
    EXPECT_EQ(watch.stop(), prevents) << At(watch.node);
    watch.stopped |= prevents;
  }
  void ExpectRan(Watch& watch) {
    const bool runs = !watch.stopped && !reference_.Err(watch.node).ok();
    if (runs) watch.ran.Recv();
    watch.stop();
    EXPECT_TRUE(watch.ran.TryRecv().empty()) << "ran " << (runs ? "twice" : "for no reason");
  }

  // Not by SCOPED_TRACE: the fiber may move to another thread, whose traces are others.
  std::string At(int i) const { return absl::StrCat("node ", i, " after ", log_); }

  void CheckAll() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].ctx) Check(static_cast<int>(i), nodes_[i].ctx);
    }
  }
  void Check(int i, const Context& ctx) {
    ASSERT_EQ(ctx.Err(), reference_.Err(i)) << At(i);
    ASSERT_EQ(Cause(ctx), reference_.Cause(i)) << At(i);
    ASSERT_EQ(bool(ctx.Done()), reference_.MayEnd(i)) << At(i);
    if (ctx.Done()) {
      ASSERT_EQ(ctx.Done().TryRecv().closed(), !ctx.Err().ok()) << At(i);
    }
    ASSERT_EQ(ctx.Deadline(), reference_.Deadline(i)) << At(i);
    const int* const value = ctx.Value(kKey);
    ASSERT_EQ(value == nullptr ? std::nullopt : std::optional<int>(*value), reference_.Value(i))
        << At(i);
  }

  std::mt19937_64 random_;
  std::string log_;
  Reference reference_;
  std::vector<Node> nodes_;
  std::vector<bool> takes_cause_ = {false};
  std::vector<std::unique_ptr<Watch>> watches_;
};

using ContextPropertyTest = testing::FiberTest;

TEST_F(ContextPropertyTest, TreesDoAsTheirReference) {
  const uint64_t seed = testing::Seed();
  testing::RunInFiber([seed] {
    const int programs = testing::Repeat(100);
    for (int i = 0; i < programs && !HasFailure(); ++i) Program(seed + i).Run(80);
  });
}

}  // namespace
}  // namespace weft
