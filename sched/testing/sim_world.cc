#include "weft/sched/testing/sim_world.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "weft/sched/go.h"
#include "weft/sched/internal/eh_globals.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/terminate.h"
#include "weft/sched/panic.h"

namespace weft::sim_internal {

using sched_internal::Processor;
using sched_internal::Scheduler;
using sched_internal::StackArena;

namespace {

// The processors of worlds. Never freed: a timer that was armed in a world and outlives it is still
// in its queue, and can be cancelled there.
class Processors {
 public:
  Processor* Take(uint32_t bubble) {
    sched_internal::SpinLockHolder hold(lock_);
    const auto usable = std::find_if(idle_.begin(), idle_.end(), [](const Processor* processor) {
      return processor->timers.next_when() == sched_internal::TimerQueue::kNever;
    });
    Processor* processor;
    if (usable == idle_.end()) {
      processor = new Processor(/*id=*/0, World::kStartNanos);
    } else {
      processor = *usable;
      idle_.erase(usable);
    }
    processor->timers.SetWorld(bubble, World::kStartNanos);
    // Ids begin anew with each world, so that they are the same in the same run.
    processor->next_fiber_id = 1;
    processor->last_fiber_id = UINT32_MAX;
    return processor;
  }

  // Not `reusable`: a timer's callback has not come to its end.
  void Give(Processor* processor, bool reusable) {
    for (int cache = 0; cache < Processor::kStackCaches; ++cache) {
      const int count =
          processor->stack_count[cache].exchange(0, std::memory_order_relaxed);  // ours
      for (int i = 0; i < count; ++i) {
        Fiber** slot = &processor->stacks[cache][i];
        StackArena::Instance().Give((*slot)->size_class, slot, 1);
      }
    }
    processor->timers.SetWorld(/*bubble=*/0, World::kStartNanos);
    sched_internal::SpinLockHolder hold(lock_);
    (reusable ? idle_ : broken_).push_back(processor);
  }

  static Processors& Instance() {
    static auto* processors = new Processors;
    return *processors;
  }

