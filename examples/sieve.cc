// sieve [N]: the first N primes (2000 if not told) by a chain of fibers, Hoare's and Go's classic.
//
//   generate -> filter 2 -> filter 3 -> filter 5 -> ... -> main
//
// Every prime that reaches the end of the chain becomes a filter there, which lets pass what it
// does not divide.
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"

namespace {

// 2, 3, 4, ... until `done` is closed.
void Generate(weft::SendChan<int> out, weft::RecvChan<weft::Empty> done) {
  for (int i = 2;; ++i) {
    if (weft::Select(weft::OnSend(out, i), weft::OnRecv(done)) == 1) break;
  }
  out.Close();
}

void Filter(int prime, weft::RecvChan<int> in, weft::SendChan<int> out) {
  for (int i : in) {
    if (i % prime != 0) out.Send(i);
  }
  out.Close();
}

int PrintPrimes(int count) {
  auto done = weft::MakeChan<weft::Empty>();
  auto numbers = weft::MakeChan<int>();
  weft::Go([numbers, done] { Generate(numbers, done); });
  for (int i = 0; i < count; ++i) {
    int prime = *numbers.Recv();
    std::printf("%d\n", prime);
    auto passed = weft::MakeChan<int>();
    weft::Go([prime, numbers, passed] { Filter(prime, numbers, passed); });
    numbers = passed;
  }
  // Ends the chain from its head: a filter closes behind itself once what is under way has been
  // taken from it.
  done.Close();
  while (numbers.Recv()) {
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}

bool ParseCount(std::string_view text, int* count) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *count);
  return error == std::errc() && end == text.data() + text.size() && *count >= 1;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 2000;
  if (argc > 2 || (argc == 2 && !ParseCount(argv[1], &count))) {
    std::fputs("Usage: sieve [N]\n\nPrints the first N primes, N from 1; 2000 if not told.\n",
               stderr);
    return 2;
  }
  return weft::Main(argc, argv, [count] { return PrintPrimes(count); });
}
