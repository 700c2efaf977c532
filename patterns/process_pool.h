// process_pool.h: a fixed number of workers, each with a state of its own, that answer one request
// at a time.
//
// Go: github.com/Jeffail/tunny: New, NewFunc, Process, ProcessTimed, ProcessCtx, SetSize, GetSize,
//   QueueLength, Close; its Worker's life cycle. Differences: errors are statuses, where Go panics
//   on a closed pool; a panic in a worker is thrown to the one who asked, and the worker lives on.
//
// Thread safety: all methods of the pool; a worker's, but for Interrupt(), are called one after the
//   other.
// Blocks: Process(): until a worker is ready, and has answered. SetSize(), Close() and the
//   destructor: until the workers that are to go have finished. The fiber, or the thread when the
//   caller is not a fiber.
// Ordering: the request is before its processing, and that before the answer.
// Lifetime: the destructor closes the pool. A request that was given up is still processed to the
//   end.
// Misuse: nobody may be in Process() when the pool is destroyed.
// Cost: two hand-overs and two allocations for each request, about 300 ns.
//
// Nothing is queued: a request waits with its caller, so that callers feel how busy the workers
// are.
//
//   weft::ProcessPool<Image, Thumbnail> pool(4, [] { return std::make_unique<Shrinker>(); });
//   absl::StatusOr<Thumbnail> thumbnail = pool.Process(ctx, image);
#ifndef WEFT_PATTERNS_PROCESS_POOL_H_
#define WEFT_PATTERNS_PROCESS_POOL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/panics.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace weft {

template <typename In, typename Out>
class ProcessWorker {
 public:
  virtual ~ProcessWorker() = default;
  // Answers one request.
  virtual Out Process(In request) = 0;
  // Called before each request is taken; takes none until it returns.
  virtual void BlockUntilReady() {}
  // The one who asked has given up while Process() runs. Called from elsewhere.
  virtual void Interrupt() {}
  // The last call, when the worker leaves the pool.
  virtual void Terminate() {}
};

template <typename In, typename Out>
class ProcessPool {
 public:
  using Worker = ProcessWorker<In, Out>;

  ProcessPool(int size, std::function<std::unique_ptr<Worker>()> make) : make_(std::move(make)) {
    SetSize(size);
  }
  // Workers without a state, that call fn(request).
  static std::unique_ptr<ProcessPool> OfFunction(int size, std::function<Out(In)> fn) {
    return std::make_unique<ProcessPool>(
        size, [fn = std::move(fn)] { return std::make_unique<Caller>(fn); });
  }
  ~ProcessPool() { Close(); }
  ProcessPool(const ProcessPool&) = delete;
  ProcessPool& operator=(const ProcessPool&) = delete;

  // The answer; throws the panic of its processing. kFailedPrecondition if the pool is or gets
  // closed before a worker took the request, the context's error if that ends first.
  absl::StatusOr<Out> Process(const Context& ctx, In request) {
    // Asked first by itself: a select could prefer a worker that is ready, too.
    if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
    auto job = std::make_shared<Job>(std::move(request));
    Pending pending(&pending_);
    if (closed_.TryRecv().closed()) return NotRunning();
    // A worker that waits takes it at once, without a select.
    if (!jobs_.TrySend(job)) {
      switch (Select(OnSend(jobs_, job), OnRecv(closed_), OnDone(ctx))) {
        case 1:
          return NotRunning();
        case 2:
          return ctx.Err();
      }
    }
    if (!ctx.Done()) {
      job->ended.Recv();
    } else if (Select(OnRecv(job->ended), OnDone(ctx)) == 1) {
      job->GiveUp();
      return ctx.Err();
    }
    if (job->panic) job->panic->Rethrow();
    if (!job->answer) return absl::AbortedError("the worker called Goexit");
    return *std::move(job->answer);
  }
  absl::StatusOr<Out> Process(In request) { return Process(Background(), std::move(request)); }

  // The same, for at most `timeout`: kDeadlineExceeded after that.
  absl::StatusOr<Out> ProcessTimed(In request, absl::Duration timeout) {
    auto [ctx, cancel] = WithTimeout(Background(), timeout);
    CancelOnExit stop(cancel);
    return Process(ctx, std::move(request));
  }

