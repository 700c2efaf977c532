// How an exploration chooses: which thread runs next, and which of the values that it may read a
// load returns.
#ifndef WEFT_SCHED_TESTING_MODEL_SEARCH_H_
#define WEFT_SCHED_TESTING_MODEL_SEARCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weft/sched/testing/model_atomic.h"
#include "weft/sched/testing/model_memory.h"

namespace weft::sched_internal::model {

struct Options;

enum class OpKind : uint8_t {
  kStart,
  kLoad,
  kStore,
  kUpdate,
  kCompareExchange,
  kFence,
  kSpin,
  kLock,
  kPark,
  kReady,
  kPlainRead,
  kPlainWrite,
};

// What a thread will do when it is chosen next.
struct Op {
  OpKind kind = OpKind::kStart;
  std::memory_order order = std::memory_order_relaxed;
  uint64_t mask = 0;  // a bit per location that it touches, modulo the number of bits
  Site site = {};

  bool writes() const { return kind != OpKind::kLoad && kind != OpKind::kSpin; }
};

// Whether the two steps of different threads lead to the same state in either order.
bool Independent(const Op& a, const Op& b);

struct SchedulePoint {
  uint32_t enabled;   // a bit per thread
  int running;        // who ran last
  bool may_go_on;     // whether that thread could go on; to run another one is then a preemption
  uint64_t state;     // equal only if everything that follows is equal
  const Op* pending;  // per thread
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual int PickThread(const SchedulePoint& point) = 0;
  // 0 is the ordinary outcome: the newest value, the newest place, no spurious failure.
  virtual int PickValue(int options) = 0;
  // Prepares the next execution; false if there is none.
  virtual bool Next() = 0;

  // The running execution shows nothing that others do not show too.
  virtual void MarkRedundant() {}

  // Whether the running execution repeats what has been explored, and only goes on to come to its
  // end.
  virtual bool redundant() const { return false; }
  // Whether all executions within the bounds have been explored.
  virtual bool complete() const { return false; }
  // A reason to distrust the exploration; empty if none.
  virtual std::string error() const { return ""; }
};

std::unique_ptr<Strategy> NewExhaustive(const Options& options);
std::unique_ptr<Strategy> NewRandom(const Options& options);
std::unique_ptr<Strategy> NewPct(const Options& options);
std::unique_ptr<Strategy> NewReplay(const Options& options);

// The states that have been visited, each with a small number. Never grows beyond a limit: what
// does not fit is forgotten, which costs time and misses nothing.
class StateTable {
 public:
  StateTable();

  // Returns the number of the state, inserting it with `number` if it is new (then *inserted is
  // set), or null if the table is full.
  uint8_t* FindOrInsert(uint64_t state, uint8_t number, bool* inserted);

 private:
  void Grow();

  static constexpr size_t kMaxSlots = size_t{1} << 24;

  std::vector<uint64_t> states_;
  std::vector<uint8_t> numbers_;
  size_t used_ = 0;
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_SEARCH_H_
