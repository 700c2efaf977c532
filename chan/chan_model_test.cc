// Channels under the model explorer: the configurations of small programs that stand for the proof in DESIGN.md, with
// the elements checked for data races.
#include "weft/chan/chan.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/model_expect.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Check;
using model::Options;
using model::Program;

// Sender and number, as 10 * sender + number: a1 is 11, b2 is 22.
using Element = model::Var<int>;
using Values = std::vector<int>;

enum class Step { kSend, kRecv, kTrySend, kTryRecv, kClose };

struct Instruction {
  Step step;
  int value = 0;
};

using Script = std::vector<Instruction>;

Script Sends(const Values& values) {
  Script script;
  for (int value : values) script.push_back({Step::kSend, value});
  return script;
}
Script Recvs(int n) { return Script(n, {Step::kRecv}); }
Script TryRecvs(int n) { return Script(n, {Step::kTryRecv}); }
Script operator+(Script a, const Script& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
const Script kClose = {{Step::kClose}};

// What a thread has done.
struct Record {
  Values sent;
  Values received;
  int refused = 0;  // sends that panicked or would have blocked
  int closed = 0;   // receives that found the channel closed and drained
  int empty = 0;
};

class Run {
 public:
  Run(int capacity, size_t threads) : chan_(MakeChan<Element>(capacity)), capacity_(capacity), records_(threads) {}

  void Execute(int thread, const Script& script) {
    for (const Instruction& instruction : script) Execute(records_[thread], instruction);
  }

  void CheckEnd() {
    Values sent, received;
    for (const Record& record : records_) {
      sent.insert(sent.end(), record.sent.begin(), record.sent.end());
      received.insert(received.end(), record.received.begin(), record.received.end());
      CheckOrder(record.received);
    }
    Values left;
    Check(chan_.len() <= capacity_, "more elements than capacity");
    while (auto element = chan_.TryRecv()) left.push_back(element->Get());
    CheckOrder(left);
    received.insert(received.end(), left.begin(), left.end());
    std::sort(sent.begin(), sent.end());
    std::sort(received.begin(), received.end());
    Check(std::adjacent_find(received.begin(), received.end()) == received.end(), "an element was received twice");
    Check(sent == received, "what was sent is not what was received");
  }

 private:
  void Execute(Record& record, const Instruction& instruction) {
    switch (instruction.step) {
      case Step::kSend:
        return Send(record, instruction.value);
      case Step::kTrySend:
        return chan_.TrySend(Element(instruction.value)) ? record.sent.push_back(instruction.value) : void(++record.refused);
      case Step::kRecv:
        if (std::optional<Element> element = chan_.Recv()) return record.received.push_back(element->Get());
        ++record.closed;
        return;
      case Step::kTryRecv: {
        TryRecvResult<Element> result = chan_.TryRecv();
        if (result.received()) return record.received.push_back(result->Get());
        ++(result.closed() ? record.closed : record.empty);
        return;
      }
      case Step::kClose:
        return chan_.Close();
    }
  }

  void Send(Record& record, int value) {
    try {
      chan_.Send(Element(value));
      record.sent.push_back(value);
    } catch (const PanicError& error) {
      Check(std::string_view(error.what()) == "send on closed channel");
      ++record.refused;
    }
  }

  // One receiver sees each sender's elements in their order.
  static void CheckOrder(const Values& received) {
    for (size_t i = 0; i < received.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const bool same_sender = received[j] / 10 == received[i] / 10;
        Check(!same_sender || received[j] < received[i], "elements of one sender came out of order");
      }
    }
  }

  Chan<Element> chan_;
  const int capacity_;
  std::vector<Record> records_;
};

model::ProgramFn Scripts(int capacity, const std::vector<Script>& scripts) {
  return [=](Program& p) {
    auto& run = p.Make<Run>(capacity, scripts.size());
    for (size_t i = 0; i < scripts.size(); ++i) {
      p.Thread([&run, i, script = scripts[i]] { run.Execute(static_cast<int>(i), script); });
    }
    p.Finally([&run] { run.CheckEnd(); });
  };
}

Options Bounds(int preemptions, int old_reads) {
  Options options;
  options.preemptions = preemptions;
  options.old_reads = old_reads;
  return options;
}

// The configurations of the sequentially consistent model that the design began with, within bounds where everything
// is too much.
TEST(ChanModelTest, OneSlotOneSenderOneReceiver) {
  model::ExpectSound(Scripts(1, {Sends({11}), Recvs(1)}));
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Recvs(2)}), Bounds(3, model::kUnbounded));
}

TEST(ChanModelTest, OneSlotTwoSendersOneReceiver) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(3)}), Bounds(2, 2));
}

TEST(ChanModelTest, OneSlotOneSenderTwoReceivers) {
  model::ExpectSound(Scripts(1, {Sends({11, 12, 13}), Recvs(2), Recvs(1)}), Bounds(2, 1));
}

TEST(ChanModelTest, TwoSlotsTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(2, {Sends({11, 12}), Sends({21, 22}), Recvs(2), Recvs(2)}), Bounds(1, 1));
}

TEST(ChanModelTest, OneSlotTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(1), Recvs(2)}), Bounds(1, 2));
}

TEST(ChanModelTest, OneSlotClose) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Recvs(3), kClose}), Bounds(2, 2));
}

TEST(ChanModelTest, TwoSlotsClose) {
  model::ExpectSound(Scripts(2, {Sends({11, 12}), Sends({21}), Recvs(4), kClose}), Bounds(1, 2));
}

TEST(ChanModelTest, OneSlotTryRecv) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(1), TryRecvs(2) + kClose}), Bounds(1, 2));
}

TEST(ChanModelTest, NoSlotsTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(0, {Sends({11}), Sends({21}), Recvs(1), Recvs(1)}), Bounds(2, 2));
}

TEST(ChanModelTest, NoSlotsClose) {
  model::ExpectSound(Scripts(0, {Sends({11, 12}), Sends({21}), Recvs(2), kClose}), Bounds(1, 2));
}

// Six threads are too many to enumerate.
TEST(ChanModelTest, OneSlotThreeSendersThreeReceivers) {
  Options options;
  options.search = Options::Search::kPct;
  options.executions = 20'000;
  model::ExpectSound(Scripts(1, {Sends({11}), Sends({21}), Sends({31}), Recvs(1), Recvs(1), Recvs(1)}), options);
}

}  // namespace
}  // namespace weft
