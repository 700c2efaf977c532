#!/bin/bash
# lint_rules_test.sh LINT: every rule of lint.sh finds its violation, and a clean tree passes.
set -euo pipefail

lint=$1
tree=$TEST_TMPDIR/tree
failures=0

# file PATH TEXT
file() {
  mkdir -p "$(dirname "$tree/$1")"
  printf '%s\n' "$2" >"$tree/$1"
}

clean() {
  rm -rf "$tree"
  file WORKSPACE ''
  file sched/go.h '// Never say thread_local here; weft/chan is above.'
  file sched/internal/thread_local.h 'thread_local int x;'
  file chan/chan.cc '#include "weft/sched/go.h"'
  file chan/BUILD.bazel 'load("//tools/build_defs:weft.bzl", "weft_cc_library")
    deps = ["//sched:go", "//tools/build_defs:tsan"],
    visibility = [
        "//context:users",
    ],'
  file context/context.cc '#include "weft/sync/mutex.h"'
  file examples/sieve.cc '#include "weft/netpoll/tcp.h"'
}

# rejects RULE PATH TEXT: the clean tree with this one file in it breaks the rule.
rejects() {
  clean
  file "$2" "$3"
  local output
  if output=$("$lint" "$tree/WORKSPACE" 2>&1); then
    echo "not found: $1 in $2: $3"
    failures=1
  elif [[ $output != "$2:1: $1: "* ]]; then
    echo "expected $2:1: $1, got: $output"
    failures=1
  fi
}

clean
"$lint" "$tree/WORKSPACE" || failures=1

rejects layers sched/a.h '#include "weft/chan/chan.h"'
rejects layers sync/a.h '#include "weft/chan/chan.h"'
rejects layers chan/a_test.cc '#include "weft/sync/mutex.h"'
rejects layers context/a.cc '#include "weft/netpoll/tcp.h"'
rejects layers netpoll/http/a.cc '#include "weft/patterns/errgroup.h"'
rejects layers sched/BUILD.bazel '    deps = ["//chan"],'
rejects layers sync/BUILD.bazel '    deps = ["//chan:chan"],'
rejects prefix chan/a.h '#include "sched/go.h"'
rejects thread_local sync/a.cc 'static thread_local int x;'
rejects hosts README.md "fetch it from pypi"".org"

exit "$failures"
