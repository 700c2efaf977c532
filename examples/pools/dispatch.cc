// A pool with a dispatcher: a task goes to a worker that is idle, to a new one if all are busy, and
// waits if there are enough. An idle worker offers itself by sending its own channel.
#include <cstdio>
#include <functional>
#include <optional>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

using Task = std::function<void()>;

class Pool {
 public:
  explicit Pool(int most) : most_(most), idle_(weft::MakeChan<weft::Chan<Task>>(most)) {}

  void Dispatch(Task task) {
    std::optional<weft::Chan<Task>> worker;
    if (auto waiting = idle_.TryRecv()) {
      worker = *waiting;
    } else if (started_ < most_) {
      worker = Start();
    } else {
      worker = idle_.Recv();
    }
    worker->Send(std::move(task));
  }

  // Waits for all tasks, and ends the workers.
  void Stop() {
    for (int i = 0; i < started_; ++i) idle_.Recv()->Close();
    workers_.Wait();
  }

  int started() const { return started_; }

 private:
  weft::Chan<Task> Start() {
    ++started_;
    auto tasks = weft::MakeChan<Task>(1);
    workers_.Go([tasks, idle = idle_] {
      for (Task task : tasks) {
        task();
        idle.Send(tasks);
      }
    });
    return tasks;
  }

  const int most_;
  int started_ = 0;
  const weft::Chan<weft::Chan<Task>> idle_;
  weft::WaitGroup workers_;
};

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    Pool pool(4);
    auto done = weft::MakeChan<int>(100);
    pool.Dispatch([done] { done.Send(1); });
    done.Recv();
    // Until the worker has offered itself again, a second one might be started.
    for (int i = 0; i < 99; ++i) pool.Dispatch([done] { done.Send(1); });
    pool.Stop();
    std::printf("100 tasks, %d done; workers: %s\n", static_cast<int>(done.len()) + 1,
                pool.started() <= 4 ? "no more than 4" : "too many");
  });
}

// Output:
// 100 tasks, 100 done; workers: no more than 4
