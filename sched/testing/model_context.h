// A stack of its own and the place where it stopped: what a model thread runs on.
//
// All contexts of an exploration run on one operating-system thread, one at a time.
//
// Cost: a switch saves six registers on x86-64; elsewhere it is swapcontext().
#ifndef WEFT_SCHED_TESTING_MODEL_CONTEXT_H_
#define WEFT_SCHED_TESTING_MODEL_CONTEXT_H_

#include <cstddef>
#include <memory>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace weft::sched_internal::model {

class Context {
 public:
  // Without a stack: stands for the caller of Switch().
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Has the next switch to this context call entry(), which must not return. What was on the stack
  // is forgotten, not unwound.
  void Start(void (*entry)());

  static void Switch(Context& from, Context& to);

  // To be called first thing on a new stack (the sanitizers want to know).
  static void Arrived();

  bool Contains(const void* address) const;
  // From the top of the stack.
  ptrdiff_t Offset(const void* address) const {
    return stack_.get() + kStackBytes - static_cast<const char*>(address);
  }

 private:
  // What libstdc++ and libc++abi keep per thread about exceptions in flight.
  struct ExceptionState {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  static void SwapExceptionState(Context& from, Context& to);

  static constexpr size_t kStackBytes = 256 << 10;

  std::unique_ptr<char[]> stack_;
#if defined(__x86_64__)
  void* saved_rsp_ = nullptr;
#else
  ucontext_t saved_ = {};
#endif
  ExceptionState exceptions_;
  void* fake_stack_ = nullptr;    // AddressSanitizer's
  const void* bottom_ = nullptr;  // AddressSanitizer's view of the stack
  size_t size_ = 0;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;  // ThreadSanitizer's
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_CONTEXT_H_