 private:
  sched_internal::SpinLock lock_;
  std::vector<Processor*> idle_ ABSL_GUARDED_BY(lock_);
  std::vector<Processor*> broken_ ABSL_GUARDED_BY(lock_);  // so that nothing in them is leaked
};

constexpr uint8_t kParkCode = 0x40;
constexpr uint8_t kEndCode = 0x80;
constexpr uint8_t kDrawCode = 0xc0;
constexpr uint8_t kTimeCode = 0xff;

}  // namespace

World::World(Strategy* strategy, const WorldOptions& options)
    : strategy_(strategy), options_(options), wants_steps_(strategy->WantsSteps()) {
  now_ns = kStartNanos;
  wall_offset = kStartUnixSeconds * 1'000'000'000 - kStartNanos;
  orders_fibers = !options.bubble_rules;
  members_.resize(1);
  names_.resize(1);
  sched_internal::SimRegister(this);
}

World::~World() { sched_internal::SimUnregister(this); }

void World::Execute(const std::function<void()>& fn) {
  sched_internal::InstallTerminateHandler();
  sched_internal::ThreadLocals* locals = sched_internal::CurrentThreadLocals();
  if (locals->worker != nullptr) weft::Fatal("a simulated world begins on a plain thread only");
  Processor* processor = Processors::Instance().Take(bubble);
  worker_.sim = this;
  worker_.interrupt.store(true, std::memory_order_relaxed);  // our own: see LeaveAsked()
  worker_.set_processor(processor);
  worker_.locals = locals;
  worker_.eh = sched_internal::ThreadEhGlobals();
  worker_.sanitizer.InitForThread();
  locals->worker = &worker_;
  sched_internal::PrepareWorkerStack(locals);
  // Every safe point is one: see Point().
  locals->preempt.store(1, std::memory_order_relaxed);  // our own
  strategy_->Begin();
  bool orderly = true;
  try {
    Go({.name = "main", .stack_bytes = 1 << 20}, [&fn] { fn(); });
    Scheduler::Instance().Loop(&worker_);
  } catch (const WorldEnded&) {
    orderly = false;
  }
  Abandon();
  race::Acquire(this);
  locals->preempt.store(0, std::memory_order_relaxed);  // our own
  locals->worker = nullptr;
  sched_internal::ReleaseWorkerStack(locals);
  worker_.set_processor(nullptr);
  Processors::Instance().Give(processor, orderly);
}

// --- Who is ready, and who is next. ---

void World::Join(Fiber* fiber) {
  const uint32_t id = IdOf(fiber);
  if (id >= members_.size()) {
    members_.resize(id + 1);
    names_.resize(id + 1);
  }
  members_[id].fiber = fiber;
  if (fiber->name != nullptr) names_[id] = fiber->name;
  ++live_;
}

void World::Leave(Fiber* fiber) {
  members_[fiber->id].fiber = nullptr;
  --live_;
  if (fiber->id == 1) drain_until_ = now_ns + absl::ToInt64Nanoseconds(options_.drain);
}

void World::MakeReady(Fiber* fiber) {
  const race::Ignore ignore;
  if (fiber->id >= members_.size() || members_[fiber->id].fiber != fiber) Join(fiber);
  ready_.push_back(fiber);
  ready_ids_.push_back(IdOf(fiber));
}

Fiber* World::Take(size_t index) {
  Fiber* fiber = ready_[index];
  ready_.erase(ready_.begin() + static_cast<ptrdiff_t>(index));
  ready_ids_.erase(ready_ids_.begin() + static_cast<ptrdiff_t>(index));
  return fiber;
}

int World::Pick(uint32_t after_fiber, Fiber* current, bool yields) {
  const int plain = current != nullptr ? -1 : 0;
  const uint32_t place = ++members_[after_fiber].places;
  const bool choice = ready_.size() + (current != nullptr ? 1 : 0) > 1;
  if (!choice && !wants_steps_) return plain;
  const int index = strategy_->Pick({after_fiber, place, yields}, IdOf(current), ready_ids_);
  if (index != plain) {
    const uint32_t value = ready_ids_[static_cast<size_t>(index)];
    deviations_.push_back({after_fiber, place, true, value, current != nullptr});
  }
  return index;
}

Fiber* World::PickNext(Fiber* self, After* after) {
  race::Release(this);  // before the return of a later Wait(), and before the world's end
  if (ended_) return nullptr;
  if (*after == After::kYield || *after == After::kYieldGlobal) CountPoint();
  const race::Ignore ignore;
  if (forced_ != nullptr) return std::exchange(forced_, nullptr);
  switch (*after) {
    case After::kEnd:
      Note(IdOf(self), kEndCode);
      if (options_.verbose) Tell(Event::Kind::kEnd, self, Op::kOther, 0);
      EndStep(self);
      Leave(self);
      break;
    case After::kPark: {
      const WaitReason reason = self->wait_reason.load(std::memory_order_relaxed);  // ours
      Note(IdOf(self), kParkCode | static_cast<uint8_t>(reason));
      if (options_.verbose) Tell(Event::Kind::kPark, self, Op::kOther, 0);
      members_[self->id].durable = !step_outside_;
      // A park that has touched nothing is an operation that does not tell what it touches.
      if (step_.accesses.empty() && reason != WaitReason::kSleep) step_.all = true;
      EndStep(self);
      break;
    }
    case After::kYield:
    case After::kYieldGlobal: {
      EndOperation(self, Op::kYield, nullptr);
      TakeInbox();
      if (ready_.empty() || quiet_ != 0) return self;
      Fiber* next = Take(static_cast<size_t>(Pick(IdOf(self), nullptr, /*yields=*/true)));
      MakeReady(self);
      *after = After::kNothing;
      return next;
    }
    case After::kNothing:
    case After::kRotate:  // never: a world's queue is no ring
      break;
  }
  TakeInbox();
  if (ready_.empty()) return nullptr;
  return Take(static_cast<size_t>(Pick(IdOf(self), nullptr)));
}

// --- Steps. ---

void World::CountPoint() {
  if (++points_ <= options_.max_points) return;
  Die(sched_internal::SimDeath::kFatal,
      "no end after " + std::to_string(options_.max_points) + " scheduling points");
}

void World::EndOperation(const Fiber* self, Op op, const void* object) {
  Note(IdOf(self), static_cast<uint8_t>(op));
  if (options_.verbose) {
    Tell(Event::Kind::kOp, self, op, object == nullptr ? 0 : NumberOf(object));
  }
  if (wants_steps_) AddOperation(op, object);
  EndStep(self);
}

void World::Point(Op op, const void* object) {
  Fiber* self = worker_.current;
  if (quiet_ == 0) CountPoint();
  if (Preempts(self, op, object)) Scheduler::Instance().Leave(&worker_, self, After::kNothing);
}

bool World::Preempts(Fiber* self, Op op, const void* object) {
  const race::Ignore ignore;
  if (quiet_ != 0) {
    if (wants_steps_) AddOperation(op, object);
    return false;
  }
  EndOperation(self, op, object);
  TakeInbox();
  const int index = Pick(IdOf(self), self, /*yields=*/false);
  if (index < 0) return false;
  if (options_.verbose) events_.back().preempted = true;
  forced_ = Take(static_cast<size_t>(index));
  self->status.store(sched_internal::FiberStatus::kRunnable, std::memory_order_relaxed);  // ours
  MakeReady(self);
  return true;
}

void World::Touch(const void* object, bool inside) {
  const race::Ignore ignore;
  step_outside_ |= !inside;
  if (wants_steps_) AddAccess(object, /*writes=*/true);
}

void World::AddOperation(Op op, const void* object) {
  // To start fibers in another order numbers them otherwise.
  static constexpr char kSpawning = 0;
  if (op == Op::kGo) object = &kSpawning;
  if (object == nullptr) {
    step_.all = true;
  } else {
    AddAccess(object, op != Op::kAtomicLoad && op != Op::kLoad);
  }
}

void World::AddAccess(const void* object, bool writes) {
  step_.Add({false, {{NumberOf(object), writes}}});
}

// By the order in which a run meets the objects. Two runs that begin alike number them alike; and
// where they part, whatever new object is touched next has the same number in both, so a step that
// is remembered from the one clashes in the other with the first step that may touch the same.
uint32_t World::NumberOf(const void* object) {
  return numbers_.try_emplace(object, static_cast<uint32_t>(numbers_.size() + 1)).first->second;
}

void World::EndStep(const Fiber* fiber) {
  if (wants_steps_) {
    strategy_->EndStep(IdOf(fiber), step_);
    step_.Clear();
  }
  step_outside_ = false;
}

uint32_t World::Draw(uint32_t n, ChoiceKind kind) {
  const race::Ignore ignore;
  const uint32_t fiber = IdOf(worker_.current);
  const uint32_t place = ++members_[fiber].places;
  const uint32_t value = strategy_->Choose({fiber, place, false}, n, kind);
  Note(fiber, kDrawCode | static_cast<uint8_t>(value & 0x3f));
  if (options_.verbose) Tell(Event::Kind::kDraw, worker_.current, Op::kOther, value);
  if (value != 0) deviations_.push_back({fiber, place, false, value, false});
  return value;
}

void World::Note(uint32_t fiber, uint8_t code) {
  // A number of seven bits a byte, then the code.
  for (; fiber >= 0x80; fiber >>= 7) NoteByte(static_cast<uint8_t>(fiber | 0x80));
  NoteByte(static_cast<uint8_t>(fiber));
  NoteByte(code);
}

void World::NoteTime() {
  Note(0, kTimeCode);
  for (int64_t since = now_ns - kStartNanos; since != 0; since >>= 8) {
    NoteByte(static_cast<uint8_t>(since));
  }
  if (options_.verbose) Tell(Event::Kind::kTime, nullptr, Op::kOther, 0);
}

void World::NoteByte(uint8_t byte) {
  trace_ += static_cast<char>(byte);
  hash_ = (hash_ ^ byte) * 0x100000001b3;
}

}  // namespace weft::sim_internal
