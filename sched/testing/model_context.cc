#include "weft/sched/testing/model_context.h"

#include <cstdint>
#include <cstring>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_MODEL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WEFT_MODEL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEFT_MODEL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WEFT_MODEL_TSAN 1
#endif

extern "C" {
struct __cxa_eh_globals;
__cxa_eh_globals* __cxa_get_globals() noexcept;
#if defined(WEFT_MODEL_ASAN)
void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** old_bottom, size_t* old_size);
#endif
#if defined(WEFT_MODEL_TSAN)
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
#endif
}

#if defined(__x86_64__)
extern "C" void weft_model_switch(void** save_rsp, void* load_rsp);
asm(R"(
.text
.p2align 4
.globl weft_model_switch
.hidden weft_model_switch
.type weft_model_switch, @function
weft_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size weft_model_switch, .-weft_model_switch
)");
#endif

namespace weft::sched_internal::model {

namespace {

// Who switched to the running context last: Arrived() and the end of Switch() tell AddressSanitizer
// about it.
[[maybe_unused]] Context* switched_from = nullptr;

}  // namespace

void Context::Start(void (*entry)()) {
  if (stack_ == nullptr) stack_.reset(new char[kStackBytes]);
  bottom_ = stack_.get();
  size_ = kStackBytes;
  exceptions_ = {};
  fake_stack_ = nullptr;
#if defined(WEFT_MODEL_TSAN)
  if (tsan_fiber_ == nullptr) tsan_fiber_ = __tsan_create_fiber(0);
#endif
#if defined(__x86_64__)
  // From the top: a return address of 0 that ends backtraces, entry(), six registers. At a
  // function's first instruction rsp is 8 below a multiple of 16.
  const uintptr_t top = (reinterpret_cast<uintptr_t>(stack_.get()) + kStackBytes) & ~uintptr_t{15};
  void** words = reinterpret_cast<void**>(top) - 8;
  std::memset(words, 0, 8 * sizeof(void*));
  words[6] = reinterpret_cast<void*>(entry);
  saved_rsp_ = words;
#else
  getcontext(&saved_);
  saved_.uc_stack.ss_sp = stack_.get();
  saved_.uc_stack.ss_size = kStackBytes;
  saved_.uc_link = nullptr;
  makecontext(&saved_, entry, 0);
#endif
}

void Context::SwapExceptionState(Context& from, Context& to) {
  void* globals = __cxa_get_globals();
  std::memcpy(&from.exceptions_, globals, sizeof(ExceptionState));
  std::memcpy(globals, &to.exceptions_, sizeof(ExceptionState));
}

void Context::Switch(Context& from, Context& to) {
  SwapExceptionState(from, to);
#if defined(WEFT_MODEL_TSAN)
  from.tsan_fiber_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.tsan_fiber_, 0);
#endif
#if defined(WEFT_MODEL_ASAN)
  switched_from = &from;
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.bottom_, to.size_);
#endif
#if defined(__x86_64__)
  weft_model_switch(&from.saved_rsp_, to.saved_rsp_);
#else
  swapcontext(&from.saved_, &to.saved_);
#endif
#if defined(WEFT_MODEL_ASAN)
  __sanitizer_finish_switch_fiber(from.fake_stack_, &switched_from->bottom_, &switched_from->size_);
#endif
}

void Context::Arrived() {
#if defined(WEFT_MODEL_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &switched_from->bottom_, &switched_from->size_);
#endif
}

bool Context::Contains(const void* address) const {
  const char* at = static_cast<const char*>(address);
  return stack_ != nullptr && at >= stack_.get() && at < stack_.get() + kStackBytes;
}

}  // namespace weft::sched_internal::model
