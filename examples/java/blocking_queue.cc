// Java's BlockingQueue: ArrayBlockingQueue is a channel with a buffer, SynchronousQueue one
// without, LinkedBlockingQueue a Queue.
#include <cstdio>
#include <optional>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/queue.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto array = weft::MakeChan<int>(2);           // new ArrayBlockingQueue<>(2)
    array.Send(1);                                 // put(1)
    std::printf("offer: %d\n", array.TrySend(2));  // offer(2)
    std::printf("offer: %d\n", array.TrySend(3));  // offer(3): full
    std::printf("size: %d, room: %d\n", static_cast<int>(array.len()),
                static_cast<int>(array.cap() - array.len()));
    std::printf("take: %d\n", *array.Recv());               // take()
    std::printf("poll: %d\n", *array.TryRecv());            // poll()
    std::printf("poll: %d\n", array.TryRecv().received());  // poll(): null
    std::optional<int> value;                               // poll(1, MILLISECONDS)
    weft::Select(weft::OnRecv(array, &value), weft::OnRecv(weft::After(absl::Milliseconds(1))));
    std::printf("poll with a timeout: %d\n", value.has_value());

    weft::Queue<int> linked;                            // new LinkedBlockingQueue<>()
    for (int i = 0; i < 1000; ++i) linked.Push(i);      // add(i)
    const int first = *linked.Pop(weft::Background());  // take()
    std::printf("take: %d, size: %d\n", first, static_cast<int>(linked.len()));
  });
}

// Output:
// offer: 1
// offer: 0
// size: 2, room: 0
// take: 1
// poll: 2
// poll: 0
// poll with a timeout: 0
// take: 0, size: 999
