#include "weft/tools/race/programs.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>  // NOLINT: plain threads race, too
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/sched/catch_panic.h"
#include "weft/sync/atomic.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/map.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/pool.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft::race_programs {
namespace {

// `x` outlives the fibers that touch it: Fibers is declared after it.

constexpr Program kRacy[] = {
    {"GoIsNotWaitedFor",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       Write(x);
     }},
    {"EndOfAFiberOrdersNothing",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Run([&] { Write(x); });
       Read(x);
     }},
    {"SiblingsOneAfterTheOther",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Run([&] { Write(x); });
       fibers.Run([&] { Write(x); });
     }},
    {"GoschedOrdersNothing",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       for (int i = 0; i < 10; ++i) Gosched();
       Read(x);
     }},
    {"SleepOrdersNothing",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       Sleep(absl::Milliseconds(1));
       Read(x);
     }},
    {"TwoSleepersAreNotOrdered",
     [] {
       Shared x;
       Fibers fibers;
       for (int i = 1; i <= 2; ++i) {
         fibers.Go([&x, i] {
           Sleep(absl::Microseconds(100 * i));
           Write(x);
           Sleep(absl::Microseconds(100));
         });
       }
     }},
    {"LoopVariableCapturedByReference",
     [] {
       Shared i;
       Fibers fibers;
       for (; Read(i) < 3; Write(i)) fibers.Go([&i] { Read(i); });
     }},
    {"CounterOfManyFibers",
     [] {
       Shared x;
       Fibers fibers;
       for (int i = 0; i < 5; ++i) fibers.Go([&] { Write(x); });
     }},
    {"MapOfTheStandardLibrary",
     [] {
       std::map<int, int> map;
       Fibers fibers;
       for (int i = 0; i < 2; ++i) fibers.Run([&map, i] { map[i] = i; });
     }},
    {"VectorGrows",
     [] {
       std::vector<int> vector;
       Fibers fibers;
       for (int i = 0; i < 2; ++i) fibers.Run([&vector, i] { vector.push_back(i); });
     }},
    {"StringIsAppendedTo",
     [] {
       std::string text;
       Fibers fibers;
       for (int i = 0; i < 2; ++i) fibers.Run([&text] { text.push_back('x'); });
     }},
    {"OneSharedPointerIsAssignedTwice",
     [] {
       std::shared_ptr<int> pointer;
       Fibers fibers;
       for (int i = 0; i < 2; ++i)
         fibers.Run([&pointer, i] { pointer = std::make_shared<int>(i); });
     }},
    {"FreedWhileAnotherMayRead",
     [] {
       auto x = std::make_unique<Shared>();
       Fibers fibers;
       fibers.Run([p = x.get()] { Read(*p); });
       x.reset();
     }},
    {"ClosureReadsWhatTheStarterChanges",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Go([&x] { Read(x); });
       Write(x);
     }},
    {"WriteAfterSend",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Read(x);
       });
       c.Send(1);
       Write(x);
     }},
    {"WriteAfterUnbufferedSend",
     [] {
       Shared x;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Read(x);
       });
       c.Send(1);
       Write(x);
     }},
    {"BufferedSendDoesNotWaitForItsReceive",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Recv();
       });
       c.Send(1);
       Read(x);
     }},
    {"ReceiverThatWaitsForABufferedSend",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Recv();
       });
       for (int i = 0; i < 20; ++i) Gosched();
       c.Send(1);
       Read(x);
     },
     /*one_worker=*/true},
    {"SenderThatWaitsInAFullBuffer",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       c.Send(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Send(2);
       });
       for (int i = 0; i < 200; ++i) Gosched();
       c.Recv();  // of the first: says nothing of who sends the second
       Read(x);
       c.Recv();
     },
     /*one_worker=*/true},
    {"TwoTokensLetTwoIn",
     [] {
       Shared x;
       auto tokens = MakeChan<Empty>(2);
       Fibers fibers;
       for (int i = 0; i < 2; ++i) {
         fibers.Run([&x, tokens] {
           tokens.Send({});
           Write(x);
           tokens.Recv();
         });
       }
     }},
    {"TrySendThatFails",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       c.Send(1);
       Fibers fibers;
       fibers.Run([&x, c] {
         Write(x);
         (void)c.TrySend(2);
       });
       c.Recv();
       Read(x);
     }},
    {"TryRecvOnNothing",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Run([&x, c] {
         Write(x);
         (void)c.TryRecv();
       });
       c.Send(1);
       Read(x);
     }},
    {"LenOrdersNothing",
     [] {
       Shared x;
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Go([&x, c] {
         Write(x);
         c.Send(1);
       });
       while (c.len() == 0) Gosched();
       Read(x);
     }},
    {"SelectThatTookDefault",
     [] {
       Shared x;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Run([&x, c] {
         Write(x);
         Select(OnSend(c, 1), OnDefault());
       });
       Select(OnRecv(c), OnDefault());
       Read(x);
     }},
    {"CaseThatLost",
     [] {
       Shared x;
       auto a = MakeChan<int>();
       auto b = MakeChan<int>(1);
       b.Send(1);
       Fibers fibers;
       fibers.Go([&x, a] {
         Write(x);
         a.Send(1);
       });
       for (int i = 0; i < 20; ++i) Gosched();
       Select(OnSend(a, 1), OnRecv(b));  // nobody receives from a
       Read(x);
       a.Recv();
     }},
    {"WriteAfterClose",
     [] {
       Shared x;
       auto c = MakeChan<int>();
       Fibers fibers;
       fibers.Go([&x, c] {
         c.Recv();
         Read(x);
       });
       c.Close();
       Write(x);
     }},
    {"SendAndCloseAreNotOrdered",
     [] {
       auto c = MakeChan<int>(1);
       Fibers fibers;
       fibers.Run([c] { c.Send(1); });
       c.Close();
     }},
    {"ElementIsUsedAfterSend",
     [] {
       auto x = std::make_shared<Shared>();
       auto c = MakeChan<Shared*>(1);
       Fibers fibers;
       fibers.Go([c] { Write(**c.Recv()); });
       c.Send(x.get());
       Write(*x);
       fibers.Await();
     }},
    {"OneSideWithoutTheLock",
     [] {
       Shared x;
       Mutex mutex;
       Fibers fibers;
       fibers.Run([&] {
         MutexLock lock(mutex);
         Write(x);
       });
       Write(x);
     }},
    {"TwoLocks",
     [] {
       Shared x;
       Mutex a, b;
       Fibers fibers;
       for (Mutex* mutex : {&a, &b}) {
         fibers.Run([&x, mutex] {
           MutexLock lock(*mutex);
           Write(x);
         });
       }
     }},
    {"WriteAfterUnlock",
     [] {
       Shared x;
       Mutex mutex;
       Fibers fibers;
       fibers.Run([&] {
         { MutexLock lock(mutex); }
         Write(x);
       });
       MutexLock lock(mutex);
       Read(x);
     }},
    {"TryLockThatFails",
     [] {
       Shared x;
       Mutex mutex;
       Fibers fibers;
       mutex.lock();
       fibers.Run([&] {
         if (mutex.try_lock()) mutex.unlock();
         Write(x);
       });
       Write(x);
       mutex.unlock();
     }},
    {"WriteUnderAReadersLock",
     [] {
       Shared x;
       RWMutex mutex;
       Fibers fibers;
       for (int i = 0; i < 2; ++i) {
         fibers.Run([&] {
           ReaderLock lock(mutex);
           Write(x);
         });
       }
     }},
    {"WriteAfterDone",
     [] {
       Shared x;
       WaitGroup group;
       Fibers fibers;
       group.Add(1);
       fibers.Go([&] {
         group.Done();
         Write(x);
       });
       group.Wait();
       Read(x);
     }},
    {"DoneIsNotAfterDone",
     [] {
       Shared x;
       WaitGroup group;
       Fibers fibers;
       group.Add(2);
       fibers.Run([&] {
         Write(x);
         group.Done();
       });
       fibers.Run([&] {
         group.Done();
         Write(x);
       });
       group.Wait();
     }},
    {"OnceIsPassedBy",
     [] {
       Shared x;
       Once once;
       Fibers fibers;
       fibers.Run([&] { once.Do([&] { Write(x); }); });
       Read(x);
     }},
    {"SignalThatNobodyWaitsFor",
     [] {
       Shared x;
       Mutex mutex;
       Cond cond(mutex);
       Fibers fibers;
       fibers.Run([&] {
         Write(x);
         cond.Signal();
       });
       Read(x);
     }},
    {"TwoPermitsLetTwoIn",
     [] {
       Shared x;
       Semaphore semaphore(2);
       Fibers fibers;
       for (int i = 0; i < 2; ++i) {
         fibers.Run([&] {
           semaphore.Acquire();
           Write(x);
         });
       }
     }},
    {"PlainFlag",
     [] {
       Shared x, ready;
       Fibers fibers;
       fibers.Run([&] {
         Write(x);
         Write(ready);
       });
       if (Read(ready) != 0) Read(x);
     }},
    {"AtomicLoadPublishesNothing",
     [] {
       Shared x;
       Atomic<int> flag;
       Fibers fibers;
       fibers.Run([&] {
         Write(x);
         (void)flag.Load();
       });
       flag.Store(1);
       Read(x);
     }},
    {"WriteAfterAtomicStore",
     [] {
       Shared x;
       Atomic<int> flag;
       Fibers fibers;
       fibers.Run([&] {
         flag.Store(1);
         Write(x);
       });
       (void)flag.Load();
       Read(x);
     }},
    {"ValueIsChangedAfterStore",
     [] {
       Shared x;
       Value<Shared*> value;
       Fibers fibers;
       fibers.Run([&] {
         value.Store(&x);
         Write(x);
       });
       if (auto stored = value.Load()) Read(**stored);
     }},
    {"ObjectIsUsedAfterPut",
     [] {
       auto x = std::make_unique<Shared>();
       Pool<Shared*> pool;
       Fibers fibers;
       fibers.Run([&] {
         pool.Put(x.get());
         Write(*x);
       });
       (void)pool.Get();
       Write(*x);
     }},
    {"GetDoesNotOrderPuts",
     [] {
       Shared x;
       Pool<std::unique_ptr<int>> pool;
       Fibers fibers;
       fibers.Run([&] {
         (void)pool.Get();
         Write(x);
       });
       fibers.Run([&] {
         (void)pool.Get();
         Write(x);
       });
     }},
    {"EntryIsChangedAfterStore",
     [] {
       Shared x;
       Map<int, Shared*> map;
       Fibers fibers;
       fibers.Run([&] {
         map.Store(1, &x);
         Write(x);
       });
       Read(**map.Load(1));
     }},
    {"WriteAfterCancel",
     [] {
       Shared x;
       auto [context, cancel] = WithCancel(Background());
       Fibers fibers;
       fibers.Go([&x, context = context] {
         context.Done().Recv();
         Read(x);
       });
       cancel();
       Write(x);
     }},
    {"FunctionOfATimer",
     [] {
       Shared x;
       std::atomic<bool> ran{false};  // relaxed: orders nothing
       const auto timer = AfterFunc(absl::Microseconds(100), [&] {
         Write(x);
         ran.store(true, std::memory_order_relaxed);
       });
       while (!ran.load(std::memory_order_relaxed)) Gosched();
       Read(x);
     }},
    {"TimersOfTwoFibers",
     [] {
       Shared x;
       Fibers fibers;
       for (int i = 1; i <= 2; ++i) {
         fibers.Go([&x, i] {
           After(absl::Microseconds(100 * i)).Recv();
           Write(x);
         });
       }
     }},
    {"WriteAfterEventSet",
     [] {
       Shared x;
       Event event(EventReset::kManual);
       Fibers fibers;
       fibers.Run([&] {
         event.Set();
         Write(x);
       });
       event.Wait();
       Read(x);
     }},
    {"LatchThatIsOnlyCountedDown",
     [] {
       Shared x;
       Latch latch(2);
       Fibers fibers;
       for (int i = 0; i < 2; ++i) {
         fibers.Run([&] {
           latch.CountDown();
           Write(x);
         });
       }
     }},
    {"ThreadAndFiber",
     [] {
       Shared x;
       Fibers fibers;
       std::thread thread([&] { Write(x); });
       Write(x);
       thread.join();
     }},
    {"PanicIsCaughtElsewhere",
     [] {
       Shared x;
       Fibers fibers;
       fibers.Run([&] {
         (void)CatchPanic([&] {
           Write(x);
           throw 1;
         });
       });
       Write(x);
     }},
};

}  // namespace

absl::Span<const Program> Racy() { return kRacy; }

}  // namespace weft::race_programs
