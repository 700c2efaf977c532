// lock_graph.h: in which order locks are taken, as a graph: an edge from each lock to those that
// were wanted while it was held. A cycle is a deadlock that waits for its timing. Not synchronized.
#ifndef WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_GRAPH_H_
#define WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "weft/sync/internal/lock_order/lock_site.h"

namespace weft::sync_internal {

class LockGraph {
 public:
  using Id = uint64_t;

  // Somebody held `from`, which it had locked at `held`, and wanted `to` at `wanted`.
  struct Edge {
    Id from;
    Id to;
    LockSite held;
    LockSite wanted;
  };

  // Adds the edge if it is new. Returns the cycle that it closes, itself first and each edge from
  // where the one before led; empty if there is none or the edge is known.
  std::vector<Edge> Add(const Edge& edge);

  // Forgets a lock, with its edges.
  void Remove(Id lock);
  void Clear();

  size_t edges() const { return edges_; }

 private:
  struct Sites {
    LockSite held;
    LockSite wanted;
  };
  struct Node {
    std::unordered_map<Id, Sites> successors;
    std::unordered_set<Id> predecessors;
  };

  std::vector<Id> Path(Id from, Id to) const;

  std::unordered_map<Id, Node> nodes_;
  size_t edges_ = 0;
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_LOCK_ORDER_LOCK_GRAPH_H_
