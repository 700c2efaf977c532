// labels.h: words that say on whose behalf a fiber works, for profiles and dumps.
//
// Go: pprof.Do, pprof.Labels, pprof.Label; here they belong to the fiber and not to a context.
//
// Thread safety: yes; each fiber and plain thread has its own.
// Blocks: nothing.
// Ordering: none.
// Lifetime: a fiber starts with the labels that the caller of Go() has at that moment. They are
//   copied by reference: later changes on either side are not seen by the other.
// Misuse: a ScopedLabels must end on the fiber, or thread, that made it, in the opposite order of
//   making.
// Cost: a ScopedLabels copies all labels, one allocation and more. Starting a fiber with labels
//   costs one atomic increment more, its end one decrement.
//
//   weft::ScopedLabels labels({{"tenant", tenant}, {"job", "resize"}});
//   weft::Go([] { … });  // has them too
#ifndef WEFT_SCHED_LABELS_H_
#define WEFT_SCHED_LABELS_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

namespace sched_internal {
struct LabelSet;
}  // namespace sched_internal

class [[nodiscard]] ScopedLabels {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  // The caller's labels and these; where keys are equal, the last one holds.
  explicit ScopedLabels(std::initializer_list<Label> labels);
  // The caller's labels are again what they were.
  ~ScopedLabels();
  ScopedLabels(const ScopedLabels&) = delete;
  ScopedLabels& operator=(const ScopedLabels&) = delete;

 private:
  sched_internal::LabelSet* former_;
};

// The caller's labels, in the order of their keys.
std::vector<std::pair<std::string, std::string>> CurrentLabels();

// The caller's label `key`. Null: it has none.
std::optional<std::string> CurrentLabel(std::string_view key);

}  // namespace weft

#endif  // WEFT_SCHED_LABELS_H_
