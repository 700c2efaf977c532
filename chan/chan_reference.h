// A slow channel to compare with: Go's rules on plain deques, for one thread, where an operation
// that would wait is put on record and completed by a later one.
#ifndef WEFT_CHAN_CHAN_REFERENCE_H_
#define WEFT_CHAN_CHAN_REFERENCE_H_

#include <cstddef>
#include <deque>
#include <map>
#include <optional>

namespace weft::chan_internal {

// How an operation ended.
struct ReferenceResult {
  enum class Kind { kSent, kReceived, kClosed, kPanic, kNotReady };
  Kind kind;
  int value = 0;
  friend bool operator==(const ReferenceResult&, const ReferenceResult&) = default;
};

// Operations are named by numbers. A result appears in results() once the operation has ended.
class ReferenceChan {
 public:
  using Kind = ReferenceResult::Kind;

  explicit ReferenceChan(size_t capacity) : capacity_(capacity) {}

  void Send(int op, int value, bool may_wait) {
    if (closed_) return End(op, {Kind::kPanic});
    if (!receivers_.empty()) {
      End(receivers_.front(), {Kind::kReceived, value});
      receivers_.pop_front();
    } else if (buffer_.size() < capacity_) {
      buffer_.push_back(value);
    } else if (may_wait) {
      senders_.push_back({op, value});
      return;
    } else {
      return End(op, {Kind::kNotReady});
    }
    End(op, {Kind::kSent});
  }

  void Recv(int op, bool may_wait) {
    std::optional<int> value;
    if (!buffer_.empty()) {
      value = buffer_.front();
      buffer_.pop_front();
    }
    if (!senders_.empty()) {
      Sender sender = senders_.front();
      senders_.pop_front();
      End(sender.op, {Kind::kSent});
      if (value.has_value()) {
        buffer_.push_back(sender.value);
      } else {
        value = sender.value;
      }
    }
    if (value.has_value()) return End(op, {Kind::kReceived, *value});
    if (closed_) return End(op, {Kind::kClosed});
    if (!may_wait) return End(op, {Kind::kNotReady});
    receivers_.push_back(op);
  }

  void Close(int op) {
    if (closed_) return End(op, {Kind::kPanic});
    closed_ = true;
    for (int receiver : receivers_) End(receiver, {Kind::kClosed});
    for (const Sender& sender : senders_) End(sender.op, {Kind::kPanic});
    receivers_.clear();
    senders_.clear();
    End(op, {Kind::kSent});
  }

  size_t len() const { return buffer_.size(); }
  size_t receivers() const { return receivers_.size(); }
  size_t senders() const { return senders_.size(); }
  const std::map<int, ReferenceResult>& results() const { return results_; }

 private:
  struct Sender {
    int op;
    int value;
  };

  void End(int op, ReferenceResult result) { results_.emplace(op, result); }

  const size_t capacity_;
  bool closed_ = false;
  std::deque<int> buffer_;
  std::deque<int> receivers_;
  std::deque<Sender> senders_;
  std::map<int, ReferenceResult> results_;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_CHAN_REFERENCE_H_
