#include "weft/sync/internal/lock_order/lock_graph.h"

#include <algorithm>
#include <deque>

namespace weft::sync_internal {

std::vector<LockGraph::Edge> LockGraph::Add(const Edge& edge) {
  Node& node = nodes_[edge.from];
  if (!node.successors.try_emplace(edge.to, Sites{edge.held, edge.wanted}).second) return {};
  nodes_[edge.to].predecessors.insert(edge.from);
  ++edges_;
  const std::vector<Id> back = Path(edge.to, edge.from);
  if (back.empty()) return {};
  std::vector<Edge> cycle = {edge};
  for (size_t i = 0; i + 1 < back.size(); ++i) {
    const Sites& sites = nodes_.at(back[i]).successors.at(back[i + 1]);
    cycle.push_back({back[i], back[i + 1], sites.held, sites.wanted});
  }
  return cycle;
}

// The locks on a shortest path, both ends included; empty if there is none. Breadth first: the
// shorter the cycle, the easier it is to understand.
std::vector<LockGraph::Id> LockGraph::Path(Id from, Id to) const {
  std::unordered_map<Id, Id> reached_from = {{from, from}};
  std::deque<Id> open = {from};
  while (!open.empty() && !reached_from.contains(to)) {
    const Id id = open.front();
    open.pop_front();
    for (const auto& [next, sites] : nodes_.at(id).successors) {
      if (reached_from.try_emplace(next, id).second) open.push_back(next);
    }
  }
  if (!reached_from.contains(to)) return {};
  std::vector<Id> path = {to};
  while (path.back() != from) path.push_back(reached_from.at(path.back()));
  std::reverse(path.begin(), path.end());
  return path;
}

void LockGraph::Remove(Id lock) {
  const auto found = nodes_.find(lock);
  if (found == nodes_.end()) return;
  edges_ -= found->second.successors.size() + found->second.predecessors.size();
  for (const auto& [next, sites] : found->second.successors)
    nodes_.at(next).predecessors.erase(lock);
  for (const Id previous : found->second.predecessors) nodes_.at(previous).successors.erase(lock);
  nodes_.erase(found);
}

void LockGraph::Clear() {
  nodes_.clear();
  edges_ = 0;
}

}  // namespace weft::sync_internal
