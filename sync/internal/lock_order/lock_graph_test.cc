#include "weft/sync/internal/lock_order/lock_graph.h"

#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/internal/lock_order/lock_site.h"

namespace weft::sync_internal {
namespace {

using Id = LockGraph::Id;

LockGraph::Edge Edge(Id from, Id to) { return {from, to, LockSite{}, LockSite{}}; }

std::vector<Id> CycleOf(LockGraph& graph, Id from, Id to) {
  std::vector<Id> locks;
  for (const LockGraph::Edge& edge : graph.Add(Edge(from, to))) locks.push_back(edge.from);
  return locks;
}

TEST(LockGraphTest, FindsTheShortestCycleOnce) {
  LockGraph graph;
  EXPECT_EQ(CycleOf(graph, 1, 2), std::vector<Id>{});
  EXPECT_EQ(CycleOf(graph, 2, 3), std::vector<Id>{});
  EXPECT_EQ(CycleOf(graph, 3, 4), std::vector<Id>{});
  EXPECT_EQ(CycleOf(graph, 1, 3), std::vector<Id>{});
  EXPECT_EQ(CycleOf(graph, 4, 1), (std::vector<Id>{4, 1, 3}));
  EXPECT_EQ(CycleOf(graph, 4, 1), std::vector<Id>{});
  EXPECT_EQ(CycleOf(graph, 2, 1), (std::vector<Id>{2, 1}));
}

TEST(LockGraphTest, ARemovedLockIsOnNoPath) {
  LockGraph graph;
  CycleOf(graph, 1, 2);
  CycleOf(graph, 2, 3);
  CycleOf(graph, 2, 4);
  graph.Remove(2);
  EXPECT_EQ(graph.edges(), 0u);
  graph.Remove(2);
  EXPECT_EQ(CycleOf(graph, 3, 1), std::vector<Id>{});
  EXPECT_EQ(graph.edges(), 1u);
}

// The slow oracle: all pairs that are connected.
bool Connected(const std::set<std::pair<Id, Id>>& edges, Id from, Id to) {
  std::set<Id> reached = {from};
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [a, b] : edges) grown |= reached.contains(a) && reached.insert(b).second;
  }
  return reached.contains(to);
}

TEST(LockGraphTest, AgreesWithTheOracle) {
  std::mt19937_64 random(weft::testing::Seed());
  for (int round = 0; round < 100; ++round) {
    LockGraph graph;
    std::set<std::pair<Id, Id>> edges;
    for (int step = 0; step < 60; ++step) {
      const Id from = random() % 8, to = random() % 8;
      if (from == to) continue;
      if (random() % 8 == 0) {
        graph.Remove(from);
        std::erase_if(
            edges, [from](const auto& edge) { return edge.first == from || edge.second == from; });
        continue;
      }
      const bool is_new = !edges.contains({from, to});
      const bool expected = is_new && Connected(edges, to, from);
      edges.insert({from, to});
      const std::vector<Id> cycle = CycleOf(graph, from, to);
      ASSERT_EQ(!cycle.empty(), expected);
      for (size_t i = 0; i < cycle.size(); ++i) {
        EXPECT_TRUE(edges.contains({cycle[i], cycle[(i + 1) % cycle.size()]}));
      }
      ASSERT_EQ(graph.edges(), edges.size());
    }
  }
}

}  // namespace
}  // namespace weft::sync_internal
