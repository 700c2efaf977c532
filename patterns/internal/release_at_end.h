// A place of a semaphore that is given back at the end of the scope, however that ends.
#ifndef WEFT_PATTERNS_INTERNAL_RELEASE_AT_END_H_
#define WEFT_PATTERNS_INTERNAL_RELEASE_AT_END_H_

#include "weft/sync/semaphore.h"

namespace weft::patterns_internal {

class ReleaseAtEnd {
 public:
  explicit ReleaseAtEnd(Semaphore& semaphore) : semaphore_(semaphore) {}
  ~ReleaseAtEnd() { semaphore_.Release(); }
  ReleaseAtEnd(const ReleaseAtEnd&) = delete;
  ReleaseAtEnd& operator=(const ReleaseAtEnd&) = delete;

 private:
  Semaphore& semaphore_;
};

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_RELEASE_AT_END_H_
