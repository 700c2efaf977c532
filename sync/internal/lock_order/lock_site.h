// lock_site.h: who did something to a lock, where and when; for reports.
#ifndef WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_SITE_H_
#define WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_SITE_H_

#include <cstdint>
#include <string>

namespace weft::sync_internal {

// A fiber or a plain thread. Unlike a Parkable, its number is not used again by a later fiber.
struct LockUser {
  static LockUser Caller();

  // "fiber 7", "fiber 7 (reader)", "thread 4711".
  std::string Text() const;

  friend bool operator==(const LockUser& a, const LockUser& b) {
    return a.id == b.id && a.is_fiber == b.is_fiber;
  }

  uint64_t id = 0;
  const char* name = nullptr;
  bool is_fiber = false;
};

struct LockSite {
  // Of the caller, now.
  static LockSite Here();

  // Appends the stack, without the frames of the locks themselves, each line indented.
  void AppendStack(std::string* out) const;

  static constexpr int kMaxFrames = 28;

  LockUser user;
  int64_t at_ns = 0;
  int frames = 0;
  void* pcs[kMaxFrames];
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_SITE_H_
