#include "weft/sched/testing/model_heap.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "weft/sched/testing/model_atomic.h"

namespace weft::sched_internal::model {
namespace {

alignas(128) std::byte memory[64 << 10];
uint32_t epoch = 0;  // the execution that has begun it
size_t used = 0;
int live = 0;

bool IsOurs(const void* pointer) {
  const auto* const byte = static_cast<const std::byte*>(pointer);
  return memory <= byte && byte < memory + sizeof(memory);
}

void* Allocate(size_t bytes, size_t alignment) {
  const size_t padded = (bytes + alignment - 1) / alignment * alignment;
  if (epoch == 0 || epoch != internal::current_epoch) return std::aligned_alloc(alignment, padded);
  const size_t begin = (used + alignment - 1) / alignment * alignment;
  if (begin + padded > sizeof(memory)) std::abort();
  used = begin + padded;
  ++live;
  return memory + begin;
}

void Free(void* pointer) {
  if (pointer == nullptr) return;
  if (IsOurs(pointer)) {
    --live;
  } else {
    std::free(pointer);
  }
}

}  // namespace

void BeginHeap() {
  epoch = internal::current_epoch;
  used = 0;
  live = 0;
}

int LiveBlocks() { return live; }

}  // namespace weft::sched_internal::model

using weft::sched_internal::model::Allocate;
using weft::sched_internal::model::Free;

void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* pointer, std::align_val_t) noexcept { Free(pointer); }
void operator delete(void* pointer, size_t, std::align_val_t) noexcept { Free(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { Free(pointer); }
void operator delete[](void* pointer, size_t, std::align_val_t) noexcept { Free(pointer); }
