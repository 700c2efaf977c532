// One execution at a time: the threads, what they wait for, and the operations on them. Internal to
// the explorer.
#ifndef WEFT_SCHED_TESTING_MODEL_EXECUTION_H_
#define WEFT_SCHED_TESTING_MODEL_EXECUTION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_context.h"
#include "weft/sched/testing/model_memory.h"
#include "weft/sched/testing/model_search.h"

namespace weft::sched_internal::model {

// A line of the report.
struct Event {
  int thread = 0;
  OpKind kind = OpKind::kStart;
  std::memory_order order = std::memory_order_relaxed;
  bool success = false;  // of a compare-exchange
  int newer = 0;         // values newer than the one that was read or written
  const void* address = nullptr;
  uint32_t location = 0;  // kReady: the thread readied
  uint64_t read = 0;
  uint64_t written = 0;
  Site site = {};
};

class Execution {
 public:
  Execution(const Options& options, Strategy& strategy) : options_(options), strategy_(strategy) {}

  // The one that is being explored; null outside Explore().
  static Execution* current;

  // Runs the program once.
  void Run(const std::function<void(Program&)>& program);

  const std::string& failure() const { return failure_; }
  const std::string& report() const { return report_; }
  const std::string& schedule() const { return schedule_; }
  uint64_t steps() const { return total_steps_; }
  uint64_t state() const {
    const uint64_t spent =
        options_.old_reads == kUnbounded ? 0 : Mix(1, static_cast<uint64_t>(old_reads_));
    return memory_.hash() + threads_hash_ + spent;
  }

  // The operations. Each waits until its thread is chosen.
  uint32_t Create(const internal::Handle* handle, const void* address, uint64_t value,
                  bool outside);
  uint32_t Resolve(const internal::Handle& handle, Site site);
  void Destroy(uint32_t location);
  uint64_t Load(uint32_t location, std::memory_order order, Site site);
  void Store(uint32_t location, uint64_t value, std::memory_order order, Site site);
  uint64_t Update(uint32_t location, internal::Update update, uint64_t operand,
                  std::memory_order order, Site site);
  bool CompareExchange(uint32_t location, uint64_t& expected,
                       const internal::CompareExchangeArgs& args, Site site);
  void Lock(uint32_t location, Site site);
  void FenceOp(std::memory_order order, Site site);
  void Spin(Site site);
  void Park(std::string_view reason, Site site);
  void Ready(int thread, Site site);
  void Plain(const void* address, bool write, Site site);

  // 0: the program function or Finally().
  int running() const { return running_; }

  [[noreturn]] void Fail(std::string_view message, Site site);

 private:
  // A location that a thread has read in this turn of its spin loop (that is, since the last
  // SpinHint()).
  struct Watched {
    struct Seen {
      int index;
      uint64_t value;
    };
    uint32_t location;
    Seen first;
    Seen last;
  };

  struct Thread {
    Context context;
    std::function<void()> body;
    Op pending;
    uint32_t locking = 0;  // kLock: the location
    bool finished = false;
    bool readied = false;  // a Ready() that no Park() has consumed
    Clock readied_by;
    uint64_t readied_at = 0;  // the step that did it
    std::vector<Watched> watched;
    bool idle = false;        // has not written since its last SpinHint()
    bool varied = false;      // in this turn of its spin loop the thread saw a change already
    std::string_view reason;  // of the Park()
    uint64_t hash = 0;        // of all that the thread has seen
  };

  // Of one plain object: the last write, and each thread's last read since.
  struct PlainHistory {
    int writer = 0;
    uint32_t written_at = 0;
    Site write_site = {};
    Clock read_at;
    std::array<Site, kMaxThreads> read_site = {};
  };

  static void ThreadMain();

  void Reset();
  void StartThreads();
  void Finish();

  // Waits until the calling thread is chosen for `op`.
  void Announce(OpKind kind, std::memory_order order, uint64_t mask, Site site);
  void Announce(OpKind kind, std::memory_order order, uint32_t location, Site site,
                const char* what);
  // Runs who is chosen next.
  void Schedule();
  int PickNext();
  bool Enabled(int thread) const;
  bool SeesChange(int thread) const;
  bool OthersEnabled() const;
  void SwitchTo(int thread);
  int Choose(int options);

  // How many values older than the newest the running thread may read now.
  int OldValues(uint32_t location, std::memory_order order) const;
  // Reads what the strategy says among the values that a load may return.
  const Message& ReadSome(uint32_t location, std::memory_order order, Event& event);
  const Message& ReadAt(uint32_t location, int index, std::memory_order order, Event& event);
  std::vector<int>& FailingReads(uint32_t location, uint64_t expected,
                                 const internal::CompareExchangeArgs& args);
  void Watch(uint32_t location, int index);
  void CheckUsable(uint32_t location, const char* what, Site site);
  void CheckPlain(const PlainHistory& history, bool write, Site site);

  void Saw(uint64_t what) {
    Thread& thread = threads_[running_];
    threads_hash_ -= thread.hash;
    thread.hash = Mix(thread.hash + static_cast<uint64_t>(running_), what);
    threads_hash_ += thread.hash;
  }

  void RecordFailure(std::string_view message, Site site);
  std::string DescribeStuck() const;
  std::string Describe(const Event& event) const;
  std::string NameOf(const void* address) const;
  void WriteReport(Site site);

  static uint64_t MaskOf(uint32_t location) { return uint64_t{1} << location % 55; }
  static constexpr uint64_t kFenceMask = uint64_t{1} << 55;
  static uint64_t MaskOfThread(int thread) { return uint64_t{1} << (56 + thread); }

  const Options& options_;
  Strategy& strategy_;
  Memory memory_;
  Program program_;
  Context main_;
  std::array<Thread, kMaxThreads> threads_;
  int count_ = 0;  // threads, the one that sets up included
  int running_ = 0;
  bool starting_ = false;
  int steps_ = 0;
  uint64_t total_steps_ = 0;
  int old_reads_ = 0;        // so far
  int spurious_ = 0;         // failures so far
  uint64_t last_fence_ = 0;  // the last seq_cst one
  uint64_t threads_hash_ = 0;
  std::unordered_map<const void*, PlainHistory> plain_;
  std::unordered_map<const void*, uint32_t>
      outside_;  // locations of atomics that the execution did not construct
  std::vector<const void*> destroyed_;
  std::vector<int> failing_reads_;
  std::vector<Event> events_;
  std::string schedule_;
  std::string failure_;
  std::string report_;
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_EXECUTION_H_
