// The consumer's own mutex.h, in a folder with the name of one of weft's.

#ifndef SYNC_MUTEX_H_
#define SYNC_MUTEX_H_

#include <mutex>

namespace consumer {

using Mutex = std::mutex;
inline constexpr char kOwner[] = "consumer";

}  // namespace consumer

#endif  // SYNC_MUTEX_H_
