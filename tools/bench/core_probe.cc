// Measures the round trip of one cache line between two processors, in ns.
//
//   core_probe [CPU CPU]    prints "ROUND_TRIP_NS CPU CPU"; without arguments the first two that
//   this process may use core_probe --compiler   prints what compiled this program, and whether
//   with optimization
//
// On virtual machines the two may be near each other or far apart, and this changes by itself
// within seconds: compare.py keeps only those measurements before, between and after which this
// figure stayed the same.

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

constexpr int kBatches = 41;
constexpr int kRoundTripsPerBatch = 500;
constexpr int kRoundTrips = kBatches * kRoundTripsPerBatch;

// Odd: the question of a round; even: its answer. Alone on its line (and on the neighbour that is
// prefetched with it).
struct alignas(128) Line {
  std::atomic<int> turn{0};
};

bool Pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void Answer(Line& line) {
  for (int i = 0; i < kRoundTrips; ++i) {
    // ORDER(probe): acquire/release as in a real hand-over, so that the figure is one of a real
    // hand-over.
    while (line.turn.load(std::memory_order_acquire) != 2 * i + 1) {
    }
    line.turn.store(2 * i + 2, std::memory_order_release);
  }
}

// The median of the batches: a batch in which either thread lost its processor counts as one,
// however long it took.
double Ask(Line& line) {
  std::vector<double> ns;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = batch * kRoundTripsPerBatch; i < (batch + 1) * kRoundTripsPerBatch; ++i) {
      line.turn.store(2 * i + 1, std::memory_order_release);
      while (line.turn.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    ns.push_back(took.count() / kRoundTripsPerBatch);
  }
  std::nth_element(ns.begin(), ns.begin() + kBatches / 2, ns.end());
  return ns[kBatches / 2];
}

void PrintCompiler() {
#if defined(__clang__)
  const char* const name = "";  // its version string begins with its name
#else
  const char* const name = "gcc ";
#endif
#if defined(__OPTIMIZE__)
  const char* const level = "optimized";
#else
  const char* const level = "NOT OPTIMIZED";
#endif
  std::printf("%s%s, %s\n", name, __VERSION__, level);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--compiler") == 0) {
    PrintCompiler();
    return 0;
  }
  std::vector<int> cpus = AllowedCpus();
  if (argc == 3) cpus = {std::atoi(argv[1]), std::atoi(argv[2])};
  if (cpus.size() < 2 || cpus[0] == cpus[1]) {
    std::fprintf(stderr, "core_probe: needs two processors\n");
    return 1;
  }
  Line line;
  std::atomic<bool> pinned{true};
  std::thread peer([&] {
    // ORDER: relaxed; read after join().
    if (!Pin(cpus[1])) pinned.store(false, std::memory_order_relaxed);
    Answer(line);
  });
  if (!Pin(cpus[0])) pinned.store(false, std::memory_order_relaxed);
  const double ns = Ask(line);
  peer.join();
  if (!pinned.load(std::memory_order_relaxed)) {
    std::fprintf(stderr, "core_probe: may not run on processors %d and %d\n", cpus[0], cpus[1]);
    return 1;
  }
  std::printf("%.1f %d %d\n", ns, cpus[0], cpus[1]);
  return 0;
}
