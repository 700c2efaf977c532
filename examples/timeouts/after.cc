// A timeout by After(): a channel on which the time comes when it is over.
#include <cstdio>
#include <optional>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto answers = weft::MakeChan<int>(1);
    std::optional<int> answer;
    switch (weft::Select(weft::OnRecv(answers, &answer),
                         weft::OnRecv(weft::After(absl::Milliseconds(1))))) {
      case 0:
        std::printf("answer %d\n", *answer);
        break;
      case 1:
        std::puts("no answer in time");
        break;
    }
    answers.Send(42);
    weft::Select(
        weft::OnRecv(answers, [](std::optional<int> a) { std::printf("answer %d\n", *a); }),
        weft::OnRecv(weft::After(absl::Hours(1)), [] { std::puts("no answer in time"); }));
  });
}

// Output:
// no answer in time
// answer 42
