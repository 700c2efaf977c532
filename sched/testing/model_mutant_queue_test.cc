// Mutants of lock-free queues and stacks.
#include <array>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::model {
namespace {

using Order = std::memory_order;
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

// A stack by compare-exchange. The head is {index + 1, tag}; without tags a node that was popped
// and pushed again looks as if nothing had happened.
struct Stack {
  struct Node {
    Var<int> value{0};
    Atomic<int> next{0};
  };

  Order push = kRelease;
  Order pop = kAcquire;
  int tag = 1;  // added with every push
  Atomic<uint64_t> head{0};
  std::array<Node, 3> nodes;

  void Push(int node) {
    uint64_t old = head.load(kRelaxed);
    do {
      nodes[node].next.store(static_cast<int>(old & 0xff), kRelaxed);
    } while (
        !head.compare_exchange_weak(old, ((old >> 8) + tag) << 8 | (node + 1), push, kRelaxed));
  }

  int Pop() {
    uint64_t old = head.load(pop);
    while ((old & 0xff) != 0) {
      const int node = static_cast<int>(old & 0xff) - 1;
      const uint64_t next = nodes[node].next.load(kRelaxed);
      if (head.compare_exchange_weak(old, (old >> 8) << 8 | next, pop, pop)) return node;
    }
    return -1;
  }
};

ProgramFn PushAndPop(Order push, Order pop) {
  return [=](Program& p) {
    auto& stack = p.Make<Stack>();
    stack.push = push;
    stack.pop = pop;
    for (int i = 0; i < 2; ++i) {
      p.Thread([&stack, i] {
        stack.nodes[i].value.Set(i + 10);
        stack.Push(i);
      });
    }
    p.Thread([&stack] {
      for (int i = 0; i < 2; ++i) {
        const int node = stack.Pop();
        if (node >= 0) Check(stack.nodes[node].value.Get() == node + 10);
      }
    });
  };
}

TEST(ModelMutantTest, StackPushWithoutRelease) {
  ExpectSound(PushAndPop(kRelease, kAcquire));
  ExpectBroken(PushAndPop(kRelaxed, kAcquire), "data race");
}

TEST(ModelMutantTest, StackPopWithoutAcquire) {
  ExpectBroken(PushAndPop(kRelease, kRelaxed), "data race");
}

// Pops 0 and 1, pushes 0 back, while the other is in the middle of popping 0.
ProgramFn PopAndPushBack(int tag) {
  return [=](Program& p) {
    auto& stack = p.Make<Stack>();
    stack.tag = tag;
    auto& owned = p.Make<std::array<int, 3>>();
    for (int i : {2, 1, 0}) stack.Push(i);
    p.Thread([&] {
      const int node = stack.Pop();
      if (node >= 0) ++owned[node];
    });
    p.Thread([&] {
      const int first = stack.Pop();
      const int second = stack.Pop();
      if (second >= 0) ++owned[second];
      if (first >= 0) stack.Push(first);
    });
    p.Finally([&] {
      for (int node; (node = stack.Pop()) >= 0;) ++owned[node];
      for (int times : owned) Check(times == 1, "a node was lost or popped twice");
    });
  };
}

TEST(ModelMutantTest, StackWithoutTags) {
  ExpectSound(PopAndPushBack(1));
  ExpectBroken(PopAndPushBack(0), "popped twice");
}

// One producer, one consumer, a ring of one slot: the second element reuses the first one's slot.
ProgramFn SingleProducerRing(Order tail_store, Order head_store) {
  struct Ring {
    Atomic<int> head{0};
    Atomic<int> tail{0};
    Var<int> slot{0};
  };
  return [=](Program& p) {
    auto& ring = p.Make<Ring>();
    p.Thread([&, tail_store] {
      for (int i = 0; i < 2; ++i) {
        while (ring.head.load(kAcquire) != i) SpinHint();
        ring.slot.Set(i + 5);
        ring.tail.store(i + 1, tail_store);
      }
    });
    p.Thread([&, head_store] {
      for (int i = 0; i < 2; ++i) {
        while (ring.tail.load(kAcquire) == i) SpinHint();
        Check(ring.slot.Get() == i + 5);
        ring.head.store(i + 1, head_store);
      }
    });
  };
}

TEST(ModelMutantTest, RingProducerWithoutRelease) {
  ExpectSound(SingleProducerRing(kRelease, kRelease));
  ExpectBroken(SingleProducerRing(kRelaxed, kRelease), "data race");
}

TEST(ModelMutantTest, RingConsumerWithoutRelease) {
  ExpectBroken(SingleProducerRing(kRelease, kRelaxed), "data race");
}

// The owner pushes and pops at the bottom, a thief takes from the top. For the last element the two
// race: the owner must make its claim visible before it looks at the top, and the thief must look
// at the top first.
struct Deque {
  Deque(Order claim, Order look) : claim(claim), look(look) {}

