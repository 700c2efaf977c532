// Power series as streams of rational coefficients, every operator a fiber: a classic of concurrent
// programming (McIlroy, "Squinting at Power Series"). Streams feed back into themselves, so an
// element out of turn, a lost wakeup or a select that fires twice ends in wrong numbers or in a
// deadlock. Where a series has two definitions, both are computed and must agree.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <numeric>
#include <optional>
#include <ostream>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

class Rational {
 public:
  Rational(int64_t n = 0, int64_t d = 1) : n_(n), d_(d) {  // NOLINT(google-explicit-constructor)
    int64_t g = std::gcd(n, d);
    n_ /= d < 0 ? -g : g;
    d_ /= d < 0 ? -g : g;
  }
  friend Rational operator+(Rational a, Rational b) {
    int64_t g = std::gcd(a.d_, b.d_);
    return {a.n_ * (b.d_ / g) + b.n_ * (a.d_ / g), a.d_ / g * b.d_};
  }
  friend Rational operator*(Rational a, Rational b) {
    Rational x(a.n_, b.d_), y(b.n_, a.d_);
    return {x.n_ * y.n_, x.d_ * y.d_};
  }
  friend Rational operator/(Rational a, Rational b) { return a * Rational(b.d_, b.n_); }
  friend Rational operator-(Rational a) { return {-a.n_, a.d_}; }
  friend bool operator==(const Rational&, const Rational&) = default;
  friend std::ostream& operator<<(std::ostream& out, Rational r) {
    return out << r.n_ << "/" << r.d_;
  }

 private:
  int64_t n_;
  int64_t d_;
};

// Whoever wants the next coefficient says so first: nothing is computed before it is asked for, and
// a series may be defined by itself.
struct Series {
  Chan<Empty> demand = MakeChan<Empty>();
  Chan<Rational> data = MakeChan<Rational>();
};

class Algebra {
 public:
  // Lets all fibers end.
  ~Algebra() {
    quit_.Close();
    EXPECT_TRUE(testing::WaitForNoFibers());
  }

  std::vector<Rational> Take(const Series& f, int n) {
    std::vector<Rational> first;
    while (static_cast<int>(first.size()) < n) first.push_back(Get(f));
    return first;
  }

  // Each operator returns `out`, which may be a series that stands in its own definition already.

  // The given coefficients, then zeros.
  Series Polynomial(std::vector<Rational> coefficients, Series out = {}) {
    return Start(out, [this, coefficients, out] {
      for (Rational c : coefficients) Put(out, [c] { return c; });
      for (;;) Put(out, [] { return 0; });
    });
  }

  Series Add(Series f, Series g, Series out = {}) {
    return Start(out, [this, f, g, out] {
      for (;;) Put(out, [&] { return Get(f) + Get(g); });
    });
  }

  Series Scale(Rational c, Series f, Series out = {}) {
    return Start(out, [this, c, f, out] {
      for (;;) Put(out, [&] { return c * Get(f); });
    });
  }

  // c + x f
  Series Shift(Rational c, Series f, Series out = {}) {
    return Start(out, [this, c, f, out] {
      Put(out, [c] { return c; });
      for (;;) Put(out, [&] { return Get(f); });
    });
  }

  // (f - f(0)) / x
  Series Tail(Series f, Series out = {}) {
    return Start(out, [this, f, out] {
      for (bool first = true;; first = false) Put(out, [&] { return first ? Second(f) : Get(f); });
    });
  }

  Series Multiply(Series f, Series g, Series out = {}) {
    return Start(out, [this, f, g, out] {
      std::vector<Rational> a, b;
      for (;;) {
        Put(out, [&] {
          a.push_back(Get(f));
          b.push_back(Get(g));
          Rational sum;
          for (size_t i = 0; i < a.size(); ++i) sum = sum + a[i] * b[a.size() - 1 - i];
          return sum;
        });
      }
    });
  }

  Series Reciprocal(Series f, Series out = {}) {
    return Start(out, [this, f, out] {
      std::vector<Rational> a, r;
      for (;;) {
        Put(out, [&] {
          a.push_back(Get(f));
          Rational sum = r.empty() ? -1 : 0;
          for (size_t i = 0; i < r.size(); ++i) sum = sum + r[i] * a[r.size() - i];
          r.push_back(-sum / a[0]);
          return r.back();
        });
      }
    });
  }

