#!/bin/bash
# The scheduler must not be left in the middle: its code is compiled without -fsplit-stack, so its prologues never yield.
# But an inline function that it does not inline may be merged with the same function of code that was compiled with the
# flag, and then its prologue may. So every such function is listed here, with the reason why a yield in it is harmless.
set -euo pipefail

allowed=(
  'weft::sched_internal::SpinLock::LockSlow'  # after NoPreempt has been entered
  'weft::PanicError::~PanicError'             # users' side: an exception, its message and its stack
  'std::_Sp_counted_'
  'std::__cxx11::basic_string<'  # reports of death
  'absl::'
)

# Only instantiated by the scheduler itself.
allowed+=('weft::sched_internal::Processor::PickLocal' 'weft::sched_internal::IdleWorkers<')

status=0
for library in "$@"; do
  [[ $library == *.a ]] || continue
  found=1
  while read -r line; do
    for name in "${allowed[@]}"; do
      [[ $line == "$name"* ]] && continue 2
    done
    echo "the scheduler calls an inline function out of line: $line"
    status=1
  done < <(nm -C "$library" 2>/dev/null | sed -n 's/^[0-9a-f]* W //p' | sort -u)
done
[[ -n ${found:-} ]] || { echo "no library among: $*"; exit 1; }
exit $status
