#include <cstdio>
#include <mutex>

#include "sync/mutex.h"

int main() {
  sync::Mutex mu;
  std::lock_guard lock(mu);
  std::printf("sync/mutex.h is the %s's\n", sync::kOwner);
}
