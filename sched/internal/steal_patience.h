// How long a thief waits before it steals again.
//
// What is stolen leaves its data in the victim's cache, and often the victim would have run it in a
// moment: fibers that hand over to each other all the time run several times as slowly when they
// are kept apart. Whether that is so shows afterwards. A thief that soon had nothing to do again
// waits before it steals once more, longer each time; one whose booty kept it busy does not wait.
// While it waits, the victim's queue grows, so that there is more to gain.
//
// Thread safety: none; each worker has its own.
#ifndef WEFT_SCHED_INTERNAL_STEAL_PATIENCE_H_
#define WEFT_SCHED_INTERNAL_STEAL_PATIENCE_H_

#include <algorithm>
#include <cstdint>

namespace weft::sched_internal {

class StealPatience {
 public:
  // Booty that keeps a thief busy for less was not worth it; nobody waits for longer. Both are what
  // it costs to wake a sleeping worker.
  static constexpr int64_t kWorthwhileNs = 20'000;
  static constexpr int64_t kMostNs = 20'000;

  void Stole(int64_t now_ns) { stolen_ns_ = now_ns; }

  // Whether the search that begins is the first since a theft. If not, it need not wait.
  bool HasStolen() const { return stolen_ns_ != 0; }

  // A search begins because the booty has been used up. Returns when it may steal.
  int64_t Judge(int64_t now_ns) {
    const bool worthwhile = now_ns - stolen_ns_ >= kWorthwhileNs;
    patience_ns_ = worthwhile ? 0 : std::min(2 * patience_ns_ + kFirstNs, kMostNs);
    stolen_ns_ = 0;
    return now_ns + patience_ns_;
  }

 private:
  static constexpr int64_t kFirstNs = 1'000;

  int64_t stolen_ns_ = 0;  // when this worker stole last; 0: it has searched since
  int64_t patience_ns_ = 0;
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STEAL_PATIENCE_H_
