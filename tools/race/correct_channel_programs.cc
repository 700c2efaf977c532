#include "weft/tools/race/programs.h"

#include <memory>
#include <string>
#include <thread>  // NOLINT: plain threads use channels, too
#include <utility>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/blocking.h"
#include "weft/sched/catch_panic.h"
#include "weft/sync/waitgroup.h"

namespace weft::race_programs {
namespace {

constexpr Program kPrograms[] = {
    {"StartOfAFiber",
     [] {
       int x = 0;
       Fibers fibers;
       Write(x);
       fibers.Go([&] { Write(x); });
     }},
    {"FibersThatOnlyRead",
     [] {
       int x = 0;
       Fibers fibers;
       for (int i = 0; i < 3; ++i) fibers.Go([&] { Read(x); });
       Read(x);
     }},
    {"StacksAreUsedAgain",
     [] {
       Fibers fibers;
       for (int i = 0; i < 200; ++i) {
         fibers.Run([] {
           int deep[200] = {};
           for (int& x : deep) Write(x);
         });
       }
     }},
    {"OwnCopies",
     [] {
       std::string text = "abc";
       Fibers fibers;
       for (int i = 0; i < 3; ++i) fibers.Go([text]() mutable { text.push_back('x'); });
       text.push_back('y');
     }},
    {"UnbufferedSend",
     [] {
       int x = 0;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Write(x);
       });
       Write(x);
       c.Send(1);
     }},
    {"UnbufferedReceive",
     [] {
       int x = 0;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Recv();
       });
       c.Send(1);
       Write(x);
     }},
    {"UnbufferedReceiverComesLast",
     [] {
       int x = 0;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Send(1);
         Write(x);
       });
       for (int i = 0; i < 50; ++i) Gosched();
       Write(x);
       c.Recv();
     }},
    {"BufferedSend",
     [] {
       int x = 0;
       auto c = MakeChan<int>(3);
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Write(x);
       });
       Write(x);
       c.Send(1);
     }},
    {"BufferedSendToOneWhoWaits",
     [] {
       int x = 0;
       auto c = MakeChan<int>(3);
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Write(x);
       });
       for (int i = 0; i < 50; ++i) Gosched();
       Write(x);
       c.Send(1);
     }},
    {"ChannelOfOneIsALock",
     [] {
       auto c = MakeChan<Empty>(1);
       BothWrite(
           50, [c] { c.Send({}); }, [c] { c.Recv(); });
     }},
    {"ChannelOfOneTokenIsALock",
     [] {
       auto c = MakeChan<Empty>(1);
       c.Send({});
       BothWrite(
           50, [c] { c.Recv(); }, [c] { c.Send({}); });
     }},
    {"FullBufferMakesTheSenderWaitForRoom",
     [] {
       int x = 0;
       auto c = MakeChan<int>(1);
       c.Send(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Recv();  // the first, which is before the second send is complete
         c.Recv();
       });
       c.Send(2);
       Write(x);
     }},
    {"SenderThatWaited",
     [] {
       int x = 0;
       auto c = MakeChan<int>(1);
       c.Send(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Send(2);
       });
       for (int i = 0; i < 50; ++i) Gosched();
       c.Recv();
       c.Recv();
       Read(x);
     }},
    {"PingPong",
     [] {
       int x = 0;
       auto there = MakeChan<int>(), back = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, there, back] {
         while (there.Recv()) {
           Write(x);
           back.Send(1);
         }
       });
       for (int i = 0; i < 20; ++i) {
         Write(x);
         there.Send(1);
         back.Recv();
       }
       there.Close();
     }},
    {"PipelineOfPointers",
     [] {
       auto first = MakeChan<std::unique_ptr<int>>(2), second = MakeChan<std::unique_ptr<int>>();
       Fibers fibers;
       fibers.Go([first, second] {
         while (auto x = first.Recv()) {
           Write(**x);
           second.Send(std::move(*x));
         }
         second.Close();
       });
       fibers.Go([first] {
         for (int i = 0; i < 20; ++i) first.Send(std::make_unique<int>(i));
         first.Close();
       });
       while (auto x = second.Recv()) Write(**x);
     }},
    {"ProducersAndConsumers",
     [] {
       auto c = MakeChan<std::vector<int>>(4);
       WaitGroup producers;
       Fibers fibers;
       for (int i = 0; i < 3; ++i) {
         producers.Go([c] {
           for (int k = 0; k < 20; ++k) c.Send(std::vector<int>(5, k));
         });
         fibers.Go([c] {
           while (auto v = c.Recv()) v->push_back(1);
         });
       }
       producers.Wait();
       c.Close();
     }},
    {"Close",
     [] {
       int x = 0;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Write(x);
       });
       Write(x);
       c.Close();
     }},
    {"CloseOfADrainedBuffer",
     [] {
       int x = 0;
       auto c = MakeChan<int>(2);
       c.Send(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         while (c.Recv()) {
         }
         Read(x);
       });
       Write(x);
       c.Close();
     }},
    {"CloseAfterTheLastSend",
     [] {
       auto c = MakeChan<int>(2), done = MakeChan<int>();
       Fibers fibers;
       fibers.Go([c, done] {
         c.Send(1);
         done.Close();
       });
       done.Recv();
       c.Close();
     }},
    {"SelectReceives",
     [] {
       int x = 0;
       auto a = MakeChan<int>(), b = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, b] {
         Write(x);
         b.Send(1);
       });
       Select(OnRecv(a), OnRecv(b));
       Write(x);
     }},
    {"SelectSends",
     [] {
       int x = 0;
       auto a = MakeChan<int>(), b = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, a] {
         a.Recv();
         Write(x);
       });
       Write(x);
       Select(OnSend(a, 1), OnRecv(b));
     }},
    {"SelectWithDefaultThatReceived",
     [] {
       int x = 0;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Send(1);
       });
       for (int ran = 1; ran != 0;) {
         ran = Select(OnRecv(c), OnDefault());
         if (ran != 0) Gosched();
       }
       Write(x);
     }},
    {"TwoSelectsMeet",
     [] {
       int x = 0;
       auto a = MakeChan<int>(), b = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, a, b] {
         Select(OnRecv(a), OnRecv(b));
         Write(x);
       });
       Write(x);
       Select(OnSend(a, 1), OnSend(b, 1));
     }},
    {"TryFormsThatSucceed",
     [] {
       int x = 0;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         while (!c.TryRecv()) Gosched();
         Write(x);
       });
       Write(x);
       while (!c.TrySend(1)) Gosched();
     }},
    {"HandlesAreDropped",
     [] {
       Fibers fibers;
       for (int i = 0; i < 20; ++i) {
         auto c = MakeChan<std::shared_ptr<int>>(4);
         fibers.Go([c] { c.Send(std::make_shared<int>(1)); });
         fibers.Go([c] { (void)c.TryRecv(); });
       }
     }},
    {"ThreadAndFiberByChannel",
     [] {
       int x = 0;
       auto c = MakeChan<int>();
       std::thread thread([&x, c] {
         c.Recv();
         Write(x);
       });
       Write(x);
       c.Send(1);
       Blocking([&] { thread.join(); });
       Read(x);
     }},
    {"PanicIsHandedOver",
     [] {
       auto c = MakeChan<std::exception_ptr>(1);
       Fibers fibers;
       fibers.Go([c] { c.Send(CatchPanic([] { throw std::string("text"); })); });
       try {
         std::rethrow_exception(*c.Recv());
       } catch (const std::string& text) {
         (void)(text == "text");
       }
     }},
};

}  // namespace

absl::Span<const Program> CorrectWithChannels() { return kPrograms; }

}  // namespace weft::race_programs
