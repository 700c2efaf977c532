// preempt_often.h: for tests: fibers are asked to leave their processors all the time, not after
// 10 ms.
//
// While it lives, a thread sees to it that nearly each safe point and each prologue that may yield
// does. So a fiber that others wait for without parking, and that can be made to leave, is.
//
// Go: none; its tests of preemption take a GODEBUG setting.
//
// Thread safety: any number at once. Blocks: its end, for the thread's.
// Cost: one thread that never rests.
//
//   const weft::testing::PreemptOften preempt;
#ifndef WEFT_SCHED_TESTING_PREEMPT_OFTEN_H_
#define WEFT_SCHED_TESTING_PREEMPT_OFTEN_H_

#include <atomic>
#include <thread>

namespace weft::testing {

class PreemptOften {
 public:
  PreemptOften();
  ~PreemptOften();
  PreemptOften(const PreemptOften&) = delete;
  PreemptOften& operator=(const PreemptOften&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_PREEMPT_OFTEN_H_