  Series Derivative(Series f, Series out = {}) {
    return Start(out, [this, f, out] {
      for (int n = 1;; ++n) Put(out, [&] { return n * (n == 1 ? Second(f) : Get(f)); });
    });
  }

  Series Integral(Rational c, Series f, Series out = {}) {
    return Start(out, [this, c, f, out] {
      Put(out, [c] { return c; });
      for (int n = 1;; ++n) Put(out, [&] { return Get(f) / n; });
    });
  }

  // exp(f), where f(0) = 0: y' = y f'.
  Series Exp(Series f, Series out = {}) {
    Series y;
    Integral(1, Multiply(Split(y, {out, {}})[1], Derivative(f)), y);
    return out;
  }

  // f(g), where g(0) = 0: f(0) + g Tail(f)(g). Every coefficient starts the fibers of one more
  // instance.
  Series Compose(Series f, Series g, Series out = {}) {
    return Start(out, [this, f, g, out] {
      Put(out, [&] { return Get(f); });
      std::optional<Series> rest;
      for (;;) {
        Put(out, [&] {
          if (!rest) {
            std::vector<Series> gs = Split(g, {{}, {}});
            rest = Multiply(Tail(gs[0]), Compose(f, gs[1]));
          }
          return Get(*rest);
        });
      }
    });
  }

  // Gives the coefficients of f to each of `outs`. One may run ahead of the others, and those that
  // are behind are served even while f is being computed, perhaps from them.
  std::vector<Series> Split(Series f, std::vector<Series> outs) {
    Start(f, [this, f, outs] { Distribute(f, outs); });
    return outs;
  }

 private:
  struct Stopped {};

  struct Branch {
    bool wants = false;
    std::deque<Rational> behind;
  };

  void Distribute(const Series& f, const std::vector<Series>& outs) {
    std::vector<Branch> branches(outs.size());
    for (bool asked = false;;) {
      bool starving = false;
      for (size_t i = 0; i < outs.size(); ++i) {
        Branch& b = branches[i];
        if (b.wants && !b.behind.empty()) {
          Send(outs[i].data, b.behind.front());
          b.behind.pop_front();
          b.wants = false;
        }
        starving |= b.wants;
      }
      // A nil channel is never ready: it turns a case off.
      std::vector<SelectCase> cases;
      cases.push_back(OnRecv(quit_, [] { throw Stopped(); }));
      cases.push_back(
          OnSend(starving && !asked ? f.demand : nullptr, Empty(), [&] { asked = true; }));
      cases.push_back(OnRecv(asked ? f.data : nullptr, [&](std::optional<Rational> c) {
        for (Branch& b : branches) b.behind.push_back(*c);
        asked = false;
      }));
      for (size_t i = 0; i < outs.size(); ++i) {
        cases.push_back(OnRecv(branches[i].wants ? nullptr : outs[i].demand,
                               [&, i] { branches[i].wants = true; }));
      }
      Select(cases);
    }
  }

  Rational Get(const Series& f) {
    Send(f.demand, Empty());
    return Recv(f.data);
  }
  Rational Second(const Series& f) {
    Get(f);
    return Get(f);
  }

  // Answers one request with compute(), which may ask others.
  template <typename Compute>
  void Put(const Series& out, Compute compute) {
    Recv(out.demand);
    Send(out.data, Rational(compute()));
  }

  template <typename T>
  void Send(const Chan<T>& c, T value) {
    if (Select(OnSend(c, value), OnRecv(quit_)) == 1) throw Stopped();
  }
  template <typename T>
  T Recv(const Chan<T>& c) {
    std::optional<T> value;
    if (Select(OnRecv(quit_), OnRecv(c, &value)) == 0) throw Stopped();
    return *value;
  }

  template <typename Fn>
  Series Start(const Series& out, Fn fn) {
    Go([fn] {
      try {
        fn();
      } catch (Stopped) {
      }
    });
    return out;
  }

  Chan<Empty> quit_ = MakeChan<Empty>();
};

