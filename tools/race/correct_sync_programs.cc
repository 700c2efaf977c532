#include "weft/tools/race/programs.h"

#include <atomic>
#include <memory>
#include <mutex>  // NOLINT: the standard library's locks order, too
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/sync/atomic.h"
#include "weft/sync/barrier.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/map.h"
#include "weft/sync/monitor.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/pool.h"
#include "weft/sync/reentrant_mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft::race_programs {
namespace {

constexpr Program kPrograms[] = {
    {"Mutex",
     [] {
       Mutex mutex;
       BothWrite(
           50, [&] { mutex.lock(); }, [&] { mutex.unlock(); });
     }},
    {"MutexTried",
     [] {
       Mutex mutex;
       BothWrite(
           20,
           [&] {
             while (!mutex.try_lock()) Gosched();
           },
           [&] { mutex.unlock(); });
     }},
    {"MutexInTime",
     [] {
       Mutex mutex;
       BothWrite(
           20,
           [&] {
             while (!mutex.TryLockFor(absl::Milliseconds(1))) {
             }
           },
           [&] { mutex.unlock(); });
     }},
    {"MutexOfTheStandardLibrary",
     [] {
       std::mutex mutex;
       BothWrite(
           20, [&] { mutex.lock(); }, [&] { mutex.unlock(); });
     }},
    {"ReentrantMutex",
     [] {
       ReentrantMutex mutex;
       BothWrite(
           20,
           [&] {
             mutex.lock();
             mutex.lock();
           },
           [&] {
             mutex.unlock();
             mutex.unlock();
           });
     }},
    {"WritersLock",
     [] {
       RWMutex mutex;
       BothWrite(
           50, [&] { mutex.lock(); }, [&] { mutex.unlock(); });
     }},
    {"ReadersAndAWriter",
     [] {
       int x = 0;
       RWMutex mutex;
       Fibers fibers;
       for (int i = 0; i < 3; ++i) {
         fibers.Go([&] {
           for (int k = 0; k < 20; ++k) {
             ReaderLock lock(mutex);
             Read(x);
           }
         });
       }
       for (int k = 0; k < 20; ++k) {
         WriterLock lock(mutex);
         Write(x);
         Gosched();
       }
     }},
    {"WaitGroup",
     [] {
       int x[4] = {};
       WaitGroup group;
       for (int& mine : x) group.Go([&mine] { Write(mine); });
       group.Wait();
       for (int& theirs : x) Write(theirs);
     }},
    {"WaitGroupIsUsedAgain",
     [] {
       int x = 0;
       WaitGroup group;
       for (int i = 0; i < 20; ++i) {
         group.Go([&x] { Write(x); });
         group.Wait();
       }
     }},
    {"Once",
     [] {
       int x = 0;
       Once once;
       Fibers fibers;
       for (int i = 0; i < 3; ++i) {
         fibers.Go([&] {
           once.Do([&] { Write(x); });
           Read(x);
         });
       }
     }},
    {"OnceValue",
     [] {
       const auto value = OnceValue([] { return std::vector<int>(10, 1); });
       Fibers fibers;
       for (int i = 0; i < 3; ++i) fibers.Go([value] { Read(value()[3]); });
     }},
    {"Cond",
     [] {
       int x = 0;
       Mutex mutex;
       Cond cond(mutex);
       Fibers fibers;
       fibers.Go([&] {
         MutexLock lock(mutex);
         while (Read(x) == 0) cond.Wait();
       });
       mutex.lock();
       Write(x);
       mutex.unlock();
       cond.Broadcast();
     }},
    {"Monitor",
     [] {
       int x = 0;
       Monitor monitor;
       Fibers fibers;
       fibers.Go([&] {
         monitor.lock();
         while (Read(x) == 0) monitor.Wait();
         monitor.unlock();
       });
       monitor.lock();
       Write(x);
       monitor.NotifyAll();
       monitor.unlock();
     }},
    {"SemaphoreOfOne",
     [] {
       Semaphore semaphore(1);
       BothWrite(
           50, [&] { semaphore.Acquire(); }, [&] { semaphore.Release(); });
     }},
    {"AtomicFlag",
     [] {
       int x = 0;
       Atomic<int> flag;
       Fibers fibers;
       fibers.Go([&] {
         Write(x);
         flag.Store(1);
       });
       while (flag.Load() == 0) Gosched();
       Write(x);
     }},
    {"AtomicOfTheStandardLibrary",
     [] {
       int x = 0;
       std::atomic<bool> flag{false};
       Fibers fibers;
       fibers.Go([&] {
         Write(x);
         flag.store(true, std::memory_order_release);
       });
       while (!flag.load(std::memory_order_acquire)) Gosched();
       Write(x);
     }},
    {"SpinLockOfCompareAndSwap",
     [] {
       Atomic<int> word;
       BothWrite(
           20,
           [&] {
             while (!word.CompareAndSwap(0, 1)) Gosched();
           },
           [&] { word.Store(0); });
     }},
    {"Value",
     [] {
       Value<std::vector<int>> value;
       WaitGroup group;
       group.Go([&] { value.Store(std::vector<int>(10, 1)); });
       while (value.Load() == nullptr) Gosched();
       Read((*value.Load())[3]);
       group.Wait();
     }},
    {"Pool",
     [] {
       Pool<std::unique_ptr<int>> pool([] { return std::make_unique<int>(0); });
       WaitGroup group;
       for (int i = 0; i < 3; ++i) {
         group.Go([&] {
           for (int k = 0; k < 20; ++k) {
             auto x = pool.Get();
             Write(*x);
             pool.Put(std::move(x));
           }
         });
       }
       group.Wait();
     }},
    {"Map",
     [] {
       Map<int, std::shared_ptr<int>> map;
       WaitGroup group;
       for (int i = 0; i < 3; ++i) {
         group.Go([&map, i] {
           for (int k = 0; k < 50; ++k) {
             map.Store(k % 5, std::make_shared<int>(i));
             if (auto x = map.Load(k % 3)) Read(**x);
             if (k % 7 == 0) map.Delete(k % 5);
           }
         });
       }
       group.Wait();
     }},
    {"Context",
     [] {
       int x = 0;
       auto [context, cancel] = WithCancel(Background());
       Fibers fibers;
       fibers.Go([&x, context = context] {
         context.Done().Recv();
         Write(x);
       });
       Write(x);
       cancel();
     }},
    {"ContextIsPolled",
     [] {
       int x = 0;
       auto [context, cancel] = WithCancel(Background());
       Fibers fibers;
       fibers.Go([&x, context = context] {
         while (context.Err().ok()) Gosched();
         Write(x);
       });
       Write(x);
       cancel();
     }},
    {"FunctionOfATimer",
     [] {
       int x = 0;
       auto done = MakeChan<int>();
       Write(x);
       const auto timer = AfterFunc(absl::Microseconds(100), [&x, done] {
         Write(x);
         done.Send(1);
       });
       done.Recv();
       Write(x);
     }},
    {"ResetBeforeItsTimeIsReceived",
     [] {
       int x = 0;
       int y = 0;
       Timer timer(absl::Hours(1));
       Timer late(absl::Hours(1));
       Fibers fibers;
       // Timers of its own, as nothing orders its end before theirs.
       fibers.Go([&x, &y, timer, late] {
         timer.C().Recv();
         Write(x);
         Select(OnRecv(late.C()), OnRecv(timer.C()));
         Write(y);
       });
       Write(x);
       Write(y);
       late.Reset(absl::Microseconds(1));
       timer.Reset(absl::Microseconds(100));
     }},
    {"TickerAndSleep",
     [] {
       Fibers fibers;
       for (int i = 0; i < 3; ++i) {
         fibers.Go([] {
           Ticker ticker(absl::Microseconds(200));
           for (int k = 0; k < 3; ++k) ticker.C().Recv();
           Sleep(absl::Microseconds(100));
         });
       }
     }},
    {"Event",
     [] {
       int x = 0;
       Event event(EventReset::kAuto);
       Fibers fibers;
       fibers.Go([&] {
         event.Wait();
         Write(x);
       });
       Write(x);
       event.Set();
     }},
    {"Latch",
     [] {
       int x[3] = {};
       Latch latch(3);
       Fibers fibers;
       for (int& mine : x) {
         fibers.Go([&] {
           Write(mine);
           latch.CountDown();
         });
       }
       latch.Wait();
       for (int& theirs : x) Write(theirs);
     }},
    {"BarrierBetweenPhases",
     [] {
       int x[3] = {};
       Barrier barrier(3);
       Fibers fibers;
       for (int i = 0; i < 3; ++i) {
         fibers.Go([&, i] {
           for (int phase = 0; phase < 5; ++phase) {
             Write(x[(i + phase) % 3]);
             (void)barrier.ArriveAndWait();
           }
         });
       }
     }},
};

}  // namespace

absl::Span<const Program> CorrectWithSync() { return kPrograms; }

}  // namespace weft::race_programs
