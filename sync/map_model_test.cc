// Map, its index and the reclamation of what readers may still see, under all schedules, on the C++
// memory model.
#include "weft/sync/map.h"

#include <array>
#include <optional>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"
#include "weft/sync/internal/reclaim_domain.h"

namespace weft {

namespace {

// Of the running execution: made anew for each.
sync_internal::ReclaimDomain* domain = nullptr;

}  // namespace

namespace sync_internal {

ReadSection::ReadSection() : count_(domain->Enter()) {}
void Retire(Retired* object) { domain->Retire(object); }
void Reclaim() { domain->Reclaim(); }

}  // namespace sync_internal

namespace {

namespace model = sched_internal::model;
using model::Bounds;
using model::Program;
using model::Var;
using sched_internal::Atom;

// What a reader copies while somebody destroys it races.
using Value = Var<int>;

struct State {
  State() { domain = &reclaim; }
  // Nobody reads any more: all that was retired is ripe.
  ~State() { reclaim.Reclaim(); }

  sync_internal::ReclaimDomain reclaim;
  Map<int, Value> map;
};

void CheckLoads(State& s, int from, int to) {
  if (std::optional<Value> value = s.map.Load(1)) {
    model::Check(value->Get() >= from && value->Get() <= to);
  }
}

TEST(MapModelTest, AReaderSeesTheOldOrTheNew) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        s.map.Store(1, 1);
        p.Thread([&s] {
          s.map.Store(1, 2);
          sync_internal::Reclaim();
        });
        p.Thread([&s] {
          std::optional<Value> value = s.map.Load(1);
          model::Check(value.has_value());
          model::Check(value->Get() == 1 || value->Get() == 2);
        });
      },
      Bounds(3, 1));
}

TEST(MapModelTest, AReaderMeetsRemovalAndReclamation) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        s.map.Store(1, 1);
        p.Thread([&s] {
          s.map.Delete(1);
          sync_internal::Reclaim();
        });
        p.Thread([&s] {
          CheckLoads(s, 1, 1);
          CheckLoads(s, 1, 1);
        });
      },
      Bounds(3, 1));
}

TEST(MapModelTest, AReaderMeetsClear) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        s.map.Store(1, 1);
        p.Thread([&s] {
          s.map.Clear();
          s.map.Store(1, 2);
        });
        p.Thread([&s] { CheckLoads(s, 1, 2); });
      },
      Bounds(3, 1));
}

TEST(MapModelTest, TwoWritersOfOneKey) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        auto& stored = p.Make<std::array<int, 2>>();
        for (int i = 0; i < 2; ++i) {
          p.Thread([&s, &stored, i] { stored[i] = !s.map.LoadOrStore(1, i + 1).second; });
        }
        p.Finally([&] {
          model::Check(stored[0] + stored[1] == 1);
          model::Check(s.map.Load(1)->Get() == (stored[0] ? 1 : 2));
        });
      },
      Bounds(2, 1));
}

// The domain alone: an object behind a pointer, and sections of several epochs.
struct Object : sync_internal::Retired {
  Object() {
    destroy = [](sync_internal::Retired* self) { static_cast<Object*>(self)->alive.Set(0); };
  }
  Var<int> alive{1};
};

struct Cell {
  Cell() : place(&objects[0]) {}
  sync_internal::ReclaimDomain reclaim;
  Object objects[3];
  Atom<Object*> place;
};

void Look(Cell& cell) {
  domain = &cell.reclaim;
  sync_internal::ReadSection section;
  // seq_cst, as reclaim.h asks for.
  Object* const object = cell.place.load(std::memory_order_seq_cst);
  model::Check(object->alive.Get() == 1);
}

void Replace(Cell& cell, int i) {
  domain = &cell.reclaim;
  Object* const before = cell.place.load(std::memory_order_relaxed);
  cell.place.store(&cell.objects[i], std::memory_order_seq_cst);
  cell.reclaim.Retire(before);
}

TEST(ReclaimModelTest, NothingIsDestroyedThatASectionSees) {
  model::ExpectSound(
      [](Program& p) {
        auto& cell = p.Make<Cell>();
        p.Thread([&cell] { Look(cell); });
        p.Thread([&cell] {
          Replace(cell, 1);
          cell.reclaim.Reclaim();
        });
      },
      Bounds(4, 1));
}

// A section that has read the epoch and sleeps before it counts itself, while the epochs go on.
TEST(ReclaimModelTest, ASectionThatComesLate) {
  model::ExpectSound(
      [](Program& p) {
        auto& cell = p.Make<Cell>();
        p.Thread([&cell] { Look(cell); });
        p.Thread([&cell] {
          for (int i = 1; i < 3; ++i) {
            cell.reclaim.Reclaim();
            Replace(cell, i);
          }
          cell.reclaim.Reclaim();
        });
      },
      Bounds(3, 1));
}

TEST(ReclaimModelTest, TwoWhoReclaim) {
  model::ExpectSound(
      [](Program& p) {
        auto& cell = p.Make<Cell>();
        p.Thread([&cell] { Look(cell); });
        p.Thread([&cell] {
          Replace(cell, 1);
          cell.reclaim.Reclaim();
        });
        p.Thread([&cell] { cell.reclaim.Reclaim(); });
      },
      Bounds(2, 1));
}

}  // namespace
}  // namespace weft
