#include "weft/context/model_nodes.h"

#include <cstddef>
#include <cstdlib>
#include <new>

#include "weft/sched/go.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/testing/model.h"

namespace weft {

namespace context_model {
namespace {

alignas(128) std::byte memory[64 << 10];
size_t used = 0;
int live = 0;

bool IsNode(const void* pointer) {
  const auto* const byte = static_cast<const std::byte*>(pointer);
  return memory <= byte && byte < memory + sizeof(memory);
}

void* Allocate(size_t bytes, size_t alignment) {
  if (sched_internal::model::internal::current_epoch == 0) {
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  const size_t begin = (used + alignment - 1) / alignment * alignment;
  if (begin + bytes > sizeof(memory)) std::abort();
  used = begin + bytes;
  ++live;
  return memory + begin;
}

void Free(void* pointer) {
  if (IsNode(pointer)) {
    --live;
  } else {
    std::free(pointer);
  }
}

}  // namespace

void BeginNodes() {
  used = 0;
  live = 0;
}

int LiveNodes() { return live; }

}  // namespace context_model

void Gosched() { sched_internal::model::SpinHint(); }

namespace sched_internal {

Spawn::Spawn(StackKind, const char*, size_t, size_t closure_bytes, size_t,
             void (*run)(void* closure))
    : fiber_(reinterpret_cast<Fiber*>(run)), closure_(std::malloc(closure_bytes)) {}

void Spawn::Start() {
  const auto run = reinterpret_cast<void (*)(void*)>(fiber_);
  fiber_ = nullptr;
  run(closure_);
  std::free(closure_);
}

void Spawn::Abandon() { std::free(closure_); }

void FatalNilFunction() { model::Fail("go of nil func value"); }

bool IsGoexitUnwinding() { return false; }

}  // namespace sched_internal

}  // namespace weft

void* operator new(size_t bytes, std::align_val_t alignment) {
  return weft::context_model::Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* pointer, std::align_val_t) noexcept {
  weft::context_model::Free(pointer);
}
void operator delete(void* pointer, size_t, std::align_val_t) noexcept {
  weft::context_model::Free(pointer);
}
