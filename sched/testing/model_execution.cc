// The threads of an execution and how they take turns.
#include "weft/sched/testing/model_execution.h"

#include <cstdlib>
#include <exception>

namespace weft::sched_internal::model {

namespace {

// Thrown by Fail() where there is no model thread to leave behind: in the program function and in
// Finally().
struct FailedOutsideThreads {};

uint32_t epochs = 0;

}  // namespace

Execution* Execution::current = nullptr;

void Execution::Run(const std::function<void(Program&)>& program) {
  Reset();
  current = this;
  internal::current_epoch = ++epochs;
  try {
    program(program_);
    StartThreads();
    if (failure_.empty()) running_ = PickNext();
    if (running_ != 0) SwitchTo(running_);
    running_ = 0;
    if (failure_.empty()) Finish();
  } catch (FailedOutsideThreads) {
  }
  internal::current_epoch = 0;
  current = nullptr;
}

void Execution::Reset() {
  memory_.Reset();
  for (int i = 0; i < kMaxThreads; ++i) {
    Thread& thread = threads_[i];
    thread.body = nullptr;
    thread.pending = {};
    thread.finished = false;
    thread.readied = false;
    thread.varied = false;
    thread.idle = false;
    thread.watched.clear();
    thread.hash = 0;
  }
  count_ = 1;
  running_ = 0;
  steps_ = 0;
  old_reads_ = 0;
  spurious_ = 0;
  last_fence_ = 0;
  threads_hash_ = 0;
  plain_.clear();
  outside_.clear();
  destroyed_.clear();
  events_.clear();
  schedule_.clear();
}

// Runs each thread up to its first operation: nothing before it can matter to the others.
void Execution::StartThreads() {
  if (program_.threads_.size() >= kMaxThreads) Fail("too many threads", Site::Here());
  count_ = 1 + static_cast<int>(program_.threads_.size());
  starting_ = true;
  for (int i = 1; i < count_ && failure_.empty(); ++i) {
    threads_[i].body = std::move(program_.threads_[i - 1]);
    memory_.now[i] = memory_.now[0];
    threads_[i].context.Start(&ThreadMain);
    running_ = i;
    Context::Switch(main_, threads_[i].context);
  }
  starting_ = false;
  running_ = 0;
}

void Execution::ThreadMain() {
  Context::Arrived();
  Execution& execution = *current;
  try {
    execution.threads_[execution.running_].body();
  } catch (const std::exception& error) {
    execution.Fail(std::string("uncaught exception: ") + error.what(), Site::Here());
  }
  Thread& self = execution.threads_[execution.running_];
  if (self.readied)
    execution.Fail("a thread returned with a Ready() that no Park() has consumed", Site::Here());
  self.body = nullptr;
  self.finished = true;
  const int next = execution.starting_ ? 0 : execution.PickNext();
  execution.running_ = next;
  Context::Switch(self.context, next == 0 ? execution.main_ : execution.threads_[next].context);
  std::abort();  // nobody runs a finished thread
}

void Execution::Finish() {
  for (int i = 1; i < count_; ++i) memory_.now[0].Join(memory_.now[i]);
  if (program_.finally_) program_.finally_();
  program_.Clear();
  if (!failure_.empty()) throw FailedOutsideThreads();
}

void Execution::Announce(OpKind kind, std::memory_order order, uint64_t mask, Site site) {
  if (running_ != 0) {
    const int self = running_;
    threads_[self].pending = {kind, order, mask, site};
    if (starting_) {
      Context::Switch(threads_[self].context, main_);
    } else {
      Schedule();
    }
  }
  // Each step must change the state: one that stays equal would look explored.
  Saw(memory_.Tick(running_));
}

void Execution::Schedule() {
  const int self = running_;
  const int next = PickNext();
  if (next == self) return;
  running_ = next;
  Context::Switch(threads_[self].context, next == 0 ? main_ : threads_[next].context);
}

// Returns 0 if nobody can run.
int Execution::PickNext() {
  if (!failure_.empty()) return 0;
  std::array<Op, kMaxThreads> pending;
  SchedulePoint point = {0, running_, false, state(), pending.data()};
  bool finished = true;
  for (int i = 1; i < count_; ++i) {
    pending[i] = threads_[i].pending;
    finished &= threads_[i].finished;
    if (Enabled(i)) point.enabled |= 1u << i;
  }
  if (finished) return 0;
  if (point.enabled == 0) RecordFailure(DescribeStuck(), threads_[running_].pending.site);
  if (steps_ == options_.steps)
    RecordFailure("no end after as many steps as allowed: livelock?", Site::Here());
  if (!failure_.empty()) return 0;
  point.may_go_on = (point.enabled >> running_ & 1) != 0 && pending[running_].kind != OpKind::kSpin;
  const int next = strategy_.PickThread(point);
  schedule_.push_back(static_cast<char>('0' + next));
  ++steps_;
  ++total_steps_;
  return next;
}

bool Execution::Enabled(int id) const {
  const Thread& thread = threads_[id];
  if (thread.finished) return false;
  if (thread.pending.kind == OpKind::kPark) return thread.readied;
  if (thread.pending.kind == OpKind::kLock) return memory_[thread.locking].order.back().value == 0;
  if (thread.pending.kind == OpKind::kSpin) return thread.varied || SeesChange(id);
  return true;
}

// Whether another turn of the thread's spin loop can go differently: somebody else has written
// another value than the turn read. Writes of the same value do not count, or two threads that spin
// on an exchange would wake each other for ever; the thread's own do not either.
bool Execution::SeesChange(int id) const {
  for (const Watched& watched : threads_[id].watched) {
    const std::vector<Message>& order = memory_[watched.location].order;
    for (const Watched::Seen& seen : {watched.first, watched.last}) {
      for (size_t i = seen.index + 1; i < order.size(); ++i) {
        if (order[i].writer != id && order[i].value != seen.value) return true;
      }
    }
  }
  return false;
}

bool Execution::OthersEnabled() const {
  for (int i = 1; i < count_; ++i) {
    if (i != running_ && Enabled(i)) return true;
  }
  return false;
}

void Execution::SwitchTo(int thread) { Context::Switch(main_, threads_[thread].context); }

int Execution::Choose(int options) {
  if (options <= 1 || running_ == 0) return 0;
  const int choice = strategy_.PickValue(options);
  schedule_.push_back(static_cast<char>('a' + choice));
  return choice;
}

void Execution::Fail(std::string_view message, Site site) {
  RecordFailure(message, site);
  if (running_ == 0) throw FailedOutsideThreads();
  // The stack stays as it is: nothing of a failed execution runs again.
  Thread& self = threads_[running_];
  running_ = 0;
  Context::Switch(self.context, main_);
  std::abort();
}

void Execution::RecordFailure(std::string_view message, Site site) {
  if (!failure_.empty()) return;
  failure_ = message;
  WriteReport(site);
}

}  // namespace weft::sched_internal::model
