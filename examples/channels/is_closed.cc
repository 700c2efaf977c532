// "Is it closed?" A receive that nobody waits for answers it, and takes a value away if it is not:
// that is for channels that carry no values. The right question is a receive that says both, or a
// select.
#include <cstdio>
#include <optional>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/main.h"

// Wrong for a channel that carries values: it eats one.
template <typename T>
bool IsClosedWrong(const weft::RecvChan<T>& c) {
  return c.TryRecv().closed();
}

// Right: for channels that are only ever closed.
bool IsClosed(const weft::RecvChan<weft::Empty>& quit) { return quit.TryRecv().closed(); }

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto values = weft::MakeChan<int>(3);
    for (int n = 1; n <= 3; ++n) values.Send(n);
    bool closed = IsClosedWrong<int>(values);
    std::printf("wrong: closed %d, and a value is gone: %d left\n", closed,
                static_cast<int>(values.len()));

    values.Close();
    std::printf("wrong: closed %d, though it is, and another is gone\n",
                IsClosedWrong<int>(values));
    std::printf("right: receive, and see: %d\n", *values.Recv());
    std::printf("right: nothing any more: %d\n", !values.Recv().has_value());

    auto quit = weft::MakeChan<weft::Empty>();
    std::printf("right: quit is closed %d\n", IsClosed(quit));
    quit.Close();
    std::printf("right: quit is closed %d\n", IsClosed(quit));
    std::optional<int> value;
    weft::Chan<int> silent = weft::MakeChan<int>();
    std::printf("right: a select tells which: %d\n",
                weft::Select(weft::OnRecv(silent, &value), weft::OnRecv(quit)));
  });
}

// Output:
// wrong: closed 0, and a value is gone: 2 left
// wrong: closed 0, though it is, and another is gone
// right: receive, and see: 3
// right: nothing any more: 1
// right: quit is closed 0
// right: quit is closed 1
// right: a select tells which: 1
