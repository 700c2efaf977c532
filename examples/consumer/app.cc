#include <cstdio>
#include <mutex>

#include "sync/mutex.h"
#include "weft/chan/chan.h"

int main() {
  auto owners = weft::MakeChan<const char*>(1);
  consumer::Mutex mu;
  {
    std::lock_guard lock(mu);
    owners.Send(consumer::kOwner);
    owners.Close();
  }
  for (const char* owner : owners) std::printf("sync/mutex.h is the %s's\n", owner);
}
