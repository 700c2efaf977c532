#!/bin/bash
# readme_test.sh README.md EXAMPLE.cc PROGRAM: the first C++ block of the README is the example, word for word, and the
# program made of it prints the first ten squares.
set -euo pipefail

block=$(awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$1")
if [[ -z $block ]]; then
  echo "$1 has no C++ block" >&2
  exit 1
fi
diff <(printf '%s\n' "$block") "$2"
diff <("$3") <(printf '%d\n' 0 1 4 9 16 25 36 49 64 81)