  const Order claim;
  const Order look;
  Atomic<int> top{0};
  Atomic<int> bottom{0};
  std::array<Atomic<int>, 2> items;

  void Push(int item) {
    const int b = bottom.load(kRelaxed);
    items[b % 2].store(item, kRelaxed);
    bottom.store(b + 1, kRelease);
  }

  int Pop() {
    const int b = bottom.load(kRelaxed) - 1;
    bottom.store(b, claim);
    int t = top.load(look);
    int item = 0;
    if (t <= b) item = items[b % 2].load(kRelaxed);
    if (t < b) return item;
    if (t == b && !top.compare_exchange_strong(t, t + 1, kSeqCst, kRelaxed)) item = 0;
    bottom.store(b + 1, kRelaxed);
    return item;
  }

  int Steal() {
    int t = top.load(kSeqCst);
    if (t >= bottom.load(kSeqCst)) return 0;
    const int item = items[t % 2].load(kRelaxed);
    return top.compare_exchange_strong(t, t + 1, kSeqCst, kRelaxed) ? item : 0;
  }
};

ProgramFn PopAndSteal(Order claim, Order look) {
  return [=](Program& p) {
    auto& deque = p.Make<Deque>(claim, look);
    auto& taken = p.Make<std::array<std::array<int, 3>, 2>>();
    p.Thread([&] {
      deque.Push(1);
      deque.Push(2);
      ++taken[0][deque.Pop()];
      ++taken[0][deque.Pop()];
    });
    p.Thread([&] {
      ++taken[1][deque.Steal()];
      ++taken[1][deque.Steal()];
    });
    p.Finally([&] {
      for (int item : {1, 2})
        Check(taken[0][item] + taken[1][item] == 1, "an item was lost or taken twice");
    });
  };
}

TEST(ModelMutantTest, DequeOwnerClaimsWithRelease) {
  ExpectSound(PopAndSteal(kSeqCst, kSeqCst));
  ExpectBroken(PopAndSteal(kRelease, kSeqCst), "taken twice");
}

TEST(ModelMutantTest, DequeOwnerLooksWithAcquire) {
  ExpectBroken(PopAndSteal(kSeqCst, kAcquire), "taken twice");
}

// An object is published by a pointer: its atomics must be constructed before anybody uses them.
ProgramFn Publish(Order order) {
  struct Object {
    Atomic<int> count{0};
  };
  return [=](Program& p) {
    auto& pointer = p.Make<Atomic<Object*>>(nullptr);
    auto& memory = p.Make<std::array<char, sizeof(Object)>>();
    p.Thread([&, order] { pointer.store(new (memory.data()) Object, order); });
    p.Thread([&] {
      if (Object* object = pointer.load(kAcquire)) object->count.fetch_add(1, kAcqRel);
    });
  };
}

TEST(ModelMutantTest, ObjectPublishedWithoutRelease) {
  ExpectSound(Publish(kRelease));
  ExpectBroken(Publish(kRelaxed), "races with construction");
}

}  // namespace
}  // namespace weft::sched_internal::model
