// Programs for the model explorer over the real Pool: objects are put, taken, cleared and grow old
// at the same time. Nobody gets what another has, what is put is seen by who gets it, no object is
// taken twice or forgotten: at the end each has been destroyed once.
//
// Under the explorer a worker has room for two objects, which move one at a time, and every fourth
// use looks whether it is time to rotate.
//
// Included by tests only: by pool_model_test.cc with the real headers, and by pool_mutants_test.cc
// with copies that have bugs.
#ifndef WEFT_SYNC_POOL_PROGRAMS_H_
#define WEFT_SYNC_POOL_PROGRAMS_H_

#include <array>
#include <optional>
#include <utility>

#include "weft/sched/testing/model_expect.h"
#include "weft/sched/testing/model_heap.h"
#include "weft/sync/pool.h"
#include "weft/sync/testing/model_places.h"

namespace weft::pool_model {

namespace model = sched_internal::model;
using model::Check;
using model::Program;
using model::ProgramFn;

struct Object {
  model::Var<int> uses{0};
  int ends = 0;  // how often it was destroyed
};

// Owns an object, and uses it when it is used and when it is destroyed: two owners at a time race.
// So do two who come to the same place in a pool at a time. Aligned as model_heap.h asks for, so
// that a place is one for the whole of an execution.
class alignas(32) Item {
 public:
  Item() : object_(&made) {}
  explicit Item(Object* object) : object_(object) {}
  Item(Item&& other) noexcept : object_(other.Leave()) {}
  Item& operator=(Item&& other) noexcept {
    Object* const mine = Leave();
    object_.Set(other.Leave());
    other.object_.Set(mine);
    return *this;
  }
  ~Item() {
    if (!IsObject()) return;
    Use();
    ++object_.Get()->ends;
  }

  // False: it was made since the pool had none.
  bool IsObject() const { return object_.Get() != nullptr && object_.Get() != &made; }
  void Use() { object_.Get()->uses.Set(object_.Get()->uses.Get() + 1); }
  void CheckThere() const { Check(object_.Get() != nullptr, "got from an empty place"); }

 private:
  inline static Object made;

  Object* Leave() {
    Object* const object = object_.Get();
    object_.Set(nullptr);
    return object;
  }

  model::Var<Object*> object_;  // null when it has been moved from
};

struct State {
  void Put(int i) { pool.Put(Item(&objects[i])); }

  // Whether there was one; it is gone then.
  bool Get() {
    const Item item = pool.Get();
    item.CheckThere();
    return item.IsObject();
  }
  bool TryGet() {
    const std::optional<Item> item = pool.TryGet();
    if (item) item->CheckThere();
    return item.has_value();
  }
  void UseAndPutBack(int times) {
    for (int i = 0; i < times; ++i) {
      Item item = pool.Get();
      item.CheckThere();
      if (!item.IsObject()) continue;
      item.Use();
      pool.Put(std::move(item));
    }
  }

  // At the end, of the objects that were put.
  void CheckAllEnd(int objects_put) {
    pool.Clear();
    Check(!TryGet(), "there is something after Clear()");
    for (int i = 0; i < objects_put; ++i) Check(objects[i].ends == 1, "not destroyed once");
  }

  std::array<Object, 4> objects;
  Pool<Item> pool;
};

// Each thread does one of `bodies`; then `check`.
template <typename Prepare, typename Last, typename... Bodies>
ProgramFn Of(Prepare prepare, Last check, Bodies... bodies) {
  return [=](Program& p) {
    model::BeginHeap();
    sync_testing::ForgetPlaces();
    auto& s = p.Make<State>();
    prepare(s);
    (p.Thread([&s, bodies] { bodies(s); }), ...);
    p.Finally([&s, check] { check(s); });
  };
}

inline void Nothing(State&) {}
inline void Clear(State& s) { s.pool.Clear(); }

inline ProgramFn ObjectsHaveOneUser() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(2); },
      [](State& s) {
        s.Put(0);
        s.UseAndPutBack(2);
      },
      [](State& s) {
        s.Put(1);
        s.UseAndPutBack(2);
      });
}

