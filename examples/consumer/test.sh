#!/bin/bash
#
# A stranger's workspace: depends on weft by local_repository, has headers with the names of weft's, builds, links and
# runs, and carries nothing of weft that it did not ask for.

set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

readonly bazel=../../bazelw
readonly app=bazel-bin/app
readonly expected="sync/mutex.h is the consumer's"
# What the program did not ask for: folders of weft, then anything that only tests, benchmarks or examples need.
readonly folders='sync|context|netpoll|pprof|patterns|tools|examples'
readonly libraries='googletest|google_benchmark|mimalloc|openssl|zlib'

fail() {
  printf 'consumer: %s\n' "$*" >&2
  exit 1
}

trap '"$bazel" shutdown >/dev/null 2>&1' EXIT
"$bazel" build --noshow_progress //:app
output=$("$app")
[[ $output == "$expected" ]] || fail "it printed: $output"

# A setting that targets choose by is no code.
deps=$("$bazel" query --noshow_progress 'deps(//:app) except kind(config_setting, deps(//:app))')
if unasked=$(grep -E "^@+weft[~+]?//($folders)[/:]|^@+($libraries)[~+]?//" <<<"$deps"); then
  fail "it depends on" $unasked
fi

symbols=$(nm -C --defined-only "$app")
if unasked=$(grep -E " (weft::($folders)_internal|testing|benchmark)::" <<<"$symbols"); then
  fail "it contains: $unasked"
fi

shared=$(ldd "$app" | awk '{ print $1 }')
if unasked=$(grep -vE '^(linux-vdso|(/.*/)?ld-linux-[a-z0-9_-]+|lib(c|m|gcc_s|stdc\+\+|atomic|pthread|rt|dl))\.so' <<<"$shared"); then
  fail "it loads" $unasked
fi
echo "consumer: builds, links, runs, and carries nothing that it did not ask for"
