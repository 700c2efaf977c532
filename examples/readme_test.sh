#!/bin/bash
# readme_test.sh README.md EXAMPLE.cc: the first C++ block of the README is the example, word for word.
set -euo pipefail

block=$(awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$1")
if [[ -z $block ]]; then
  echo "$1 has no C++ block" >&2
  exit 1
fi
diff <(printf '%s\n' "$block") "$2"
