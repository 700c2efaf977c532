// A slow model of Go's rules for everything that can be done with channels, select included: for
// one thread, on plain deques, where an operation that would wait is put on record and completed by
// a later one.
//
// Where Go leaves the choice open, the model asks Choices, and whoever runs the same program once
// for every path of choices has all outcomes that Go allows.
#ifndef WEFT_CHAN_SELECT_REFERENCE_H_
#define WEFT_CHAN_SELECT_REFERENCE_H_

#include <compare>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "weft/sched/park.h"

namespace weft::chan_internal {

struct CaseSpec {
  int channel = 0;
  bool is_send = false;
  int value = 0;
};

// How an operation is written. To the model a send is a select of one case, and a try-form has a
// default besides.
enum class Form { kSend, kRecv, kTrySend, kTryRecv, kSelect, kSelectDefault, kRange, kClose };

struct Operation {
  Form form;
  std::vector<CaseSpec> cases;  // kClose: only the channel is of interest

  bool has_default() const {
    return form == Form::kTrySend || form == Form::kTryRecv || form == Form::kSelectDefault;
  }
};

struct ChannelSpec {
  enum class State { kNil, kOpen, kClosed };
  State state = State::kOpen;
  int capacity = 0;
  std::vector<int> elements;
};

// What became of an operation.
struct Ending {
  bool parked = true;
  WaitReason reason = WaitReason::kNone;  // if parked
  int ran = -1;                           // the case; one behind the last: the default
  std::vector<int> got;                   // empty: closed. Several for a range
  std::string panic;
  auto operator<=>(const Ending&) const = default;
};

// The paths through a program that chooses, one after the other.
class Choices {
 public:
  // A number below n. `matters`: the other numbers must occur as well; else they may.
  int Choose(int n, bool matters) {
    if (n == 1) return 0;
    if (at_ == path_.size()) path_.push_back({0, n, matters});
    return path_[at_++].chosen;
  }

  // Whether a fair implementation takes the path sooner or later.
  bool must_occur() const {
    for (const Fork& fork : path_) {
      if (!fork.matters && fork.chosen != 0) return false;
    }
    return true;
  }

  // To the next path; false when there is none.
  bool Next() {
    at_ = 0;
    while (!path_.empty() && ++path_.back().chosen == path_.back().n) path_.pop_back();
    return !path_.empty();
  }

 private:
  struct Fork {
    int chosen;
    int n;
    bool matters;
  };
  std::vector<Fork> path_;
  size_t at_ = 0;
};

class SelectReference {
 public:
  SelectReference(const std::vector<ChannelSpec>& specs, Choices& choices) : choices_(choices) {
    for (const ChannelSpec& spec : specs) {
      channels_.push_back(
          {spec, std::deque<int>(spec.elements.begin(), spec.elements.end()), {}, {}});
    }
  }

  // Operations are numbered in the order in which they come. One that parks may be ended by a later
  // one.
  void Run(const Operation& operation) {
    operations_.push_back(operation);
    endings_.emplace_back();
    int op = static_cast<int>(operations_.size()) - 1;
    if (operation.form == Form::kClose) {
      Close(op, channels_[operation.cases[0].channel]);
    } else {
      Select(op);
    }
  }

  const std::vector<Ending>& endings() const { return endings_; }
  int len(int channel) const { return static_cast<int>(channels_[channel].buffer.size()); }

 private:
  struct Entry {
    int op;
    int which;
  };
  using Queue = std::deque<Entry>;

  struct Channel {
    ChannelSpec spec;
    std::deque<int> buffer;
    Queue senders;
    Queue receivers;

    bool nil() const { return spec.state == ChannelSpec::State::kNil; }
    bool closed() const { return spec.state == ChannelSpec::State::kClosed; }
    bool has_room() const { return static_cast<int>(buffer.size()) < spec.capacity; }
  };

  const CaseSpec& CaseOf(Entry entry) const { return operations_[entry.op].cases[entry.which]; }

  bool IsReady(const CaseSpec& c) const {
    const Channel& channel = channels_[c.channel];
    if (channel.nil()) return false;
    if (channel.closed()) return true;
    return c.is_send ? !channel.receivers.empty() || channel.has_room()
                     : !channel.senders.empty() || !channel.buffer.empty();
  }

