#include <cstdio>
#include <mutex>

#include "sync/mutex.h"

int main() {
  consumer::Mutex mu;
  std::lock_guard lock(mu);
  std::printf("sync/mutex.h is the %s's\n", consumer::kOwner);
}
