// What the tests of channels share: fibers that can be joined, a look into the queues, and checked
// panics.
#ifndef WEFT_CHAN_INTERNAL_TEST_UTIL_H_
#define WEFT_CHAN_INTERNAL_TEST_UTIL_H_

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/panic.h"

namespace weft::chan_internal {

// Fibers whose ends are waited for.
class Group {
 public:
  template <typename Fn>
  void Go(Fn fn) {
    ++started_;
    weft::Go([fn = std::move(fn), done = done_]() mutable {
      fn();
      done.Send({});
    });
  }
  void Wait() {
    for (; started_ > 0; --started_) done_.Recv();
  }

 private:
  Chan<Empty> done_ = MakeChan<Empty>();
  int started_ = 0;
};

// Close(), where others may send at the same time: to the race detector that is a race.
template <typename C>
void CloseUnordered(const C& c) {
  const race::Ignore ignore;
  c.Close();
}

template <typename C>
int WaitingReceivers(const C& c) {
  const race::Ignore ignore;
  c.core()->lock();
  int count = c.core()->receivers().Count();
  c.core()->unlock();
  return count;
}

template <typename C>
int WaitingSenders(const C& c) {
  const race::Ignore ignore;
  c.core()->lock();
  int count = c.core()->senders().Count();
  c.core()->unlock();
  return count;
}

// Returns once `n` operations stand in the queue.
template <typename C>
void AwaitReceivers(const C& c, int n) {
  while (WaitingReceivers(c) != n) Gosched();
}
template <typename C>
void AwaitSenders(const C& c, int n) {
  while (WaitingSenders(c) != n) Gosched();
}

// What fn() panics with; empty if it does not.
template <typename Fn>
std::string PanicOf(Fn fn) {
  try {
    fn();
  } catch (const PanicError& error) {
    return error.what();
  }
  return "";
}

// WEFT_SEED, or a new one; said in the log so that a failure can be replayed.
inline uint64_t TestSeed() {
  const char* given = std::getenv("WEFT_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  testing::Test::RecordProperty("WEFT_SEED", std::to_string(seed));
  return seed;
}

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_TEST_UTIL_H_
