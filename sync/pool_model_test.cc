// The places of a Pool under all schedules, on the C++ memory model: nobody gets what another has,
// and what is put is seen by who gets it.
#include "weft/sync/pool.h"

#include <array>
#include <utility>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Preemptions;
using model::Program;
using model::Var;

struct Object {
  Var<int> uses{0};
};

// Owns an object, and uses it when it is used and when it is destroyed: two owners at a time race.
class Item {
 public:
  Item() = default;
  explicit Item(Object* object) : object_(object) {}
  Item(Item&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Item& operator=(Item&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Item() { Use(); }

  explicit operator bool() const { return object_ != nullptr; }
  void Use() {
    if (object_ != nullptr) object_->uses.Set(object_->uses.Get() + 1);
  }

 private:
  Object* object_ = nullptr;
};

struct State {
  std::array<Object, 4> objects;
  Pool<Item> pool;
};

void UseAndPutBack(State& s, int times) {
  for (int i = 0; i < times; ++i) {
    Item item = s.pool.Get();
    if (!item) continue;
    item.Use();
    s.pool.Put(std::move(item));
  }
}

TEST(PoolModelTest, AnObjectHasOneUser) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) {
          p.Thread([&s, i] {
            s.pool.Put(Item(&s.objects[i]));
            UseAndPutBack(s, 2);
          });
        }
      },
      Preemptions(3));
}

// The first Put() of a thread goes to a shard and gives it a place of its own, which the second one
// fills.
TEST(PoolModelTest, ClearTakesWhatAWorkerHas) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        p.Thread([&s] {
          s.pool.Put(Item(&s.objects[0]));
          s.pool.Put(Item(&s.objects[1]));
          s.pool.Get();
          UseAndPutBack(s, 1);
        });
        p.Thread([&s] { s.pool.Clear(); });
      },
      Preemptions(2));
}

// The fourth finds the thread's own place full, and makes room there.
TEST(PoolModelTest, WhatAWorkerHasTooManyOfGoesToAShard) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        p.Thread([&s] {
          for (Object& object : s.objects) s.pool.Put(Item(&object));
        });
        p.Thread([&s] { s.pool.Clear(); });
        p.Finally([&s] {
          s.pool.Clear();
          for (Object& object : s.objects) model::Check(object.uses.Get() == 1);
        });
      },
      Preemptions(2));
}

TEST(PoolModelTest, OthersFindWhatIsShared) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        p.Thread([&s] { s.pool.Put(Item(&s.objects[0])); });
        p.Thread([&s] { s.pool.TryGet(); });
        p.Finally([&s] { s.pool.TryGet(); });
      },
      Preemptions(4));
}

}  // namespace
}  // namespace weft
