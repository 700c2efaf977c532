// Programs in a bubble of synctest, where all fibers share a thread, and none is ordered by that.
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/time.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/synctest.h"
#include "weft/sync/waitgroup.h"
#include "weft/tools/race/programs.h"

namespace weft::race_programs {
namespace {

template <typename Fn>
void InBubble(Fn fn) {
  (void)synctest::Run(fn);
}

constexpr Program kRacy[] = {
    {"BubbleOfTwoWriters",
     [] {
       Shared x;
       InBubble([&x] {
         for (int i = 0; i < 2; ++i) Go([&x] { Write(x); });
       });
     }},
    {"BubbleWhoseMainDoesNotWait",
     [] {
       Shared x;
       InBubble([&x] {
         Go([&x] { Write(x); });
         Write(x);
       });
     }},
    {"SleepInABubble",
     [] {
       Shared x;
       InBubble([&x] {
         Go([&x] { Write(x); });
         Sleep(absl::Seconds(1));
         Write(x);
       });
     }},
    {"TimerInABubble",
     [] {
       Shared x;
       InBubble([&x] {
         AfterFunc(absl::Seconds(1), [&x] { Write(x); });
         Sleep(absl::Seconds(2));
         Write(x);
       });
     }},
    {"WriteAfterTheWaitOfABubble",
     [] {
       Shared x;
       InBubble([&x] {
         Go([&x] {
           Sleep(absl::Seconds(1));
           Write(x);
         });
         synctest::Wait();
         Sleep(absl::Seconds(2));
         Write(x);
       });
     }},
};

constexpr Program kCorrect[] = {
    {"WaitInABubble",
     [] {
       Shared x;
       InBubble([&x] {
         Go([&x] { Write(x); });
         synctest::Wait();
         Write(x);
       });
     }},
    {"WaitForABlockedFiberOfABubble",
     [] {
       Shared x;
       InBubble([&x] {
         auto never = MakeChan<int>();
         Go([&x, never]() mutable {
           Write(x);
           never.Recv();
         });
         synctest::Wait();
         Write(x);
         never.Close();
       });
     }},
    {"WaitForATimerOfABubble",
     [] {
       Shared x;
       InBubble([&x] {
         AfterFunc(absl::Seconds(1), [&x] { Write(x); });
         synctest::Sleep(absl::Seconds(1));
         Write(x);
       });
     }},
    {"EndOfABubble",
     [] {
       Shared x;
       InBubble([&x] { Go([&x] { Write(x); }); });
       Write(x);
     }},
    {"ChannelInABubble",
     [] {
       Shared x;
       InBubble([&x] {
         auto done = MakeChan<bool>();
         Go([&x, done]() mutable {
           Write(x);
           done.Send(true);
         });
         done.Recv();
         Write(x);
       });
     }},
    {"WaitGroupInABubble",
     [] {
       Shared x;
       InBubble([&x] {
         WaitGroup group;
         group.Go([&x] { Write(x); });
         group.Wait();
         Write(x);
       });
     }},
};

}  // namespace

absl::Span<const Program> RacyInBubble() { return kRacy; }
absl::Span<const Program> CorrectInBubble() { return kCorrect; }

}  // namespace weft::race_programs
