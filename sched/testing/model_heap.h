// model_heap.h: a heap for programs of the explorer whose objects come and go with new and delete.
//
// Takes the place of the operators new and delete for types that are aligned to more than malloc()
// gives: 16 bytes. No address is used twice in an execution, so that what is done to an object
// after its end is found, if it has an Atom or a Var; and each execution finds the same addresses.
// Depend on //sched/testing:model_heap, and call BeginHeap() first in the program.
#ifndef WEFT_SCHED_TESTING_MODEL_HEAP_H_
#define WEFT_SCHED_TESTING_MODEL_HEAP_H_

namespace weft::sched_internal::model {

// Begins anew: for an execution.
void BeginHeap();

// How many blocks have been allocated since then, and not freed.
int LiveBlocks();

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_HEAP_H_
