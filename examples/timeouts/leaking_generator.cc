// A generator over a channel leaks its fiber when the receiver stops early: it waits to send for
// ever. Two cures: a quit channel, or a context; and where sender and receiver need not run at the
// same time, a Generator, which ends by itself.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/generator.h"
#include "weft/sched/main.h"

weft::RecvChan<int> Leaking() {
  auto out = weft::MakeChan<int>();
  weft::Go([out] {
    for (int n = 0;; ++n) out.Send(n);
  });
  return out;
}

weft::RecvChan<int> WithQuit(weft::RecvChan<weft::Empty> quit) {
  auto out = weft::MakeChan<int>();
  weft::Go([=] {
    for (int n = 0; weft::Select(weft::OnSend(out, n), weft::OnRecv(quit)) == 0; ++n) {
    }
  });
  return out;
}

weft::RecvChan<int> WithContext(weft::Context ctx) {
  auto out = weft::MakeChan<int>();
  weft::Go([=] {
    for (int n = 0; weft::Select(weft::OnSend(out, n), weft::OnDone(ctx)) == 0; ++n) {
    }
  });
  return out;
}

void UseThree(const weft::RecvChan<int>& numbers) {
  for (int n : numbers) {
    if (n == 2) break;
  }
}

// How many fibers are left besides this one, once those that can end have ended.
int Left(int expected) {
  while (weft::NumFiber() - 1 > expected) weft::Gosched();
  return weft::NumFiber() - 1;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    UseThree(Leaking());
    std::printf("leaking: %d left\n", Left(1));
    {
      auto quit = weft::MakeChan<weft::Empty>();
      UseThree(WithQuit(quit));
      quit.Close();
      std::printf("quit channel: %d left\n", Left(1));
    }
    {
      auto [ctx, cancel] = weft::WithCancel(weft::Background());
      UseThree(WithContext(ctx));
      cancel();
      std::printf("context: %d left\n", Left(1));
    }
    {
      weft::Generator<int> numbers([](const auto& yield) {
        for (int n = 0; yield(n); ++n) {
        }
      });
      for (int n : numbers) {
        if (n == 2) break;
      }
    }
    std::printf("Generator: %d left\n", Left(1));
  });
}

// Output:
// leaking: 1 left
// quit channel: 1 left
// context: 1 left
// Generator: 1 left
