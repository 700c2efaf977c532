#!/bin/bash
# programs_test.sh PROGRAM SOURCE...: each program does what the comments at the end of its source say:
#
#   // Input: TEXT              a line of its standard input; without any, it is empty
#   // Error: TEXT              occurs in its standard error
#   // Exit status: N           0 if not said
#   // Output:                  what follows is its standard output
#   // Output in any order:     the same, line by line
set -uo pipefail

# The lines of SOURCE that begin with LABEL, without it.
said() { sed -n "s,^// $1: ,,p" "$2"; }

check() {
  local program=$1 source=$2 expected_status order=cat text status problems=0
  grep -q '^// Output in any order:$' "$source" && order=sort
  said Input "$source" | "$program" >"$scratch/out" 2>"$scratch/err"
  status=$?
  expected_status=$(said 'Exit status' "$source")
  if [[ $status != "${expected_status:-0}" ]]; then
    echo "$source: exit status $status" >&2
    problems=1
  fi
  if ! diff <(sed '1,/^\/\/ Output\( in any order\)\?:$/d; s,^// \?,,' "$source" | $order) <($order "$scratch/out") >&2; then
    echo "$source: prints something else (>)" >&2
    problems=1
  fi
  while IFS= read -r text; do
    if ! grep -qF -- "$text" "$scratch/err"; then
      echo "$source: not on standard error: $text" >&2
      problems=1
    fi
  done < <(said Error "$source")
  ((problems)) && head -n 40 "$scratch/err" >&2
  return "$problems"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
while (($# > 0)); do
  check "$1" "$2" || failed=1
  shift 2
done
exit "$failed"
