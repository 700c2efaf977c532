// treesum DIR: the SHA-256 of every file below DIR, as sha256sum prints it, by a bounded pipeline
// of fibers.
//
//                      jobs                    outcomes
//   walker (1 fiber)  ------>  digesters (N)  ---------->  collector (the main fiber)
//      ^                                                          |
//      +------------------------- window -------------------------+
//
// The walker finds files in the order in which they are to be printed and numbers them. Digesters
// finish in any order; the collector holds back what is early. So lines appear while the tree is
// still being walked, and memory is bounded for a tree of any size, which sorting at the end would
// not give: the walker puts a token into `window` for each file, the collector takes it out when
// the file is printed, and at most kWindow files are between the two. The price: while one file
// takes longer than kWindow others, those wait for it.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/examples/treesum/digest.h"
#include "weft/examples/treesum/files.h"
#include "weft/examples/treesum/options.h"
#include "weft/examples/treesum/report.h"
#include "weft/examples/treesum/walk.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

namespace treesum {
namespace {

constexpr int64_t kWindow = 64 << 10;

struct Job {
  uint64_t number = 0;
  std::string path;
  bool is_root = false;
};

struct Outcome {
  uint64_t number = 0;
  std::string path;
  int error = 0;
  Sha256 sha256 = {};
};

struct Pipeline {
  weft::Chan<weft::Empty> window = weft::MakeChan<weft::Empty>(kWindow);
  weft::Chan<Job> jobs = weft::MakeChan<Job>(kWindow);
  weft::Chan<Outcome> outcomes = weft::MakeChan<Outcome>(64);
  Tally tally;
  std::atomic<uint64_t> found{0};
  std::atomic<bool> all_found{false};
};

void Walk(Pipeline& pipeline, const std::string& root) {
  TreeWalker walker(root);
  uint64_t number = 0;
  while (!pipeline.tally.stop.load(
      std::memory_order_relaxed)) {  // relaxed: nothing is read because of it
    std::optional<Found> found = walker.Next();
    if (!found) break;
    pipeline.window.Send({});
    if (found->error == 0) {
      pipeline.found.fetch_add(1, std::memory_order_relaxed);  // relaxed: a statistic
      pipeline.jobs.Send({number++, std::move(found->path), found->is_root});
    } else {
      pipeline.outcomes.Send({number++, std::move(found->path), found->error});
    }
  }
  pipeline.all_found.store(true, std::memory_order_relaxed);  // relaxed: for the progress bar alone
  pipeline.jobs.Close();
}

void Digest(Pipeline& pipeline) {
  Digester digester(&pipeline.tally);
  for (Job&& job : pipeline.jobs) {
    Outcome outcome = {job.number, std::move(job.path)};
    outcome.error = digester.Digest(outcome.path, job.is_root, &outcome.sha256);
    pipeline.outcomes.Send(std::move(outcome));
  }
}

// Puts outcomes in order and prints them.
class Collector {
 public:
  Collector(Pipeline& pipeline, Report& report) : pipeline_(pipeline), report_(report) {}

  void Take(Outcome outcome) {
    size_t place = outcome.number - next_;
    if (place >= early_.size()) early_.resize(place + 1);
    early_[place] = std::move(outcome);
    while (!early_.empty() && early_.front()) PrintNext();
    if (pipeline_.outcomes.len() == 0) report_.Pause();
    if (report_.broken())
      pipeline_.tally.stop.store(true, std::memory_order_relaxed);  // relaxed: see its readers
  }

  void DrawBar() {
    report_.DrawBar(
        {.done = done_,
         .found = pipeline_.found.load(std::memory_order_relaxed),  // relaxed: statistics
         .all_found = pipeline_.all_found.load(std::memory_order_relaxed),
         .bytes = pipeline_.tally.bytes.load(std::memory_order_relaxed)});
  }

 private:
  void PrintNext() {
    Outcome outcome = *std::move(early_.front());
    early_.pop_front();
    ++next_;
    pipeline_.window.Recv();
    if (outcome.error == kStopped) return;
    if (outcome.error == 0) {
      ++done_;
      report_.Line(outcome.sha256, outcome.path);
    } else {
      report_.Problem(outcome.path, outcome.error);
    }
  }

  Pipeline& pipeline_;
  Report& report_;
  uint64_t next_ = 0;  // the number of early_.front()
  uint64_t done_ = 0;
  std::deque<std::optional<Outcome>> early_;
};

// Ticks for the progress bar. Nil when there is none: a case of a select that is never ready.
weft::RecvChan<weft::Empty> Ticks(bool wanted) {
  if (!wanted) return nullptr;
  auto ticks = weft::MakeChan<weft::Empty>(1);
  weft::Go({.name = "ticks"}, [ticks] {
    for (;;) {
      weft::Sleep(absl::Milliseconds(100));
      ticks.TrySend(weft::Empty{});
    }
  });
  return ticks;
}

void Collect(Pipeline& pipeline, Report& report) {
  Collector collector(pipeline, report);
  weft::RecvChan<weft::Empty> ticks = Ticks(report.has_bar());
  for (;;) {
    std::optional<Outcome> outcome;
    switch (weft::Select(weft::OnRecv(pipeline.outcomes, &outcome), weft::OnRecv(ticks))) {
      case 0:
        if (!outcome) return;
        collector.Take(*std::move(outcome));
        break;
      case 1:
        collector.DrawBar();
        break;
    }
  }
}

int Run(const Options& options) {
  Pipeline pipeline;
  weft::WaitGroup workers;
  workers.Go([&] { Walk(pipeline, options.path); });
  int digesters = options.workers > 0 ? options.workers : weft::GOMAXPROCS(0);
  for (int i = 0; i < digesters; ++i) workers.Go([&] { Digest(pipeline); });
  weft::Go({.name = "closer"}, [&workers, outcomes = pipeline.outcomes] {
    workers.Wait();
    outcomes.Close();
  });

  Report report;
  Collect(pipeline, report);
  report.Finish();
  return report.good() ? 0 : 1;
}

// A descriptor 0, 1 or 2 that is closed would be given to the next file that is opened, and what is
// written to it would go there. Opened the wrong way round, it fails as if it were closed.
void OccupyStandardFiles() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// `bazel run` starts programs elsewhere and says where the user is.
bool EnterUsersDirectory() {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  return directory == nullptr || chdir(directory) == 0;
}

int Refuse(const std::string& message, std::string_view usage, int status) {
  WriteAll(STDERR_FILENO, "treesum: " + message + "\n" + std::string(usage));
  return status;
}

int Help() {
  int error = WriteAll(STDOUT_FILENO, Usage());
  if (error == 0) error = CloseForWriting(STDOUT_FILENO);
  return error == 0 ? 0 : Refuse(std::string("write error: ") + std::strerror(error), "", 1);
}

}  // namespace
}  // namespace treesum

int main(int argc, char** argv) {
  treesum::OccupyStandardFiles();
  signal(SIGPIPE, SIG_IGN);  // a closed pipe is a write error like any other

  treesum::Options options;
  std::string problem = treesum::ParseOptions(argc, argv, &options);
  if (!problem.empty()) return treesum::Refuse(problem, treesum::Usage(), 2);
  if (options.help) return treesum::Help();
  if (!options.path.starts_with('/') && !treesum::EnterUsersDirectory()) {
    return treesum::Refuse(std::string("$BUILD_WORKING_DIRECTORY: ") + std::strerror(errno), "", 1);
  }
  return weft::Main(argc, argv, [&] { return treesum::Run(options); });
}
