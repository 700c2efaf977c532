#!/bin/bash
#
# treesum_benchmark.sh [TREESUM] [DIR] [RUNS]: treesum beside find | xargs -P sha256sum on a warm tree, alternating; prints
# the median of wall time and of processor time (user + system), and the ratio. Without DIR it makes a tree of
# 20,000 small files and 64 of 8 MiB. TREESUM defaults to what `./bazelw build --config=bench //examples:treesum` made.

set -euo pipefail
export LC_ALL=C

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/..
treesum=$(readlink -f "${1:-$root/bazel-bin/examples/treesum}")
dir=${2:-}
runs=${3:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%R %U %S'

make_tree() {
  local i
  dir=$work/tree
  mkdir -p "$dir"/small/{0..99} "$dir/large"
  for ((i = 0; i < 20000; ++i)); do printf '%*s' $((i * 37 % 8000)) "$i" >"$dir/small/$((i % 100))/$i"; done
  for ((i = 0; i < 64; ++i)); do head -c 8M /dev/urandom >"$dir/large/$i"; done
}

run_treesum() { "$treesum" "$dir" >"$work/out.treesum"; }
run_xargs() { find "$dir" -type f -print0 | xargs -0 -P "$(nproc)" sha256sum >"$work/out.xargs"; }

# measure NAME: appends "wall cpu" to a file.
measure() {
  { time "run_$1"; } 2>&1 | awk '{ print $1, $2 + $3 }' >>"$work/times.$1"
}

# median NAME COLUMN
median() {
  awk -v column="$2" '{ print $column }' "$work/times.$1" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}

[[ -n $dir ]] || make_tree
run_treesum # warms the page cache
run_xargs
for ((i = 0; i < runs; ++i)); do
  measure treesum
  measure xargs
done
cmp <(sort "$work/out.treesum") <(sort "$work/out.xargs")

printf '%d files, %s, %d processors, median of %d runs\n' "$(wc -l <"$work/out.treesum")" \
  "$(du -sh --apparent-size "$dir" | cut -f 1)" "$(nproc)" "$runs"
printf '%-10s %10s %10s\n' '' 'wall s' 'cpu s'
for name in treesum xargs; do
  printf '%-10s %10s %10s\n' "$name" "$(median $name 1)" "$(median $name 2)"
done
awk -v a="$(median treesum 1)" -v b="$(median xargs 1)" -v c="$(median treesum 2)" -v d="$(median xargs 2)" \
  'BEGIN { printf "%-10s %10.2f %10.2f\n", "ratio", a / b, c / d }'
