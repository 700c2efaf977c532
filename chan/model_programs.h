// Small programs of channel operations for the model explorer: what each thread does is a list, and
// at the end no element may have been lost, doubled, reordered or read unordered.
//
// Channels are made in the program's own memory: selects lock by address, and a program must repeat
// itself.
#ifndef WEFT_CHAN_MODEL_PROGRAMS_H_
#define WEFT_CHAN_MODEL_PROGRAMS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/chan/internal/fast_path.h"
#include "weft/chan/internal/ring.h"
#include "weft/chan/internal/select_core.h"
#include "weft/chan/select.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/model.h"

namespace weft::chan_model {

namespace model = sched_internal::model;
using chan_internal::ChanCore;
using model::Check;

// Sender and number, as 10 * sender + number: a1 is 11, b2 is 22.
using Element = model::Var<int>;
using Values = std::vector<int>;

class FixedChan {
 public:
  explicit FixedChan(int capacity)
      : core_(MakeSlots(capacity), slots_, static_cast<uint64_t>(capacity), [](ChanCore*) {}) {
    chan_ = Chan<Element>::Adopt(&core_);
  }

  const Chan<Element>& chan() const { return chan_; }
  ChanCore& core() { return core_; }

 private:
  using Shape = chan_internal::Element<Element>;
  static constexpr int kMostSlots = 4;

  const chan_internal::ElementOps& MakeSlots(int capacity) {
    Check(capacity <= kMostSlots, "FixedChan has too few slots");
    for (int i = 0; i < capacity; ++i)
      ::new (static_cast<void*>(slots_ + i * Shape::kStride)) chan_internal::Sequence(0);
    return chan_internal::ErasedElement<Element>::kOps;
  }

  alignas(Shape::kAlignment) std::byte slots_[kMostSlots * Shape::kStride];
  ChanCore core_;
  Chan<Element> chan_;
};

enum class Step {
  kSend,
  kRecv,
  kTrySend,
  kTryRecv,
  kClose,
  kSelect,
  kSelectOrDefault,
  // What a select among several does to the channels of the cases that do not ledger.
  kFreezeAndThaw,
};

struct Instruction {
  Step step;
  int chan = 0;
  int value = 0;
  std::vector<Instruction> cases = {};
  bool typed = false;  // a select: through weft::Select() with its cases as arguments
};

using Script = std::vector<Instruction>;

inline Instruction Send(int chan, int value) { return {Step::kSend, chan, value}; }
inline Instruction Recv(int chan) { return {Step::kRecv, chan}; }
inline Instruction TrySend(int chan, int value) { return {Step::kTrySend, chan, value}; }
inline Instruction TryRecv(int chan) { return {Step::kTryRecv, chan}; }
inline Instruction Close(int chan) { return {Step::kClose, chan}; }
inline Instruction FreezeAndThaw(int chan) { return {Step::kFreezeAndThaw, chan}; }
inline Instruction Select(Script cases) { return {Step::kSelect, 0, 0, std::move(cases)}; }
inline Instruction SelectOrDefault(Script cases) {
  return {Step::kSelectOrDefault, 0, 0, std::move(cases)};
}
// The same select, by way of the layer that knows the types of its cases.
inline Instruction Typed(Instruction select) {
  select.typed = true;
  return select;
}

inline Script Sends(const Values& values) {
  Script script;
  for (int value : values) script.push_back(Send(0, value));
  return script;
}
inline Script Recvs(int n) { return Script(n, Recv(0)); }
inline Script TryRecvs(int n) { return Script(n, TryRecv(0)); }

// What a thread has done to one channel.
struct Record {
  Values sent;
  Values received;
  int refused = 0;  // sends that panicked or would have blocked
  int closed = 0;   // receives that found the channel closed and drained
  int empty = 0;
};

class Ledger {
 public:
  Ledger(model::Program& p, const std::vector<int>& capacities, size_t threads)
      : records_(threads, std::vector<Record>(capacities.size())), defaults_(threads, 0) {
    for (int capacity : capacities) chans_.push_back(&p.Make<FixedChan>(capacity));
  }

  void Execute(size_t thread, const Script& script) {
    for (const Instruction& instruction : script) Execute(thread, instruction);
  }
  // Before the threads start: by nobody in particular.
  void Prepare(const Script& script) { Execute(0, script); }

  const Record& record(size_t thread, int chan = 0) const { return records_[thread][chan]; }
  int defaults(size_t thread) const { return defaults_[thread]; }
  // At the end only.
  bool frozen(int chan) const {
    // Relaxed: all threads have returned.
    return (chans_[chan]->core().head().word.load(std::memory_order_relaxed) &
            chan_internal::kSlow) != 0;
  }

  void CheckEnd() {
    for (size_t chan = 0; chan < chans_.size(); ++chan) CheckEnd(chan);
  }

 private:
  static constexpr size_t kMostCases = 4;
  static constexpr size_t kMostTyped = 2;

  const Chan<Element>& At(int chan) { return chans_[chan]->chan(); }

  void Execute(size_t thread, const Instruction& instruction) {
    Record& record = records_[thread][instruction.chan];
    switch (instruction.step) {
      case Step::kSend:
        return SendTo(At(instruction.chan), record, instruction.value);
      case Step::kTrySend:
        if (!At(instruction.chan).TrySend(Element(instruction.value)))
          return void(++record.refused);
        return record.sent.push_back(instruction.value);
      case Step::kRecv:
        return Received(record, At(instruction.chan).Recv());
      case Step::kTryRecv: {
        TryRecvResult<Element> result = At(instruction.chan).TryRecv();
        if (result.empty()) return void(++record.empty);
        return Received(record, std::move(result).value());
      }
      case Step::kClose:
        return At(instruction.chan).Close();
      case Step::kFreezeAndThaw:
        chans_[instruction.chan]->core().lock();
        return chans_[instruction.chan]->core().unlock();
      case Step::kSelect:
      case Step::kSelectOrDefault:
        return SelectAmong(thread, instruction);
    }
  }

