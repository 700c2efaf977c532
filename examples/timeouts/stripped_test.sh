#!/bin/bash
# stripped_test.sh PROGRAM: without debug information a report shows addresses in place of lines, and without symbols,
# too, no names; it is the same report otherwise.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

# expect REPORT YES|NO PATTERN
expect() {
  local found=NO
  grep -q "$3" "$scratch/$1" && found=YES
  [[ $found == "$2" ]] && return
  echo "$1: $3: $found" >&2
  status=1
}

strip --strip-debug -o "$scratch/no_debug" "$1"
strip --strip-all -o "$scratch/no_symbols" "$1"
for program in "$1" "$scratch"/*; do
  name=${program##*/}
  "$program" >"$scratch/out" 2>"$scratch/$name.report" </dev/null || [[ $? == 2 ]]
  expect "$name.report" YES '^fatal error: leaked 10 fibers$'
  expect "$name.report" YES '^fiber .* \[chan send, name query\]:$'
done
original=${1##*/}
expect "$original.report" YES '^'$'\t''examples/timeouts/leaking_handler\.cc:16 +0x[0-9a-f]*$'
for name in no_debug no_symbols; do
  expect "$name.report" NO 'leaking_handler\.cc:'
  expect "$name.report" YES '^'$'\t''0x[0-9a-f]*$'
done
expect no_debug.report YES '^SlowQuery()$'
expect no_debug.report YES '^created by Handle() in fiber 1$'
expect no_symbols.report NO 'SlowQuery'
exit "$status"
