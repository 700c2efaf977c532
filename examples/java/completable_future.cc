// Java's CompletableFuture.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/future.h"
#include "weft/patterns/when.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto answer = weft::Async([] { return 20; })          // supplyAsync(() -> 20)
                      .Then([](int n) { return n + 1; })  // .thenApply(n -> n + 1)
                      .Then([](int n) {
                        return weft::Async([n] { return 2 * n; });
                      });                // .thenCompose(n -> …)
    std::printf("%d\n", *answer.Get());  // .join()

    auto sum = weft::WhenAll(weft::Async([] { return 1; }),
                             answer)  // .thenCombine(other, (a, b) -> a + b)
                   .Then([](const auto& both) { return std::get<0>(both) + std::get<1>(both); });
    std::printf("%d\n", *sum.Get());

    weft::Promise<int> failed;                         // new CompletableFuture<>()
    failed.Set(absl::UnavailableError("no network"));  // .completeExceptionally(…)
    auto rescued =
        failed.future().OrElse([](const absl::Status&) { return -1; });  // .exceptionally(e -> -1)
    std::printf("%d\n", *rescued.Get());
    auto handled = failed.future().Handle(  // .handle((v, e) -> …)
        [](const absl::StatusOr<int>& r) { return std::string(r.status().message()); });
    std::printf("%s\n", handled.Get()->c_str());

    std::vector<weft::Future<int>> all = {answer, sum, rescued};
    std::printf("%d\n", static_cast<int>(weft::WhenAll(all).Get()->size()));  // allOf(…)
    std::printf("%d\n", *weft::WhenAny(all).Get() < 3);                       // anyOf(…)

    weft::Promise<int> never;  // .get(1, MILLISECONDS)
    auto [ctx, cancel] = weft::WithTimeout(weft::Background(), absl::Milliseconds(1));
    std::printf("%s\n", never.future().Get(ctx).status().ToString().c_str());
  });
}

// Output:
// 42
// 43
// -1
// no network
// 3
// 1
// DEADLINE_EXCEEDED: context deadline exceeded
