// A schedule: where a simulated run departs from the plainest one.
//
// The plainest run never takes the processor from a fiber that can go on; when one stops, the one
// that has been ready longest goes on; and of every other choice it takes the first. A schedule
// lists the choices that are made otherwise, each by its place: the fiber that ran last and how
// many choices were met after it had run. So most of a schedule keeps its meaning when a part of it
// is left out, which is what shrinking needs.
//
// As text: "1.4>3 2.7=1": at its fourth choice fiber 1 is stopped and 3 runs; at its seventh, fiber
// 2 draws 1. The plainest is "plain".
#ifndef WEFT_SCHED_TESTING_SIM_SCHEDULE_H_
#define WEFT_SCHED_TESTING_SIM_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::sim {

struct Deviation {
  uint32_t fiber = 0;  // who ran last; 0: nobody since time passed
  uint32_t place = 0;  // its so-manieth choice
  bool is_fiber = false;
  uint32_t value = 0;     // the fiber that runs, or the number that is drawn
  bool preempts = false;  // the former fiber could have gone on; not part of the text

  bool operator==(const Deviation&) const = default;
};

using Schedule = std::vector<Deviation>;

std::string FormatSchedule(const Schedule& schedule);
// Nothing if the text is not a schedule.
std::optional<Schedule> ParseSchedule(std::string_view text);

int CountPreemptions(const Schedule& schedule);

}  // namespace weft::sim

#endif  // WEFT_SCHED_TESTING_SIM_SCHEDULE_H_
