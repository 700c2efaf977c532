// model.h: runs a small multi-threaded program again and again, under all schedules within bounds,
// on the C++ memory model, and tells the schedule that breaks it.
//
// The program is made of weft's own lock-free code, compiled with WEFT_MODEL, so that its atomics,
// Park(), Ready() and CpuRelax() are the explorer's. README.md says how to read a failure and what
// is over- and under-approximated.
//
// Thread safety: none; one exploration at a time per process.
// Blocks: nothing; all model threads are coroutines on the caller's thread.
// Misuse: a program that depends on anything besides the schedule (time, addresses, statics that it
//   changes) is reported as such, if it shows.
// Cost: 0.1 to 0.5 microseconds per step; a program of three threads with ten atomic operations
//   each takes seconds.
//
//   model::Result result = model::Explore({}, [](model::Program& p) {
//     auto& flag = p.Make<model::Atomic<bool>>(false);
//     auto& data = p.Make<model::Var<int>>(0);
//     p.Thread([&] { data.Set(1); flag.store(true, std::memory_order_release); });
//     p.Thread([&] { if (flag.load(std::memory_order_acquire)) model::Check(data.Get() == 1); });
//   });
//   EXPECT_TRUE(result.ok()) << result.report;
#ifndef WEFT_SCHED_TESTING_MODEL_H_
#define WEFT_SCHED_TESTING_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/sched/testing/model_atomic.h"
#include "weft/sched/testing/model_var.h"

namespace weft::sched_internal::model {

inline constexpr int kUnbounded = -1;

struct Options {
  enum class Search { kExhaustive, kRandom, kPct };

  Search search = Search::kExhaustive;
  // Exhaustive: how often a schedule may take a thread that could go on off the processor.
  // kUnbounded explores everything, and leaves out what is equivalent.
  int preemptions = kUnbounded;
  // Whether to leave out what is equivalent. Without it the search is the slow reference that tests
  // compare with.
  bool reduce = true;
  // Executions after which to stop. An exhaustive search normally ends before.
  uint64_t executions = 2'000'000;
  // Random and PCT. WEFT_SEED in the environment takes precedence.
  uint64_t seed = 1;
  // PCT: how many times a thread loses its priority.
  int pct_changes = 2;

  // How many values older than the newest a load may return.
  int old_values = 3;
  // How many loads of one execution may do so. Bugs of memory order mostly need one or two.
  int old_reads = kUnbounded;
  // How many times in one execution compare_exchange_weak may fail for no reason.
  int spurious_failures = 0;
  // Whether a store may come before others in modification order that were executed earlier (as in
  // 2+2W).
  bool reorder_stores = false;
  // Steps after which an execution counts as one that never ends, which is a failure.
  int steps = 5000;

  // Runs one schedule, as a report prints it. WEFT_MODEL_SCHEDULE in the environment takes
  // precedence.
  std::string replay;
};

struct Result {
  std::string failure;   // what went wrong, in one line; empty if nothing did
  std::string report;    // with the interleaving, one line per step
  std::string schedule;  // for Options::replay
  uint64_t executions = 0;
  uint64_t redundant = 0;  // of these, left early because they only repeat
  uint64_t distinct =
      0;  // different ends: what each thread read and each location's modification order
  uint64_t steps = 0;
  bool complete = false;  // everything within the bounds has been explored

  bool ok() const { return failure.empty(); }
  // "412 executions (96 redundant, 301 distinct), 9120 steps, complete"
  std::string Summary() const;
};

std::ostream& operator<<(std::ostream& out, const Result& result);

// What one execution consists of. The function given to Explore() fills it in, from the beginning
// each time.
class Program {
 public:
  Program();
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // An object that all threads may use, at the same address in every execution; destroyed after
  // Finally().
  template <typename T, typename... Args>
  T& Make(Args&&... args) {
    T* object = ::new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    made_.push_back({object, [](void* p) { static_cast<T*>(p)->~T(); }});
    return *object;
  }

  // Up to seven. They start after the program function has returned.
  void Thread(std::function<void()> body) { threads_.push_back(std::move(body)); }

  // Runs when all threads have returned, and knows all that they have done.
  void Finally(std::function<void()> check) { finally_ = std::move(check); }

  // What reports call an Atomic or Var.
  void Name(const void* address, std::string_view name);

 private:
  friend class Execution;

  struct Made {
    void* object;
    void (*destroy)(void*);
  };

  void* Allocate(size_t bytes, size_t alignment);
  void Clear();

  static constexpr size_t kArenaBytes = 256 << 10;

  std::unique_ptr<char[]> memory_;
  char* const
      arena_;  // in memory_, aligned, so that objects have the same offsets in every exploration
  size_t allocated_ = 0;
  std::vector<Made> made_;
  std::vector<std::function<void()>> threads_;
  std::function<void()> finally_;
  std::vector<std::pair<const void*, std::string>> names_;
};

Result Explore(const Options& options, const std::function<void(Program&)>& program);

// Ends the execution, and with it the exploration, as a failure.
[[noreturn]] void Fail(std::string_view message, Site site = Site::Here());

inline void Check(bool condition, std::string_view message = "check failed",
                  Site site = Site::Here()) {
  if (!condition) Fail(message, site);
}

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_H_