  void Select(int op) {
    const std::vector<CaseSpec>& cases = operations_[op].cases;
    std::vector<int> ready;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (IsReady(cases[i])) ready.push_back(static_cast<int>(i));
    }
    if (!ready.empty()) {
      int which = ready[choices_.Choose(static_cast<int>(ready.size()), /*matters=*/true)];
      return cases[which].is_send ? Send({op, which}) : Recv({op, which});
    }
    if (operations_[op].has_default()) return End({op, static_cast<int>(cases.size())});
    Wait(op);
  }

  void Wait(int op) {
    const std::vector<CaseSpec>& cases = operations_[op].cases;
    for (size_t i = 0; i < cases.size(); ++i) {
      Channel& channel = channels_[cases[i].channel];
      if (channel.nil()) continue;
      (cases[i].is_send ? channel.senders : channel.receivers).push_back({op, static_cast<int>(i)});
    }
    bool nil = channels_[cases[0].channel].nil();
    WaitReason& reason = endings_[op].reason;
    if (cases.size() > 1) {
      reason = WaitReason::kSelect;
    } else if (cases[0].is_send) {
      reason = nil ? WaitReason::kChanSendNil : WaitReason::kChanSend;
    } else {
      reason = nil ? WaitReason::kChanReceiveNil : WaitReason::kChanReceive;
    }
  }

  void Send(Entry entry) {
    const CaseSpec& c = CaseOf(entry);
    Channel& channel = channels_[c.channel];
    if (channel.closed()) return End(entry, "send on closed channel");
    if (channel.receivers.empty()) {
      channel.buffer.push_back(c.value);
    } else {
      Receive(TakeFirst(channel.receivers), c.value);
    }
    End(entry);
  }

  // A full buffer gives its first element and takes the first waiting sender's.
  void Recv(Entry entry) {
    Channel& channel = channels_[CaseOf(entry).channel];
    if (!channel.senders.empty()) {
      Entry sender = TakeFirst(channel.senders);
      channel.buffer.push_back(CaseOf(sender).value);
      End(sender);
    }
    if (channel.buffer.empty()) return End(entry);
    int value = channel.buffer.front();
    channel.buffer.pop_front();
    Receive(entry, value);
  }

  void Receive(Entry entry, int value) {
    endings_[entry.op].got.push_back(value);
    if (operations_[entry.op].form == Form::kRange) return Select(entry.op);
    End(entry);
  }

  void Close(int op, Channel& channel) {
    if (channel.nil()) return End({op, 0}, "close of nil channel");
    if (channel.closed()) return End({op, 0}, "close of closed channel");
    channel.spec.state = ChannelSpec::State::kClosed;
    End({op, 0});
    while (!channel.receivers.empty() || !channel.senders.empty()) {
      int waiting = (channel.receivers.empty() ? channel.senders : channel.receivers).front().op;
      std::vector<Entry> entries = EntriesOf(waiting, channel.receivers);
      std::vector<Entry> sends = EntriesOf(waiting, channel.senders);
      entries.insert(entries.end(), sends.begin(), sends.end());
      Entry entry = entries[choices_.Choose(static_cast<int>(entries.size()), /*matters=*/false)];
      Leave(waiting);
      End(entry, CaseOf(entry).is_send ? "send on closed channel" : "");
    }
  }

  static std::vector<Entry> EntriesOf(int op, const Queue& queue) {
    std::vector<Entry> entries;
    for (Entry entry : queue) {
      if (entry.op == op) entries.push_back(entry);
    }
    return entries;
  }

  // The first to have come, which leaves all of its queues. With several cases on the channel: any
  // of them.
  Entry TakeFirst(Queue& queue) {
    std::vector<Entry> entries = EntriesOf(queue.front().op, queue);
    Entry entry = entries[choices_.Choose(static_cast<int>(entries.size()), /*matters=*/false)];
    Leave(entry.op);
    return entry;
  }

  void Leave(int op) {
    auto is_his = [op](Entry entry) { return entry.op == op; };
    for (Channel& channel : channels_) {
      std::erase_if(channel.senders, is_his);
      std::erase_if(channel.receivers, is_his);
    }
  }

  void End(Entry entry, const char* panic = "") {
    Ending& ending = endings_[entry.op];
    ending.parked = false;
    ending.reason = WaitReason::kNone;
    ending.panic = panic;
    if (*panic == '\0') ending.ran = entry.which;
  }

  Choices& choices_;
  std::vector<Channel> channels_;
  std::vector<Operation> operations_;
  std::vector<Ending> endings_;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_SELECT_REFERENCE_H_
