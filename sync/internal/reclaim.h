// reclaim.h: when memory that readers find without a lock can be freed.
//
// A reader enters a ReadSection before it looks, and leaves it when it has copied what it wants. A
// writer makes an object unreachable and then gives it to Retire(), which destroys it when all
// sections that may have seen it are over.
//
// A section is a count on a line of the caller's processor. It may be left on another processor or
// thread than it was entered on, and who parks in one delays reclamation but nobody's progress.
//
// Thread safety: everything. Blocks: nothing.
// Ordering: the end of a section synchronizes with the destruction of what it may have seen.
//   Whatever a reader looks at must be loaded seq_cst, and made unreachable seq_cst: see DESIGN.md,
//   "Reclamation".
// Cost: a section two atomic adds, 5 ns.
#ifndef WEFT_SYNC_INTERNAL_RECLAIM_H_
#define WEFT_SYNC_INTERNAL_RECLAIM_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"

namespace weft::sync_internal {

class ReadSection {
 public:
  ReadSection();
  ~ReadSection() {
    race::Release(count_);
    // ORDER(reclaim.leave): release; pairs with the acquire in Drained().
    count_->fetch_sub(1, std::memory_order_release);
  }
  ReadSection(const ReadSection&) = delete;
  ReadSection& operator=(const ReadSection&) = delete;

 private:
  sched_internal::Atom<uint64_t>* count_;
};

// What is to be destroyed later embeds one.
struct Retired {
  void (*destroy)(Retired* self) = nullptr;
  Retired* next = nullptr;
  uint64_t epoch = 0;
};

// Destroys `object`, by its `destroy`, once nobody can see it any more; not within the call if
// readers are at work.
void Retire(Retired* object);

// Destroys as much of what has been retired as is possible now.
void Reclaim();

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_RECLAIM_H_
