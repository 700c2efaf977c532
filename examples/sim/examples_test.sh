#!/bin/bash
# examples_test.sh PROGRAM FAILURE...: each program passes a thousand ordinary runs, and simulated
# fails soon, with that failure in the first line, in the same way when it is repeated by its seed
# and by its schedule.
set -euo pipefail

status=0
complain() {
  echo "$1: $2" >&2
  status=1
}

while (($# > 0)); do
  program=$1 failure=$2
  shift 2
  ordinary=$("$program") || complain "$program" "fails without simulation: $ordinary"
  report=$(timeout 60 "$program" --sim) && complain "$program" "does not fail when simulated"
  [[ $(head -1 <<<"$report") == "$failure" ]] || complain "$program" "fails otherwise: $report"
  seed=$(sed -n 's/^WEFT_SEED=//p' <<<"$report")
  schedule=$(sed -n "s/^WEFT_SIM_SCHEDULE='\(.*\)'$/\1/p" <<<"$report")
  by_seed=$(WEFT_SEED=$seed "$program" --sim) && complain "$program" "seed $seed does not fail"
  [[ $(head -1 <<<"$by_seed") == "$failure" ]] || complain "$program" "seed $seed: $by_seed"
  by_schedule=$(WEFT_SIM_SCHEDULE=$schedule "$program" --sim) &&
    complain "$program" "schedule $schedule does not fail"
  [[ $(head -1 <<<"$by_schedule") == "$failure" ]] || complain "$program" "$schedule: $by_schedule"
done
exit "$status"
