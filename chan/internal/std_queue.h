// What channels are measured against: a bounded queue of a std::mutex and two
// std::condition_variables.
#ifndef WEFT_CHAN_INTERNAL_STD_QUEUE_H_
#define WEFT_CHAN_INTERNAL_STD_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace weft::bench {

// Of size 0 it has room for one: the nearest that a queue comes to an unbuffered channel.
class StdQueue {
 public:
  explicit StdQueue(int size) : size_(size == 0 ? 1 : static_cast<size_t>(size)) {}

  void Send(int64_t value) {
    {
      std::unique_lock lock(mu_);
      not_full_.wait(lock, [this] { return values_.size() < size_; });
      values_.push_back(value);
    }
    not_empty_.notify_one();
  }

  int64_t Recv() {
    int64_t value;
    {
      std::unique_lock lock(mu_);
      not_empty_.wait(lock, [this] { return !values_.empty(); });
      value = values_.front();
      values_.pop_front();
    }
    not_full_.notify_one();
    return value;
  }

 private:
  const size_t size_;
  std::mutex mu_;
  std::condition_variable not_full_, not_empty_;
  std::deque<int64_t> values_;  // guarded by mu_
};

}  // namespace weft::bench

#endif  // WEFT_CHAN_INTERNAL_STD_QUEUE_H_
