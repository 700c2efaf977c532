#include "weft/sched/testing/model_memory.h"

#include <algorithm>

namespace weft::sched_internal::model {

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9E3779B97F4A7C15u + b;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93u;
  x ^= x >> 29;
  return x;
}

void Memory::Reset() {
  used_ = 0;
  hash_ = 0;
  now.fill(Clock());
  acquirable_.fill(Clock());
  released_.fill(Clock());
  seq_cst_fences_ = Clock();
  Tick(0);
}

uint32_t Memory::Create(int thread, const void* address, uint64_t value, bool outside) {
  const uint32_t id = used_++;
  if (locations_.size() < used_) locations_.emplace_back();
  Location& location = locations_[id];
  location.order.clear();
  location.last_read.fill(-1);
  location.repeats.fill(0);
  location.floor.fill(0);
  location.seq_cst_floor = 0;
  location.touched = Clock();
  location.creator = outside ? 0 : thread;
  location.created_at = outside ? 1 : Tick(thread);
  location.alive = true;
  location.address = address;
  location.key = outside ? Mix(kMaxThreads, reinterpret_cast<uintptr_t>(address))
                         : Mix(kMaxThreads + 1, StepIdentity(thread));
  location.hash = 0;

  Message& first = location.order.emplace_back();
  first.value = value;
  first.identity = location.key;
  first.seen.at[location.creator] = location.created_at;
  Rehash(location, 0);
  return id;
}

int Memory::OldestReadable(int thread, uint32_t id, bool seq_cst) const {
  const Location& location = locations_[id];
  int index = location.newest();
  int lowest = location.floor[thread];
  if (seq_cst) lowest = std::max(lowest, location.seq_cst_floor);
  if (index > 0 && location.repeats[thread] >= kMaxRepeats) {
    lowest = std::max(lowest, std::min(index, location.last_read[thread] + 1));
  }
  while (index > lowest && !location.order[index].KnownTo(now[thread])) --index;
  return index;
}

const Message& Memory::Read(int thread, uint32_t id, int index, std::memory_order order) {
  Location& location = locations_[id];
  Message& message = location.order[index];
  uint32_t stamp = now[thread].at[thread];
  location.touched.at[thread] = stamp;
  if (message.seen.at[thread] == 0) message.seen.at[thread] = stamp;
  const bool repeated = index == location.last_read[thread] && index != location.newest();
  location.repeats[thread] = repeated ? location.repeats[thread] + 1 : 0;
  location.last_read[thread] = index;
  if (order == std::memory_order_seq_cst)
    location.seq_cst_floor = std::max(location.seq_cst_floor, index);
  (IsAcquire(order) ? now : acquirable_)[thread].Join(message.released);
  return message;
}

Message& Memory::Insert(int thread, Location& location, int position) {
  if (position <= location.newest()) {
    auto shift = [position](int& index) { index += index >= position; };
    std::for_each(location.last_read.begin(), location.last_read.end(), shift);
    std::for_each(location.floor.begin(), location.floor.end(), shift);
    shift(location.seq_cst_floor);
  }
  Message& message = *location.order.insert(location.order.begin() + position, Message());
  const uint32_t stamp = now[thread].at[thread];
  message.writer = thread;
  message.identity = StepIdentity(thread);
  message.seen.at[thread] = stamp;
  location.touched.at[thread] = stamp;
  return message;
}

void Memory::Write(int thread, uint32_t id, int position, uint64_t value, std::memory_order order) {
  Location& location = locations_[id];
  Message& message = Insert(thread, location, position);
  message.value = value;
  message.released = IsRelease(order) ? now[thread] : released_[thread];
  if (order == std::memory_order_seq_cst)
    location.seq_cst_floor = std::max(location.seq_cst_floor, position);
  Rehash(location, position);
}

void Memory::Update(int thread, uint32_t id, uint64_t value, std::memory_order order) {
  Location& location = locations_[id];
  const Clock inherited = location.order.back().released;
  Write(thread, id, location.newest() + 1, value, order);
  // A release sequence goes on through read-modify-writes of any thread and order.
  location.order.back().released.Join(inherited);
  location.order.back().is_update = true;
}

void Memory::FenceOp(int thread, std::memory_order order) {
  if (IsAcquire(order)) now[thread].Join(acquirable_[thread]);
  if (order == std::memory_order_seq_cst) {
    now[thread].Join(seq_cst_fences_);
    seq_cst_fences_.Join(now[thread]);
  }
  if (IsRelease(order)) released_[thread] = now[thread];
}

// What the hash must tell apart is the modification order: the rest follows from what the threads
// have read.
void Memory::Rehash(Location& location, int position) {
  hash_ -= location.hash;
  if (position == location.newest() && position > 0) {
    location.hash = Mix(location.hash, location.order[position].identity);
  } else {
    location.hash = location.key;
    for (const Message& message : location.order)
      location.hash = Mix(location.hash, message.identity);
  }
  hash_ += location.hash;
}

}  // namespace weft::sched_internal::model
