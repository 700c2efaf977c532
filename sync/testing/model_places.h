// model_places.h: fibers of one worker under the explorer, where each thread is a worker.
//
// A fiber may lose its turn in a call. The call that all slow paths make is CurrentPlace(), so that
// is where another has it.
#ifndef WEFT_SYNC_TESTING_MODEL_PLACES_H_
#define WEFT_SYNC_TESTING_MODEL_PLACES_H_

#include <functional>

namespace weft::sync_testing {

// The caller's next CurrentPlace() runs fn() first, once.
void OnNextPlace(std::function<void()> fn);

// For the beginning of a program.
void ForgetPlaces();

}  // namespace weft::sync_testing

#endif  // WEFT_SYNC_TESTING_MODEL_PLACES_H_