  // Adds workers, or waits for the last ones to finish and removes them.
  void SetSize(int size) {
    MutexLock lock(resize_);
    if (!closed_.TryRecv().closed()) Resize(size);
  }
  int Size() const {
    MutexLock lock(resize_);
    return static_cast<int>(workers_.size());
  }

  // Requests that wait, or are being processed, for somebody. Relaxed: a statistic.
  int64_t QueueLength() const { return pending_.load(std::memory_order_relaxed); }

  // Requests that no worker has taken fail; returns when the workers have finished. May be called
  // again.
  void Close() {
    MutexLock lock(resize_);
    if (closed_.TryRecv().closed()) return;
    closed_.Close();
    Resize(0);
  }

 private:
  struct Job {
    explicit Job(In request) : request(std::move(request)) {}

    // Nobody waits for the answer: the worker need not begin, or is interrupted if it is at it.
    void GiveUp() {
      MutexLock lock(mu);
      given_up = true;
      if (worker != nullptr) worker->Interrupt();
    }
    // Returns whether anybody wants the answer.
    bool SetWorker(Worker* now) {
      MutexLock lock(mu);
      worker = now;
      return !given_up;
    }

    In request;
    const Chan<Empty> ended = MakeChan<Empty>();
    // Written by the worker before `ended` is closed.
    std::optional<Out> answer;
    std::optional<Recovered> panic;
    Mutex mu;
    Worker* worker ABSL_GUARDED_BY(mu) = nullptr;  // while it processes
    bool given_up ABSL_GUARDED_BY(mu) = false;
  };

  struct Member {
    Chan<Empty> stop = MakeChan<Empty>();
    WaitGroup gone;
  };

  class Caller : public Worker {
   public:
    explicit Caller(std::function<Out(In)> fn) : fn_(std::move(fn)) {}
    Out Process(In request) override { return fn_(std::move(request)); }

   private:
    const std::function<Out(In)> fn_;
  };

  struct Pending {
    explicit Pending(std::atomic<int64_t>* n) : n(n) { n->fetch_add(1, std::memory_order_relaxed); }
    ~Pending() { n->fetch_sub(1, std::memory_order_relaxed); }
    std::atomic<int64_t>* const n;
  };

  static absl::Status NotRunning() {
    return absl::FailedPreconditionError("the pool is not running");
  }

  void Resize(int size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(resize_) {
    while (static_cast<int>(workers_.size()) < size) {
      Member& member = *workers_.emplace_back(std::make_unique<Member>());
      Start(member);
    }
    std::vector<std::unique_ptr<Member>> leaving;
    for (; static_cast<int>(workers_.size()) > size; workers_.pop_back()) {
      workers_.back()->stop.Close();
      leaving.push_back(std::move(workers_.back()));
    }
    for (auto& member : leaving) member->gone.Wait();
  }

  void Start(Member& member) {
    member.gone.Go([this, &member, worker = std::shared_ptr<Worker>(make_())] {
      struct Leave {
        ~Leave() { worker.Terminate(); }
        Worker& worker;
      } leave{*worker};
      Serve(member, *worker);
    });
  }

  void Serve(Member& member, Worker& worker) {
    struct Replace {
      ~Replace() {
        // Its request has taken the fiber with it.
        if (InGoexit()) pool->Start(member);
      }
      ProcessPool* pool;
      Member& member;
    } replace{this, member};
    for (;;) {
      worker.BlockUntilReady();
      std::optional<std::shared_ptr<Job>> job;
      if (Select(OnRecv(jobs_, &job), OnRecv(member.stop)) == 1) return;
      Do(**job, worker);
    }
  }

  static void Do(Job& job, Worker& worker) {
    struct Finish {
      ~Finish() {
        job.SetWorker(nullptr);
        job.ended.Close();
      }
      Job& job;
    } finish{job};
    if (!job.SetWorker(&worker)) return;
    job.panic = Recover([&] { job.answer.emplace(worker.Process(std::move(job.request))); });
  }

  const std::function<std::unique_ptr<Worker>()> make_;
  const Chan<std::shared_ptr<Job>> jobs_ = MakeChan<std::shared_ptr<Job>>();
  const Chan<Empty> closed_ = MakeChan<Empty>();
  std::atomic<int64_t> pending_{0};
  mutable Mutex resize_;
  std::vector<std::unique_ptr<Member>> workers_ ABSL_GUARDED_BY(resize_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_PROCESS_POOL_H_
