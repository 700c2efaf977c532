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

[[gnu::noinline]] void Clear(std::vector<int>& list) { list.clear(); }  // as Write()

// `x` outlives the fibers that touch it: Fibers is declared after it.

constexpr Program kRacy[] = {
    {"GoIsNotWaitedFor",
     [] {
       int x = 0;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       Write(x);
     }},
    {"EndOfAFiberOrdersNothing",
     [] {
       int x = 0;
       Fibers fibers;
       fibers.Run([&] { Write(x); });
       Read(x);
     }},
    {"SiblingsOneAfterTheOther",
     [] {
       int x = 0;
       Fibers fibers;
       fibers.Run([&] { Write(x); });
       fibers.Run([&] { Write(x); });
     }},
    {"GoschedOrdersNothing",
     [] {
       int x = 0;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       for (int i = 0; i < 10; ++i) Gosched();
       Read(x);
     }},
    {"SleepOrdersNothing",
     [] {
       int x = 0;
       Fibers fibers;
       fibers.Go([&] { Write(x); });
       Sleep(absl::Milliseconds(1));
       Read(x);
     }},
    {"TwoSleepersAreNotOrdered",
     [] {
       int x = 0;
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
       int i = 0;
       Fibers fibers;
       for (; Read(i) < 3; Write(i)) fibers.Go([&i] { Read(i); });
     }},
    {"CounterOfManyFibers",
     [] {
       int x = 0;
       Fibers fibers;
       for (int i = 0; i < 10; ++i) fibers.Go([&] { Write(x); });
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
       auto x = std::make_unique<int>(1);
       Fibers fibers;
       fibers.Run([p = x.get()] { Read(*p); });
       x.reset();
     }},
    {"ClosureReadsWhatTheStarterChanges",
     [] {
       std::vector<int> list(1);  // a string's code is in a library that is not looked at
       Fibers fibers;
       fibers.Go([&list] {
         volatile const bool empty = list.empty();
         (void)empty;
       });
       Clear(list);
     }},
    {"WriteAfterSend",
     [] {
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       auto x = std::make_shared<int>(0);
       auto c = MakeChan<int*>(1);
       Fibers fibers;
       fibers.Go([c] { Write(**c.Recv()); });
       c.Send(x.get());
       Write(*x);
       fibers.Await();
     }},
    {"OneSideWithoutTheLock",
     [] {
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
       Once once;
       Fibers fibers;
       fibers.Run([&] { once.Do([&] { Write(x); }); });
       Read(x);
     }},
    {"SignalThatNobodyWaitsFor",
     [] {
       int x = 0;
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
       int x = 0;
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
       int x = 0, ready = 0;
       Fibers fibers;
       fibers.Run([&] {
         Write(x);
         Write(ready);
       });
       if (Read(ready) != 0) Read(x);
     }},
    {"AtomicLoadPublishesNothing",
     [] {
       int x = 0;
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
       int x = 0;
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
       int x = 0;
       Value<int*> value;
       Fibers fibers;
       fibers.Run([&] {
         value.Store(&x);
         Write(x);
       });
       if (auto stored = value.Load()) Read(**stored);
     }},
    {"ObjectIsUsedAfterPut",
     [] {
       auto x = std::make_unique<int>(0);
       Pool<int*> pool;
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
       int x = 0;
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
       int x = 0;
       Map<int, int*> map;
       Fibers fibers;
       fibers.Run([&] {
         map.Store(1, &x);
         Write(x);
       });
       Read(**map.Load(1));
     }},
    {"WriteAfterCancel",
     [] {
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
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
       int x = 0;
       Fibers fibers;
       std::thread thread([&] { Write(x); });
       Write(x);
       thread.join();
     }},
    {"PanicIsCaughtElsewhere",
     [] {
       int x = 0;
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
