#!/bin/bash
#
# What only aarch64 has, assembled by a cross compiler and run by an emulator:
#
#   tools/aarch64/check.sh                      the switch between stacks; compiles all of sched and chan
#   AARCH64_ABSEIL=DIR tools/aarch64/check.sh   and runs a program of fibers; DIR holds usr/include/absl and
#                                               usr/lib/aarch64-linux-gnu (Debian's libabsl-dev for arm64, unpacked)
#
# Needs aarch64-linux-gnu-g++ (g++-aarch64-linux-gnu) and qemu-aarch64 (qemu-user); without them it says so, and does
# nothing.

set -euo pipefail
root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  if ! command -v "$tool" >/dev/null; then
    printf 'nothing was checked: there is no %s\n' "$tool"
    exit 0
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/include"
ln -s "$root" "$work/include/weft"
ln -s "${AARCH64_ABSEIL:-}/usr/include/absl" "$work/include/absl"

compile() {
  aarch64-linux-gnu-g++ -std=c++20 -O2 -g1 -fno-omit-frame-pointer -Wall -Wextra -Werror -I"$work/include" "$@"
}

compile -static -o "$work/switch_check" "$root"/tools/aarch64/switch_check.cc "$root"/sched/internal/context_switch_aarch64.S
timeout 60 qemu-aarch64 "$work/switch_check"

objects=()
for source in "$root"/{sched,chan}{,/internal}/*.{cc,S} "$root/tools/aarch64/runtime_check.cc"; do
  case $source in *_test.cc | *_benchmark.cc | *'*'*) continue ;; esac
  objects+=("$work/${#objects[@]}.o")
  compile -c -o "${objects[-1]}" "$source"
done
printf 'sched and chan compile\n'

if [[ -z ${AARCH64_ABSEIL:-} ]]; then
  printf 'no program was run: AARCH64_ABSEIL is not set\n'
  exit 0
fi
compile -static -o "$work/runtime_check" "${objects[@]}" -pthread \
  -Wl,--start-group "$AARCH64_ABSEIL"/usr/lib/aarch64-linux-gnu/libabsl_*.a -Wl,--end-group
timeout 120 qemu-aarch64 "$work/runtime_check"
