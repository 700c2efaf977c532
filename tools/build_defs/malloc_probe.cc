// Exits with 0 if `new` and `malloc` are mimalloc's.

#include <mimalloc.h>

#include <cstdlib>
#include <memory>

int main() {
  const auto by_new = std::make_unique<int[]>(100);
  void* by_malloc = std::malloc(100);
  const bool ours = mi_is_in_heap_region(by_new.get()) && mi_is_in_heap_region(by_malloc);
  std::free(by_malloc);
  return ours ? 0 : 1;
}
