#include "weft/sched/testing/model.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "weft/sched/testing/model_execution.h"
#include "weft/sched/testing/model_search.h"

namespace weft::sched_internal::model {

namespace {

Options WithEnvironment(Options options) {
  if (const char* seed = std::getenv("WEFT_SEED")) options.seed = std::strtoull(seed, nullptr, 0);
  if (const char* schedule = std::getenv("WEFT_MODEL_SCHEDULE")) options.replay = schedule;
  return options;
}

std::unique_ptr<Strategy> NewStrategy(const Options& options) {
  if (!options.replay.empty()) return NewReplay(options);
  switch (options.search) {
    case Options::Search::kExhaustive:
      return NewExhaustive(options);
    case Options::Search::kRandom:
      return NewRandom(options);
    case Options::Search::kPct:
      return NewPct(options);
  }
  return nullptr;
}

// The threads of a failed execution never end. What their stacks own stays reachable for leak
// checkers.
void KeepForEver(std::unique_ptr<Execution> execution) {
  static std::vector<std::unique_ptr<Execution>>& kept =
      *new std::vector<std::unique_ptr<Execution>>;
  kept.push_back(std::move(execution));
}

constexpr uintptr_t kArenaAlignment = 4096;

char* AlignArena(char* memory) {
  return memory + (-reinterpret_cast<uintptr_t>(memory) & (kArenaAlignment - 1));
}

}  // namespace

Program::Program()
    : memory_(new char[kArenaBytes + kArenaAlignment]), arena_(AlignArena(memory_.get())) {}

Program::~Program() = default;

void Program::Name(const void* address, std::string_view name) {
  names_.emplace_back(address, name);
}

void* Program::Allocate(size_t bytes, size_t alignment) {
  const uintptr_t base = reinterpret_cast<uintptr_t>(arena_);
  const uintptr_t start = (base + allocated_ + alignment - 1) & ~(alignment - 1);
  allocated_ = start + bytes - base;
  if (allocated_ > kArenaBytes) Fail("the program makes too many objects", Site::Here());
  return reinterpret_cast<void*>(start);
}

void Program::Clear() {
  while (!made_.empty()) {
    const Made last = made_.back();
    made_.pop_back();
    last.destroy(last.object);
  }
  allocated_ = 0;
  threads_.clear();
  finally_ = nullptr;
  names_.clear();
}

Result Explore(const Options& given, const std::function<void(Program&)>& program) {
  const Options options = WithEnvironment(given);
  const std::unique_ptr<Strategy> strategy = NewStrategy(options);
  auto execution = std::make_unique<Execution>(options, *strategy);
  StateTable ends;
  Result result;
  do {
    execution->Run(program);
    ++result.executions;
    result.failure = execution->failure();
    if (!result.failure.empty()) break;
    bool inserted = false;
    if (strategy->redundant()) {
      ++result.redundant;
    } else if (ends.FindOrInsert(execution->state(), 0, &inserted) != nullptr && inserted) {
      ++result.distinct;
    }
  } while (strategy->Next() && result.executions < options.executions);
  if (result.failure.empty()) result.failure = strategy->error();
  result.complete = strategy->complete();
  result.steps = execution->steps();
  if (result.ok()) return result;
  result.schedule = execution->schedule();
  result.report = execution->report() + result.Summary() + "\n";
  KeepForEver(std::move(execution));
  return result;
}

std::string Result::Summary() const {
  return std::to_string(executions) + " executions (" + std::to_string(redundant) + " redundant, " +
         std::to_string(distinct) + " distinct), " + std::to_string(steps) + " steps, " +
         (complete ? "complete" : "not complete");
}

std::ostream& operator<<(std::ostream& out, const Result& result) {
  return out << (result.ok() ? result.Summary() : result.report);
}

void Fail(std::string_view message, Site site) {
  if (Execution::current == nullptr) std::abort();
  Execution::current->Fail(message, site);
}

}  // namespace weft::sched_internal::model
