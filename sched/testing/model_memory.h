// The memory of one execution: per location all values in modification order, and who knows of
// which.
//
// A thread's clock says up to which of its own steps each thread's past happens before now. A value
// may be read if no newer one is known: written or read by a step in the clock. That one rule gives
// all four coherences and happens-before. A release stores the writer's clock with the value; an
// acquire that reads it joins that clock.
//
// Thread safety: none; everything runs on one operating-system thread.
#ifndef WEFT_SCHED_TESTING_MODEL_MEMORY_H_
#define WEFT_SCHED_TESTING_MODEL_MEMORY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "weft/sched/testing/model_atomic.h"

namespace weft::sched_internal::model {

// Thread 0 sets up and checks; 1 and up are the program's.
inline constexpr int kMaxThreads = 8;

struct Clock {
  std::array<uint32_t, kMaxThreads> at{};

  void Join(const Clock& other) {
    for (int i = 0; i < kMaxThreads; ++i) at[i] = other.at[i] > at[i] ? other.at[i] : at[i];
  }
  bool Covers(int thread, uint32_t stamp) const { return stamp <= at[thread]; }
  bool Covers(const Clock& other) const {
    bool covers = true;
    for (int i = 0; i < kMaxThreads; ++i) covers &= other.at[i] <= at[i];
    return covers;
  }
};

inline bool IsAcquire(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_consume ||
         order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
inline bool IsRelease(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

// One value of a location.
struct Message {
  uint64_t value = 0;
  uint64_t identity =
      0;           // of the step that wrote it; the same in every execution that has this step
  Clock released;  // what an acquire that reads it learns
  Clock seen;      // when each thread first wrote or read it; 0: not yet
  int writer = 0;
  bool is_update =
      false;  // written by a read-modify-write: nothing may come between it and its predecessor

  bool KnownTo(const Clock& clock) const {
    bool known = false;
    // 0 wraps around and so is never below.
    for (int i = 0; i < kMaxThreads; ++i) known |= seen.at[i] - 1u < clock.at[i];
    return known;
  }
};

struct Location {
  std::vector<Message> order;                // oldest first; never empty
  std::array<int, kMaxThreads> last_read{};  // -1: none yet
  std::array<int, kMaxThreads>
      repeats{};  // times in a row that last_read was read though newer ones existed
  std::array<int, kMaxThreads>
      floor{};            // nothing older is read any more, by fairness rather than by the model
  int seq_cst_floor = 0;  // the newest value that a seq_cst operation has touched
  Clock touched;          // each thread's last access
  int creator = 0;
  uint32_t created_at = 0;
  bool alive = true;
  uint64_t key = 0;  // the same in every execution that creates it at the same step
  uint64_t hash = 0;
  const void* address = nullptr;
  const internal::Handle* handle = nullptr;

  int newest() const { return static_cast<int>(order.size()) - 1; }
};

uint64_t Mix(uint64_t a, uint64_t b);

class Memory {
 public:
  // How often a thread may read the same old value of a location in a row.
  static constexpr int kMaxRepeats = 2;

  void Reset();

  // Begins a step of `thread`; returns its stamp.
  uint32_t Tick(int thread) { return ++now[thread].at[thread]; }

  // `outside`: the atomic was constructed before the execution.
  uint32_t Create(int thread, const void* address, uint64_t value, bool outside);

  // The oldest value that `thread` may read.
  int OldestReadable(int thread, uint32_t location, bool seq_cst) const;
  const Message& Read(int thread, uint32_t location, int index, std::memory_order order);
  void Write(int thread, uint32_t location, int position, uint64_t value, std::memory_order order);
  // Reads the newest value and writes the one after it.
  void Update(int thread, uint32_t location, uint64_t value, std::memory_order order);
  void FenceOp(int thread, std::memory_order order);

  // Whether `thread` knows everything that has been done to the location.
  bool KnowsAll(int thread, uint32_t location) const {
    return now[thread].Covers(locations_[location].touched);
  }
  bool KnowsCreation(int thread, const Location& location) const {
    return now[thread].Covers(location.creator, location.created_at);
  }

  // The sum of the locations' hashes.
  uint64_t hash() const { return hash_; }

  // Of the step that `thread` is in: the same in every execution that has this step.
  uint64_t StepIdentity(int thread) const { return Mix(thread, now[thread].at[thread]); }

  Location& operator[](uint32_t location) { return locations_[location]; }
  const Location& operator[](uint32_t location) const { return locations_[location]; }
  uint32_t size() const { return used_; }

  std::array<Clock, kMaxThreads> now;

 private:
  Message& Insert(int thread, Location& location, int position);
  void Rehash(Location& location, int position);

  std::deque<Location> locations_;
  uint32_t used_ = 0;  // the rest keeps its memory for later executions
  uint64_t hash_ = 0;
  std::array<Clock, kMaxThreads>
      acquirable_;  // what an acquire fence would learn from earlier relaxed loads
  std::array<Clock, kMaxThreads>
      released_;  // what the last release fence gives to later relaxed stores
  Clock seq_cst_fences_;
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_MEMORY_H_