  static void Received(Record& record, std::optional<Element> element) {
    if (!element) return void(++record.closed);
    record.received.push_back(element->Get());
  }

  static void SendTo(const Chan<Element>& chan, Record& record, int value) {
    try {
      chan.Send(Element(value));
      record.sent.push_back(value);
    } catch (const PanicError& error) {
      Refused(record, error);
    }
  }

  static void Refused(Record& record, const PanicError& error) {
    Check(std::string_view(error.what()) == "send on closed channel");
    ++record.refused;
  }

  void SelectAmong(size_t thread, const Instruction& select) {
    const Script& cases = select.cases;
    Check(cases.size() <= (select.typed ? kMostTyped : kMostCases), "too many cases");
    std::optional<Element> operands[kMostCases];
    const bool has_default = select.step == Step::kSelectOrDefault;
    int ran;
    try {
      ran = select.typed ? RunTyped(cases, has_default, operands)
                         : RunUntyped(cases, has_default, operands);
    } catch (const PanicError& error) {
      return Refused(records_[thread][cases[0].chan], error);
    }
    if (ran == chan_internal::kDefaultRan) return void(++defaults_[thread]);
    Record& record = records_[thread][cases[ran].chan];
    if (cases[ran].step == Step::kSend) return record.sent.push_back(cases[ran].value);
    Received(record, std::move(operands[ran]));
  }

  int RunUntyped(const Script& cases, bool has_default, std::optional<Element>* operands) {
    // In the frame, so that they are at the same address in every execution.
    chan_internal::SelectNode nodes[kMostCases];
    for (size_t i = 0; i < cases.size(); ++i) {
      nodes[i].core = &chans_[cases[i].chan]->core();
      nodes[i].element = &operands[i];
      nodes[i].is_send = cases[i].step == Step::kSend;
      if (nodes[i].is_send) nodes[i].element = &operands[i].emplace(cases[i].value);
    }
    return chan_internal::RunSelect(nodes, static_cast<int>(cases.size()), has_default);
  }

  // Makes the cases one after the other, each in a frame of its own.
  template <typename... Made>
  int RunTyped(const Script& cases, bool has_default, std::optional<Element>* operands,
               Made&... made) {
    constexpr size_t kAt = sizeof...(Made);
    if constexpr (kAt < kMostTyped) {
      if (kAt < cases.size()) {
        const Chan<Element>& chan = At(cases[kAt].chan);
        if (cases[kAt].step == Step::kSend) {
          Element value(cases[kAt].value);
          auto send = OnSend(chan, std::move(value));
          return RunTyped(cases, has_default, operands, made..., send);
        }
        auto recv = OnRecv(chan, &operands[kAt]);
        return RunTyped(cases, has_default, operands, made..., recv);
      }
    }
    if (!has_default) return weft::Select(made...);
    const int ran = weft::Select(made..., OnDefault());
    return ran == static_cast<int>(kAt) ? chan_internal::kDefaultRan : ran;
  }

  void CheckEnd(size_t chan) {
    Values sent, received;
    for (const auto& by_chan : records_) {
      const Record& record = by_chan[chan];
      sent.insert(sent.end(), record.sent.begin(), record.sent.end());
      received.insert(received.end(), record.received.begin(), record.received.end());
      CheckOrder(record.received);
    }
    Values left;
    Check(At(chan).len() <= At(chan).cap(), "more elements than capacity");
    while (auto element = At(chan).TryRecv()) left.push_back(element->Get());
    CheckOrder(left);
    received.insert(received.end(), left.begin(), left.end());
    std::sort(sent.begin(), sent.end());
    std::sort(received.begin(), received.end());
    Check(std::adjacent_find(received.begin(), received.end()) == received.end(),
          "an element was received twice");
    Check(sent == received, "what was sent is not what was received");
  }

  // One receiver sees each sender's elements in their order.
  static void CheckOrder(const Values& received) {
    for (size_t i = 0; i < received.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const bool same_sender = received[j] / 10 == received[i] / 10;
        Check(!same_sender || received[j] < received[i],
              "elements of one sender came out of order");
      }
    }
  }

  std::vector<FixedChan*> chans_;
  std::vector<std::vector<Record>> records_;
  std::vector<int> defaults_;
};

using ProgramFn = std::function<void(model::Program&)>;
using CheckFn = std::function<void(const Ledger&)>;

struct Setting {
  std::vector<int> capacities;
  Script before = {};  // done by the program function, on behalf of the first thread
};

// `check` is asked at the end, when nothing else has been found.
inline ProgramFn Scripts(const Setting& setting, const std::vector<Script>& scripts,
                         const CheckFn& check = nullptr) {
  return [=](model::Program& p) {
    auto& ledger = p.Make<Ledger>(p, setting.capacities, scripts.size());
    ledger.Prepare(setting.before);
    for (size_t i = 0; i < scripts.size(); ++i)
      p.Thread([&ledger, i, script = scripts[i]] { ledger.Execute(i, script); });
    p.Finally([&ledger, check] {
      ledger.CheckEnd();
      if (check != nullptr) check(ledger);
    });
  };
}
inline ProgramFn Scripts(int capacity, const std::vector<Script>& scripts,
                         const CheckFn& check = nullptr) {
  return Scripts(Setting{{capacity}}, scripts, check);
}

}  // namespace weft::chan_model

#endif  // WEFT_CHAN_MODEL_PROGRAMS_H_
