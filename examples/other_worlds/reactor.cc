// Reactor and RxJava: operators on streams, with back-pressure by construction.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/flow_merge.h"
#include "weft/patterns/flow_more.h"
#include "weft/patterns/flow_time.h"
#include "weft/sched/main.h"

using namespace weft::flow;

void Print(const char* name, const weft::Flow<int64_t>& flow) {
  std::printf("%s:", name);
  absl::Status s =
      flow.Collect(weft::Background(), [](int64_t n) { std::printf(" %d", static_cast<int>(n)); });
  std::printf("%s%s\n", s.ok() ? "" : " ", s.ok() ? "" : s.ToString().c_str());
}

// The order between inner flows is nobody's business.
auto Sorted() {
  return [](const weft::Flow<int64_t>& in) {
    std::vector<int64_t> all = *in.ToVector(weft::Background());
    std::sort(all.begin(), all.end());
    return Of(std::move(all));
  };
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    const auto square = [](int64_t n) { return n * n; };
    const auto failing =
        Concat<int64_t>({Of<int64_t>({1, 2}), Fail<int64_t>(absl::UnavailableError("gone"))});
    Print("map, filter, take",
          Range(0, 100) | Map(square) | Filter([](int64_t n) { return n % 2 == 0; }) | Take(4));
    Print("flatMap(…, 4)",
          Range(1, 4) | FlatMap(4, [](int64_t n) { return Range(10 * n, 10 * n + 2); }) | Sorted());
    Print("merge", Merge<int64_t>({Range(0, 2), Range(5, 7)}) | Sorted());
    Print("concat", Concat<int64_t>({Range(0, 2), Range(5, 7)}));
    Print("zip", Zip(Range(1, 4), Range(10, 100), [](int64_t a, int64_t b) { return a * b; }));
    Print("buffer(3)", Range(0, 7) | Chunk(3) |
                           Map([](const std::vector<int64_t>& v) { return int64_t(v.size()); }));
    Print("window", Range(0, 7) | Window(3, absl::Hours(1)) |
                        Map([](const std::vector<int64_t>& v) { return v.front(); }));
    Print("scan", Range(1, 6) | Scan(int64_t{0}, std::plus<int64_t>()));
    Print("debounce", Range(0, 5) | Debounce(absl::Hours(1)));
    Print("throttleFirst", Range(0, 5) | ThrottleFirst(absl::Hours(1)));
    Print("timeout", Interval(absl::Hours(1)) | TimeoutEach(absl::Milliseconds(1)));
    Print("retry(1)", failing | Retry(1));
    Print("onErrorResume", failing | Catch([](const absl::Status&) { return Of<int64_t>({-1}); }));
    Print("onBackpressureBuffer", Range(0, 4) | Buffer(16));
  });
}

// Output:
// map, filter, take: 0 4 16 36
// flatMap(…, 4): 10 11 20 21 30 31
// merge: 0 1 5 6
// concat: 0 1 5 6
// zip: 10 22 36
// buffer(3): 3 3 1
// window: 0 3 6
// scan: 1 3 6 10 15
// debounce: 4
// throttleFirst: 0
// timeout: DEADLINE_EXCEEDED: no value in time
// retry(1): 1 2 1 2 UNAVAILABLE: gone
// onErrorResume: 1 2 -1
// onBackpressureBuffer: 0 1 2 3
