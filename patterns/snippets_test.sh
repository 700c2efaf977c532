#!/bin/bash
# snippets_test.sh README SOURCE: every ```cpp block of README's part from Messaging on stands in
# SOURCE, but for the indentation.
set -euo pipefail

flat() { sed 's/^ *//' "$@"; }

part=$(sed -n '/^## Messaging$/,$p' "$1")
source=$(flat "$2")
blocks=0
block=
inside=
while IFS= read -r line; do
  if [[ $line == '```cpp' ]]; then
    inside=1 block=
  elif [[ $line == '```' && $inside ]]; then
    inside=
    blocks=$((blocks + 1))
    if [[ $source != *"$block"* ]]; then
      printf 'not in %s:\n%s' "$2" "$block" >&2
      exit 1
    fi
  elif [[ $inside ]]; then
    block+=$(flat <<<"$line")$'\n'
  fi
done <<<"$part"
((blocks >= 6)) || { echo "only $blocks blocks found" >&2; exit 1; }
