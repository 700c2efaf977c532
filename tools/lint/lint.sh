#!/bin/bash
#
# lint.sh FILE: checks the tree whose root holds FILE for what no compiler checks.
#
#   layers        a folder includes, and depends on, lower folders only; siblings leave each other alone
#   prefix        weft's headers are included as "weft/FOLDER/x.h"
#   thread_local  only sched/internal/thread_local.* may say it: a fiber changes threads, a cached address does not
#   hosts         no package registry is named: where packages come from is the machine's affair

set -euo pipefail
cd "$(dirname "$(readlink -f "$1")")"

files() {
  find . \( -name '.git' -o -name 'bazel-*' -o -path ./examples/consumer \) -prune -o -type f "$@" -print0
}

problems=$(
  files \( -name '*.h' -o -name '*.cc' -o -name '*.S' -o -name 'BUILD.bazel' \) | xargs -0 -r awk '
    BEGIN {
      split("sched 0 chan 1 sync 1 context 2 netpoll 3 pprof 4 patterns 5 tools 9 examples 9", words)
      for (i = 1; i in words; i += 2) rank[words[i]] = words[i + 1]
    }
    function report(rule, what) { printf "%s:%d: %s: %s\n", substr(FILENAME, 3), FNR, rule, what }
    function check_layer(other) {
      if (!(layer in rank) || !(other in rank) || other == layer || rank[layer] == 9) return
      if (rank[other] > rank[layer]) report("layers", layer " is below " other)
      if (rank[other] == rank[layer]) report("layers", layer " and " other " are siblings")
    }
    FNR == 1 {
      split(FILENAME, path, "/")
      layer = path[2]
      allowing = 0
      build = FILENAME ~ /BUILD\.bazel$/
    }
    build {
      line = $0
      sub(/#.*/, "", line)
      # Who may see a target is not what it depends on.
      if (line ~ /(visibility|packages) *= *\[/) allowing = 1
      if (allowing) {
        if (line ~ /\]/) allowing = 0
        next
      }
      if (line ~ /^ *load\(/ || line ~ /"\/\/tools\/(build_defs|mutants)/) next
      if (match(line, /"\/\/[a-z_]+/)) check_layer(substr(line, RSTART + 3, RLENGTH - 3))
      next
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
      split($0, quoted, "\"")
      split(quoted[2], path, "/")
      if (path[1] == "weft") check_layer(path[2])
      else if (path[1] in rank && path[2] != "") report("prefix", "include \"weft/" quoted[2] "\"")
    }
    /thread_local/ && FILENAME !~ /^\.\/sched\/internal\/thread_local\./ {
      line = $0
      sub(/\/\/.*/, "", line)
      gsub(/"[^"]*"/, "", line)
      if (line ~ /(^|[^A-Za-z0-9_])thread_local([^A-Za-z0-9_]|$)/) report("thread_local", "see sched/internal/thread_local.h")
    }'
  # The brackets keep these patterns from matching themselves.
  files | xargs -0 -r grep -nHIE \
    '[p]ypi\.org|[n]pmjs\.|[c]rates\.io|[r]ubygems\.org|[m]aven\.org|[b]cr\.bazel|[r]egistry\.bazel|[d]eb\.debian\.org|[s]ecurity\.debian\.org|[a]rchive\.ubuntu|[p]roxy\.golang|[c]onan\.io|[g]hcr\.io|[d]ocker\.io|[q]uay\.io' |
    sed -E 's,^\./([^:]*:[0-9]+):.*,\1: hosts: names a package registry,' || true
)
if [[ -n $problems ]]; then
  printf '%s\n' "$problems" >&2
  exit 1
fi
