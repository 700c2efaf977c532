// What the operations do once their thread has been chosen.
#include <algorithm>
#include <string>

#include "weft/sched/testing/model_execution.h"

namespace weft::sched_internal::model {

uint32_t Execution::Create(const internal::Handle* handle, const void* address, uint64_t value,
                           bool outside) {
  if (!outside) {
    std::erase(destroyed_, address);
    const uint32_t id = memory_.Create(running_, address, value, false);
    memory_[id].handle = handle;
    return id;
  }
  if (std::find(destroyed_.begin(), destroyed_.end(), address) != destroyed_.end()) {
    Fail("use of an atomic after its destruction", Site::Here());
  }
  const auto [entry, inserted] = outside_.try_emplace(address, 0);
  if (inserted) entry->second = memory_.Create(running_, address, value, true);
  memory_[entry->second].handle = handle;
  return entry->second;
}

// The handle of an atomic that is gone may hold anything.
uint32_t Execution::Resolve(const internal::Handle& handle, Site site) {
  if (handle.id >= memory_.size() || memory_[handle.id].handle != &handle) {
    Fail("use of an atomic after its destruction", site);
  }
  return handle.id;
}

// Runs in destructors, so outside of threads it only records.
void Execution::Destroy(uint32_t id) {
  Location& location = memory_[id];
  memory_.Tick(running_);
  if (failure_.empty() && !memory_.KnowsAll(running_, id)) {
    const std::string message =
        "destruction of " + NameOf(location.address) + " races with an operation on it";
    if (running_ != 0) Fail(message, Site::Here());
    RecordFailure(message, Site::Here());
  }
  location.alive = false;
  destroyed_.push_back(location.address);
}

void Execution::CheckUsable(uint32_t id, const char* what, Site site) {
  const Location& location = memory_[id];
  if (!location.alive)
    Fail(std::string(what) + " after destruction of " + NameOf(location.address), site);
  if (!memory_.KnowsCreation(running_, location)) {
    Fail(std::string(what) + " races with construction of " + NameOf(location.address), site);
  }
}

void Execution::Announce(OpKind kind, std::memory_order order, uint32_t location, Site site,
                         const char* what) {
  Announce(kind, order, MaskOf(location), site);
  CheckUsable(location, what, site);
}

void Execution::Watch(uint32_t id, int index) {
  Thread& thread = threads_[running_];
  const Message& message = memory_[id].order[index];
  const Watched::Seen seen = {index, message.value};
  auto same = [id](const Watched& w) { return w.location == id; };
  const auto watched = std::find_if(thread.watched.begin(), thread.watched.end(), same);
  if (watched == thread.watched.end()) {
    thread.watched.push_back({id, seen, seen});
    return;
  }
  thread.varied |= seen.value != watched->last.value && message.writer != running_;
  watched->last = seen;
}

const Message& Execution::ReadAt(uint32_t id, int index, std::memory_order order, Event& event) {
  const Message& message = memory_.Read(running_, id, index, order);
  Saw(message.identity + memory_[id].key);
  // Decides what may be read next, and does not follow from what was read.
  if (memory_[id].repeats[running_] > 0) Saw(static_cast<uint64_t>(memory_[id].repeats[running_]));
  Watch(id, index);
  event.read = message.value;
  event.newer = memory_[id].newest() - index;
  if (event.newer > 0) ++old_reads_;
  event.address = memory_[id].address;
  event.location = id;
  return message;
}

int Execution::OldValues(uint32_t id, std::memory_order order) const {
  if (old_reads_ == options_.old_reads) return 0;
  const int oldest = memory_.OldestReadable(running_, id, order == std::memory_order_seq_cst);
  return std::min(memory_[id].newest() - oldest, options_.old_values);
}

const Message& Execution::ReadSome(uint32_t id, std::memory_order order, Event& event) {
  return ReadAt(id, memory_[id].newest() - Choose(OldValues(id, order) + 1), order, event);
}

uint64_t Execution::Load(uint32_t id, std::memory_order order, Site site) {
  Announce(OpKind::kLoad, order, id, site, "load");
  Event event = {.thread = running_, .kind = OpKind::kLoad, .order = order, .site = site};
  ReadSome(id, order, event);
  events_.push_back(event);
  return event.read;
}

void Execution::Store(uint32_t id, uint64_t value, std::memory_order order, Site site) {
  Announce(OpKind::kStore, order, id, site, "store");
  const Location& location = memory_[id];
  int position = location.newest() + 1;
  if (options_.reorder_stores) {
    int first = position;
    const int oldest = memory_.OldestReadable(running_, id, order == std::memory_order_seq_cst);
    while (first - 1 > oldest && !location.order[first - 1].is_update) --first;
    position -= Choose(std::min(position - first, options_.old_values) + 1);
  }
  memory_.Write(running_, id, position, value, order);
  threads_[running_].idle = false;
  Saw(location.key);
  events_.push_back({.thread = running_,
                     .kind = OpKind::kStore,
                     .order = order,
                     .newer = location.newest() - position,
                     .address = location.address,
                     .location = id,
                     .written = value,
                     .site = site});
}

uint64_t Execution::Update(uint32_t id, internal::Update update, uint64_t operand,
                           std::memory_order order, Site site) {
  Announce(OpKind::kUpdate, order, id, site, "read-modify-write");
  Event event = {.thread = running_, .kind = OpKind::kUpdate, .order = order, .site = site};
  ReadAt(id, memory_[id].newest(), order, event);
  event.written = update(event.read, operand);
  memory_.Update(running_, id, event.written, order);
  threads_[running_].idle = false;
  events_.push_back(event);
  return event.read;
}

void Execution::Lock(uint32_t id, Site site) {
  threads_[running_].locking = id;
  Announce(OpKind::kLock, std::memory_order_acquire, id, site, "lock");
  Event event = {.thread = running_,
                 .kind = OpKind::kLock,
                 .order = std::memory_order_acquire,
                 .written = 1,
                 .site = site};
  ReadAt(id, memory_[id].newest(), std::memory_order_acquire, event);
  if (event.read != 0) Fail("a lock taken in the program function was not released", site);
  memory_.Update(running_, id, 1, std::memory_order_acquire);
  threads_[running_].idle = false;
  events_.push_back(event);
}

// The old values that make a compare-exchange fail, newest first. It succeeds on none of them: an
// update follows the newest.
std::vector<int>& Execution::FailingReads(uint32_t id, uint64_t expected,
                                          const internal::CompareExchangeArgs& args) {
  const Location& location = memory_[id];
  const int newest = location.newest();
  const int oldest = newest - OldValues(id, args.failure);
  failing_reads_.clear();
  const bool spurious = args.weak && spurious_ < options_.spurious_failures;
  for (int i = newest; i >= oldest; --i) {
    if (location.order[i].value != expected || (i == newest && spurious))
      failing_reads_.push_back(i);
  }
  return failing_reads_;
}

bool Execution::CompareExchange(uint32_t id, uint64_t& expected,
                                const internal::CompareExchangeArgs& args, Site site) {
  Announce(OpKind::kCompareExchange, args.success, id, site, "compare-exchange");
  Event event = {.thread = running_,
                 .kind = OpKind::kCompareExchange,
                 .order = args.success,
                 .written = args.desired,
                 .site = site};
  const std::vector<int>& failing = FailingReads(id, expected, args);
  const bool may_succeed = memory_[id].order.back().value == expected;
  const int choice = Choose(static_cast<int>(failing.size()) + (may_succeed ? 1 : 0));
  event.success = may_succeed && choice == 0;
  if (event.success) {
    ReadAt(id, memory_[id].newest(), args.success, event);
    memory_.Update(running_, id, args.desired, args.success);
    threads_[running_].idle = false;
  } else {
    const int index = failing[choice - (may_succeed ? 1 : 0)];
    ReadAt(id, index, args.failure, event);
    if (event.read == expected) {
      ++spurious_;
      threads_[running_].varied = true;
    }
    expected = event.read;
  }
  Saw(event.success ? 1 : 0);
  events_.push_back(event);
  return event.success;
}

void Execution::FenceOp(std::memory_order order, Site site) {
  Announce(OpKind::kFence, order, kFenceMask, site);
  memory_.FenceOp(running_, order);
  if (order == std::memory_order_seq_cst) {
    Saw(last_fence_);
    last_fence_ = memory_.StepIdentity(running_);
  }
  events_.push_back({.thread = running_, .kind = OpKind::kFence, .order = order, .site = site});
}

void Execution::Spin(Site site) {
  if (running_ == 0)
    Fail("a wait in the program function or in Finally() would last for ever", site);
  Thread& self = threads_[running_];
  if (self.idle && OthersEnabled()) strategy_.MarkRedundant();
  uint64_t mask = 0;
  for (const Watched& watched : self.watched) mask |= MaskOf(watched.location);
  // The hint itself is mostly in CpuRelax(); what was read before it tells more.
  if (self.pending.site.file != nullptr) site = self.pending.site;
  Announce(OpKind::kSpin, std::memory_order_relaxed, mask, site);
  // Stores become visible in finite time: each turn gets a little further where it read old values.
  for (const Watched& watched : self.watched) {
    Location& location = memory_[watched.location];
    int& floor = location.floor[running_];
    floor = std::max(floor, std::min(location.newest(), location.last_read[running_] + 1));
    Saw(location.key + location.order[floor].identity);
  }
  self.watched.clear();
  self.varied = false;
  self.idle = true;
  events_.push_back({.thread = running_, .kind = OpKind::kSpin, .site = site});
}

void Execution::Park(std::string_view reason, Site site) {
  if (running_ == 0)
    Fail("Park() in the program function or in Finally() would last for ever", site);
  Thread& self = threads_[running_];
  self.reason = reason;
  Announce(OpKind::kPark, std::memory_order_acquire, MaskOfThread(running_), site);
  self.readied = false;
  self.idle = false;
  memory_.now[running_].Join(self.readied_by);
  Saw(self.readied_at);
  self.watched.clear();
  self.varied = false;
  events_.push_back({.thread = running_, .kind = OpKind::kPark, .site = site});
}

void Execution::Ready(int thread, Site site) {
  Announce(OpKind::kReady, std::memory_order_release, MaskOfThread(thread), site);
  events_.push_back({.thread = running_,
                     .kind = OpKind::kReady,
                     .location = static_cast<uint32_t>(thread),
                     .site = site});
  Thread& other = threads_[thread];
  if (other.finished) Fail("Ready() of a thread that has returned", site);
  if (other.readied) Fail("a second Ready() before the first was consumed by a Park()", site);
  other.readied = true;
  threads_[running_].idle = false;
  other.readied_by = memory_.now[running_];
  other.readied_at = memory_.StepIdentity(running_);
  Saw(static_cast<uint64_t>(thread));
}

void Execution::Plain(const void* address, bool write, Site site) {
  const uint32_t stamp = memory_.Tick(running_);
  PlainHistory& history = plain_[address];
  CheckPlain(history, write, site);
  if (write) {
    threads_[running_].idle = false;
    history.writer = running_;
    history.written_at = stamp;
    history.write_site = site;
    history.read_at = Clock();
  } else {
    history.read_at.at[running_] = stamp;
    history.read_site[running_] = site;
  }
  events_.push_back({.thread = running_,
                     .kind = write ? OpKind::kPlainWrite : OpKind::kPlainRead,
                     .address = address,
                     .site = site});
}

void Execution::CheckPlain(const PlainHistory& history, bool write, Site site) {
  const Clock& now = memory_.now[running_];
  auto race = [&](const char* before, int thread, Site where) {
    const std::string message = std::string("data race: this ") + (write ? "write" : "read") +
                                " and the " + before + " by T" + std::to_string(thread) + " at " +
                                where.file + ":" + std::to_string(where.line) + " are not ordered";
    if (running_ != 0) Fail(message, site);
    RecordFailure(message, site);
  };
  if (!now.Covers(history.writer, history.written_at))
    race("write", history.writer, history.write_site);
  for (int i = 0; write && i < count_; ++i) {
    if (!now.Covers(i, history.read_at.at[i])) race("read", i, history.read_site[i]);
  }
}

namespace internal {

uint32_t current_epoch = 0;

bool Bind(Handle& handle, const void* address, uint64_t initial) {
  if (current_epoch == 0) return false;
  handle = {Execution::current->Create(&handle, address, initial, true), current_epoch};
  return true;
}

void Construct(Handle& handle, const void* address, uint64_t initial) {
  if (current_epoch == 0) return;
  handle = {Execution::current->Create(&handle, address, initial, false), current_epoch};
}

void Destroy(Handle& handle) {
  if (current_epoch != 0 && handle.epoch == current_epoch) Execution::current->Destroy(handle.id);
}

uint64_t Load(const Handle& handle, std::memory_order order, Site site) {
  return Execution::current->Load(Execution::current->Resolve(handle, site), order, site);
}
void Store(const Handle& handle, uint64_t bits, std::memory_order order, Site site) {
  Execution::current->Store(Execution::current->Resolve(handle, site), bits, order, site);
}
uint64_t ReadModifyWrite(const Handle& handle, Update update, uint64_t operand,
                         std::memory_order order, Site site) {
  return Execution::current->Update(Execution::current->Resolve(handle, site), update, operand,
                                    order, site);
}
void Lock(const Handle& handle, Site site) {
  Execution::current->Lock(Execution::current->Resolve(handle, site), site);
}
bool CompareExchange(const Handle& handle, uint64_t& expected, const CompareExchangeArgs& args,
                     Site site) {
  return Execution::current->CompareExchange(Execution::current->Resolve(handle, site), expected,
                                             args, site);
}

void PlainRead(const void* address, Site site) {
  if (current_epoch != 0) Execution::current->Plain(address, false, site);
}
void PlainWrite(const void* address, Site site) {
  if (current_epoch != 0) Execution::current->Plain(address, true, site);
}

}  // namespace internal

void SpinHint(Site site) {
  if (Execution::current != nullptr) Execution::current->Spin(site);
}

void Fence(std::memory_order order, Site site) {
  if (Execution::current != nullptr) Execution::current->FenceOp(order, site);
}

}  // namespace weft::sched_internal::model
