#!/bin/bash
# examples_test.sh PROGRAM SOURCE...: each program prints what the comment under `// Output:` at the end of its source says.
set -euo pipefail

status=0
while (($# > 0)); do
  if ! diff <(sed '1,/^\/\/ Output:$/d; s,^// ,,' "$2") <("$1"); then
    echo "$2: prints something else" >&2
    status=1
  fi
  shift 2
done
exit "$status"