// The first Put() of a thread goes to a shard and gives it a place of its own, which the second one
// fills.
inline ProgramFn ClearTakesWhatAWorkerHas() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(2); },
      [](State& s) {
        s.Put(0);
        s.Put(1);
        s.Get();
        s.UseAndPutBack(1);
      },
      Clear);
}

// The fourth finds the thread's own place full, and makes room there.
inline ProgramFn WhatAWorkerHasTooManyOfGoesToAShard() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(4); },
      [](State& s) {
        for (int i = 0; i < 4; ++i) s.Put(i);
      },
      Clear);
}

// The second Get() finds the thread's own place empty, and fills it from the shard.
inline ProgramFn WhatAWorkerLacksComesFromAShard() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(4); },
      [](State& s) {
        for (int i = 0; i < 4; ++i) s.Put(i);
        for (int i = 0; i < 3; ++i) s.Get();
      },
      Clear);
}

// Whoever looks later finds what nobody has taken.
inline ProgramFn OthersFindWhatIsShared() {
  return [](Program& p) {
    model::BeginHeap();
    sync_testing::ForgetPlaces();
    auto& s = p.Make<State>();
    auto& found = p.Make<bool>(false);
    p.Thread([&s] { s.Put(0); });
    p.Thread([&] { found = s.TryGet(); });
    p.Finally([&] {
      Check(found || s.TryGet(), "lost");
      s.CheckAllEnd(1);
    });
  };
}

// What has grown old in a shard is found all the same.
inline ProgramFn WhatGrowsOldIsFound() {
  return [](Program& p) {
    model::BeginHeap();
    sync_testing::ForgetPlaces();
    auto& s = p.Make<State>();
    auto& found = p.Make<int>(0);
    s.Put(0);
    s.pool.ExpireForTest();
    p.Thread([&] { found += s.TryGet() ? 1 : 0; });
    p.Thread([&s] { s.Put(1); });
    p.Finally([&] {
      while (s.TryGet()) ++found;
      Check(found == 2, "lost");
      s.CheckAllEnd(2);
    });
  };
}

// A worker that lives on its own objects rotates the shards, and gives away what it has.
inline ProgramFn WorkerRotatesTheShards() {
  return Of([](State& s) { s.pool.ExpireForTest(); }, [](State& s) { s.CheckAllEnd(3); },
            [](State& s) {
              for (int i = 0; i < 3; ++i) s.Put(i);
              s.UseAndPutBack(4);
            },
            Clear);
}

// The lowest of its stack grows old with the rest, and ends when the second time has come.
inline ProgramFn WhatAWorkerHasGrowsOld() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(3); },
      [](State& s) {
        for (int i = 0; i < 3; ++i) s.Put(i);
        for (int ends : {0, 1}) {
          s.pool.ExpireForTest();
          s.UseAndPutBack(4);
          Check(s.objects[1].ends == ends, "ended too early or too late");
        }
      });
}

// A worker's place is found empty, and is not any more when it is to be filled: another fiber of
// the worker had its turn.
inline ProgramFn AnotherFiberPutsMeanwhile() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(4); },
      [](State& s) {
        for (int i = 0; i < 4; ++i) s.Put(i);
        Item one = s.pool.Get();
        sync_testing::OnNextPlace([&] { s.pool.Put(std::move(one)); });
        s.Get();
      },
      Clear);
}

// It is found full, and is not any more when something is to be taken out.
inline ProgramFn AnotherFiberTakesMeanwhile() {
  return Of(
      Nothing, [](State& s) { s.CheckAllEnd(4); },
      [](State& s) {
        for (int i = 0; i < 3; ++i) s.Put(i);
        sync_testing::OnNextPlace([&] { s.Get(); });
        s.Put(3);
        while (s.Get()) {
        }
      },
      Clear);
}

}  // namespace weft::pool_model

#endif  // WEFT_SYNC_POOL_PROGRAMS_H_
