#!/bin/bash
#
# Compiles every header of weft alone, two at a time: a header brings in what it needs. Half a second each, so this is
# a step of .ci/run and not a test. Not chan/mutants: what its header includes is made by the build.

set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..
root=$(readlink -f "$root")
includes=$(mktemp -d)
trap 'rm -rf "$includes"' EXIT
ln -s "$root" "$includes/weft"

cd "$root"
find . \( -name '.git' -o -name 'bazel-*' -o -path ./examples -o -path ./chan/mutants \) -prune -o -name '*.h' -print0 |
  xargs -0 -r -n 1 -P "$(nproc)" \
    "${CXX:-g++}" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I "$includes" -x c++
