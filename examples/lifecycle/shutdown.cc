// A server and its database, shut down in order: the server first, with what it still has to do,
// then the database.
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/graceful.h"
#include "weft/patterns/request.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::GracefulShutdown shutdown;
    shutdown.Add("database", [](const weft::Context&) {
      std::puts("database: closed");
      return absl::OkStatus();
    });

    weft::Service<int, int> server(8);
    auto served = weft::MakeChan<absl::Status>(1);
    weft::Go([=] { served.Send(server.Serve(weft::Background(), [](int n) { return n + 1; })); });
    shutdown.Add("server", absl::Seconds(60), [=](const weft::Context&) {
      server.Close();
      absl::Status s = *served.Recv();  // whoever was accepted has an answer
      std::puts("server: drained");
      return s;
    });

    std::printf("%d\n", *server.Call(weft::Background(), 41));
    std::printf("shutdown: %s\n", shutdown.Run(weft::Background()).ToString().c_str());
    std::printf("late: %s\n", server.Call(weft::Background(), 1).status().ToString().c_str());
  });
}

// Output:
// 42
// server: drained
// database: closed
// shutdown: OK
// late: FAILED_PRECONDITION: send on closed channel
