// C#: Task, Task.WhenAll, Task.WhenAny, TaskCompletionSource, CancellationToken, async streams.
#include <cstdio>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/future.h"
#include "weft/patterns/generator.h"
#include "weft/patterns/scope.h"
#include "weft/patterns/when.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::Future<int> task = weft::Async([] { return 6 * 7; });  // Task.Run(() => 6 * 7)
    std::printf("await: %d\n", *task.Get());                     // await task

    std::vector<weft::Future<int>> tasks;
    for (int i = 1; i <= 3; ++i) tasks.push_back(weft::Async([i] { return i; }));
    int sum = 0;
    const weft::Future<std::vector<int>> all = weft::WhenAll(tasks);
    for (int n : *all.Get()) sum += n;
    std::printf("WhenAll: %d\n", sum);

    weft::Promise<int> source, never;  // new TaskCompletionSource<int>()
    weft::Future<size_t> first = weft::WhenAny(never.future(), source.future());
    source.Set(1);  // source.SetResult(1)
    std::printf("WhenAny: %d\n", static_cast<int>(*first.Get()));

    // var cts = new CancellationTokenSource(); … cts.Cancel(); …
    // token.ThrowIfCancellationRequested()
    weft::Scope scope(weft::Background());
    auto cancelled = weft::Async(scope, [](const weft::Context& token) -> absl::StatusOr<int> {
      token.Done().Recv();
      return token.Err();
    });
    scope.Cancel();
    std::printf("cancelled: %s\n", cancelled.Get().status().ToString().c_str());

    weft::Generator<int> stream(
        [](const auto& yield) {  // async IAsyncEnumerable<int> … yield return
          for (int n = 1; n <= 3; ++n) {
            if (!yield(n)) return;
          }
        });
    for (int n : stream) std::printf("await foreach: %d\n", n);
  });
}

// Output:
// await: 42
// WhenAll: 6
// WhenAny: 1
// cancelled: CANCELLED: context canceled
// await foreach: 1
// await foreach: 2
// await foreach: 3