using Coefficients = std::vector<Rational>;

using PowerSeriesTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, PowerSeriesTest, testing::kWorkerCounts);

TEST_P(PowerSeriesTest, PolynomialsAddAndMultiply) {
  Algebra a;
  EXPECT_EQ(a.Take(a.Add(a.Polynomial({1, 2, 3}), a.Polynomial({0, {1, 2}})), 4),
            (Coefficients{1, {5, 2}, 3, 0}));
  EXPECT_EQ(a.Take(a.Multiply(a.Polynomial({1, 1}), a.Polynomial({1, -1})), 4),
            (Coefficients{1, 0, -1, 0}));
  EXPECT_EQ(a.Take(a.Derivative(a.Polynomial({7, 1, 1, 1})), 4), (Coefficients{1, 2, 3, 0}));
}

TEST_P(PowerSeriesTest, ReciprocalsAreGeometricAndFibonacci) {
  Algebra a;
  EXPECT_EQ(a.Take(a.Reciprocal(a.Polynomial({1, -1})), 6), (Coefficients{1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(a.Take(a.Reciprocal(a.Polynomial({1, -1, -1})), 10),
            (Coefficients{1, 1, 2, 3, 5, 8, 13, 21, 34, 55}));
}

TEST_P(PowerSeriesTest, ExponentialIsItsOwnIntegral) {
  Algebra a;
  Coefficients expected = {1};
  for (int n = 1; n < 12; ++n) expected.push_back(expected.back() / n);
  EXPECT_EQ(a.Take(a.Exp(a.Polynomial({0, 1})), 12), expected);
}

// C = 1 + x C^2
TEST_P(PowerSeriesTest, CatalanNumbersAreDefinedByThemselves) {
  Algebra a;
  Series square;
  std::vector<Series> c = a.Split(a.Shift(1, square), {{}, {}, {}});
  a.Multiply(c[0], c[1], square);
  EXPECT_EQ(a.Take(c[2], 10), (Coefficients{1, 1, 2, 5, 14, 42, 132, 429, 1430, 4862}));
}

// tan' = 1 + tan^2, and tan = sin / cos, where sin' = cos and cos' = -sin.
TEST_P(PowerSeriesTest, TangentIsTheSameByBothDefinitions) {
  Algebra a;
  Series tan;
  std::vector<Series> t = a.Split(tan, {{}, {}, {}});
  a.Integral(0, a.Add(a.Polynomial({1}), a.Multiply(t[0], t[1])), tan);

  Series sin, cos;
  std::vector<Series> s = a.Split(sin, {{}, {}});
  std::vector<Series> c = a.Split(cos, {{}, {}});
  a.Integral(0, c[0], sin);
  a.Integral(1, a.Scale(-1, s[0]), cos);

  const Coefficients expected = {0, 1, 0, {1, 3}, 0, {2, 15}, 0, {17, 315}, 0, {62, 2835}};
  EXPECT_EQ(a.Take(t[2], 10), expected);
  EXPECT_EQ(a.Take(a.Multiply(s[1], a.Reciprocal(c[1])), 10), expected);
}

TEST_P(PowerSeriesTest, ExponentialUndoesTheLogarithm) {
  Algebra a;
  auto log = [&a] { return a.Integral(0, a.Reciprocal(a.Polynomial({1, 1}))); };
  const Coefficients expected = {1, 1, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(a.Take(a.Exp(log()), 8), expected);
  EXPECT_EQ(a.Take(a.Compose(a.Exp(a.Polynomial({0, 1})), log()), 8), expected);
}

// f(g) g' = f(g)', with polynomials that are not special.
TEST_P(PowerSeriesTest, ChainRule) {
  Algebra a;
  const Coefficients f = {3, 1, {-1, 2}, 4}, g = {0, 2, {1, 3}, -5};
  Series left = a.Derivative(a.Compose(a.Polynomial(f), a.Polynomial(g)));
  Series right = a.Multiply(a.Compose(a.Derivative(a.Polynomial(f)), a.Polynomial(g)),
                            a.Derivative(a.Polynomial(g)));
  EXPECT_EQ(a.Take(left, 8), a.Take(right, 8));
}

}  // namespace
}  // namespace weft
