// Three ways to close a channel that has several senders.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/safe_close.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

// The last sender closes, by giving up its handle.
void LastSenderCloses() {
  auto [sender, numbers] = weft::MakeSender<int>();
  for (int i = 1; i <= 4; ++i) {
    weft::Go([sender = sender, i] { sender.Send(i); });
  }
  sender.Drop();
  int sum = 0;
  for (int n : numbers) sum += n;
  std::printf("the last sender: sum %d\n", sum);
}

// Anybody closes: senders are told, and what they had got rid of is received.
void AnybodyCloses() {
  weft::ClosableChan<int> numbers;
  weft::WaitGroup senders;
  int told = 0;
  weft::Chan<weft::Empty> tell = weft::MakeChan<weft::Empty>(4);
  for (int i = 0; i < 4; ++i) {
    senders.Go([=] {
      while (numbers.Send(weft::Background(), 1).ok()) {
      }
      tell.Send({});
    });
  }
  int received = 0;
  for (int n : numbers.C()) {
    received += n;
    if (received >= 10) numbers.Close();  // the receiver has had enough
  }
  senders.Wait();
  while (tell.TryRecv()) ++told;
  std::printf("anybody: %d senders were told, and at least 10 were received: %s\n", told,
              received >= 10 ? "yes" : "no");
}

// The rude way: to try, and to catch the panic.
void Rudely() {
  auto numbers = weft::MakeChan<int>(1);
  const bool first = weft::SafeClose(numbers), second = weft::SafeClose(numbers),
             sent = weft::SafeSend(numbers, 1);
  std::printf("rudely: closed %d, again %d, sent afterwards %d\n", first, second, sent);
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    LastSenderCloses();
    AnybodyCloses();
    Rudely();
  });
}

// Output:
// the last sender: sum 10
// anybody: 4 senders were told, and at least 10 were received: yes
// rudely: closed 1, again 0, sent afterwards 0
