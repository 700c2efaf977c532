// For tests: that whoever will wait does.
//
// Thread safety: any number at once, from fibers and from plain threads.
// Blocks: the caller, by sleeping for a tenth of a millisecond at a time. For ever, if a fiber never
//   parks.
#ifndef WEFT_SCHED_TESTING_AWAIT_PARKED_H_
#define WEFT_SCHED_TESTING_AWAIT_PARKED_H_

namespace weft::testing {

// Returns once every fiber but the caller is parked. Sleeping fibers are; plain threads are not
// looked at.
void AwaitParked();

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_AWAIT_PARKED_H_
