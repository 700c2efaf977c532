#include "weft/sched/testing/stack_cost_workloads.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#if defined(WEFT_SPLIT_STACK)
namespace weft::stack_cost::with_checks {
#else
namespace weft::stack_cost::without_checks {
#endif
namespace {

// Calls.

__attribute__((noinline)) uint64_t Fibonacci(uint64_t n) {
  return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
}
uint64_t RunFibonacci() { return Fibonacci(25); }

struct Node {
  std::unique_ptr<Node> left, right;
  uint32_t key = 0;
};
__attribute__((noinline)) void Insert(std::unique_ptr<Node>& node, uint32_t key) {
  if (node == nullptr) {
    node = std::make_unique<Node>();
    node->key = key;
  } else {
    Insert(key < node->key ? node->left : node->right, key);
  }
}
__attribute__((noinline)) uint64_t Sum(const Node* node) {
  return node == nullptr ? 0 : node->key + Sum(node->left.get()) + Sum(node->right.get());
}
uint64_t RunTree() {
  std::unique_ptr<Node> root;
  uint32_t key = 1;
  for (int i = 0; i < 2'000; ++i) Insert(root, key = key * 1'664'525 + 1'013'904'223);
  uint64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += Sum(root.get());
  return sum;
}

struct Shape {
  virtual ~Shape() = default;
  virtual uint64_t Area(uint64_t n) const = 0;
};
struct Square : Shape {
  uint64_t Area(uint64_t n) const override { return n * n; }
};
struct Strip : Shape {
  uint64_t Area(uint64_t n) const override { return n * 3; }
};
uint64_t RunVirtual() {
  std::vector<std::unique_ptr<Shape>> shapes;
  for (int i = 0; i < 64; ++i) {
    if (i < 32) {  // predictable, so that the calls are what is measured
      shapes.push_back(std::make_unique<Square>());
    } else {
      shapes.push_back(std::make_unique<Strip>());
    }
  }
  uint64_t sum = 0;
  for (uint64_t round = 0; round < 2'000; ++round) {
    for (const auto& shape : shapes) sum += shape->Area(round);
  }
  return sum;
}

// Expressions such as 1+2*(3+4).
class Parser {
 public:
  explicit Parser(const char* text) : at_(text) {}
  __attribute__((noinline)) uint64_t Sum() {
    uint64_t value = Product();
    while (*at_ == '+') {
      ++at_;
      value += Product();
    }
    return value;
  }

 private:
  __attribute__((noinline)) uint64_t Product() {
    uint64_t value = Factor();
    while (*at_ == '*') {
      ++at_;
      value *= Factor();
    }
    return value;
  }
  __attribute__((noinline)) uint64_t Factor() {
    if (*at_ == '(') {
      ++at_;
      const uint64_t value = Sum();
      ++at_;
      return value;
    }
    uint64_t value = 0;
    while (*at_ >= '0' && *at_ <= '9') value = value * 10 + static_cast<uint64_t>(*at_++ - '0');
    return value;
  }

  const char* at_;
};
uint64_t RunParser() {
  std::string text = "1";
  for (int i = 0; i < 100; ++i) text = "(" + text + "+" + std::to_string(i) + "*2)";
  uint64_t sum = 0;
  for (int i = 0; i < 100; ++i) sum += Parser(text.c_str()).Sum();
  return sum;
}

uint64_t RunStrings() {
  std::vector<std::string> words;
  for (int i = 0; i < 2'000; ++i)
    words.push_back("word number " + std::to_string(i * 7'919 % 2'000));
  std::sort(words.begin(), words.end());
  return words[17].size() + words[1'000].back();
}

__attribute__((noinline)) uint64_t Mix(uint64_t n) { return (n ^ (n >> 7)) * 0x9e3779b97f4a7c15; }
uint64_t RunLeaves() {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 200'000; ++i) sum += Mix(sum + i);
  return sum;
}

// Loops.

uint64_t RunMatrix() {
  constexpr int kN = 96;
  static std::array<double, kN * kN> a, b, c;
  for (int i = 0; i < kN * kN; ++i) a[i] = b[i] = i % 7;
  for (int i = 0; i < kN; ++i) {
    for (int j = 0; j < kN; ++j) {
      double sum = 0;
      for (int k = 0; k < kN; ++k) sum += a[i * kN + k] * b[k * kN + j];
      c[i * kN + j] = sum;
    }
  }
  return static_cast<uint64_t>(c[5]);
}

uint64_t RunSieve() {
  std::vector<char> composite(200'000);
  uint64_t primes = 0;
  for (size_t i = 2; i < composite.size(); ++i) {
    if (composite[i]) continue;
    ++primes;
    for (size_t j = i * 2; j < composite.size(); j += i) composite[j] = 1;
  }
  return primes;
}

uint64_t RunHash() {
  uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 500'000; ++i)
    hash = (hash ^ (static_cast<uint64_t>(i) & 0xff)) * 0x100000001b3;
  return hash;
}

uint64_t RunSort() {
  std::vector<uint32_t> numbers(20'000);
  uint32_t n = 7;
  for (uint32_t& number : numbers) number = n = n * 1'664'525 + 1'013'904'223;
  std::sort(numbers.begin(), numbers.end());
  return numbers[100];
}

}  // namespace

extern const Workload kAll[kWorkloads] = {
    {"fibonacci", true, &RunFibonacci}, {"tree", true, &RunTree},
    {"virtual", true, &RunVirtual},     {"parser", true, &RunParser},
    {"strings", true, &RunStrings},     {"leaves", true, &RunLeaves},
    {"matrix", false, &RunMatrix},      {"sieve", false, &RunSieve},
    {"hash", false, &RunHash},          {"sort", false, &RunSort},
};

#if defined(WEFT_SPLIT_STACK)
}  // namespace weft::stack_cost::with_checks
#else
}  // namespace weft::stack_cost::without_checks
#endif
