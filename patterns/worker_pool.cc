#include "weft/patterns/worker_pool.h"

namespace weft {

WorkerPool& DefaultWorkerPool() {
  static WorkerPool* const pool = new WorkerPool(0);
  return *pool;
}

}  // namespace weft
