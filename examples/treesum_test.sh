#!/bin/bash
#
# treesum_test.sh TREESUM FILES: compares treesum with coreutils' sha256sum over a tree of FILES files and more with odd
# names, and checks its options, messages and exit statuses.

set -uo pipefail

treesum=$(readlink -f "$1")
readonly treesum files=$2
unset BUILD_WORKING_DIRECTORY
export LC_ALL=C TERM=xterm
# TSan sleeps for a second at each exit, unless told.
export TSAN_OPTIONS=${TSAN_OPTIONS:-}:atexit_sleep_ms=0
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/treesum.XXXXXX")
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1

failures=0
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  ((++failures))
}

# run STATUS ARGUMENT...: runs treesum; its output goes to ./out and ./err, and its exit status must be STATUS.
run() {
  local expected=$1 status=0
  shift
  "${prefix[@]}" "$treesum" "$@" >out 2>err </dev/null || status=$?
  ((status == expected)) || fail "treesum ${*@Q}: exit status $status, not $expected; stderr: $(<err)"
}
prefix=()

# same EXPECTED ACTUAL WHAT
same() {
  cmp -- "$1" "$2" >&2 || fail "$3: $(diff -a -- "$1" "$2" | head -n 4 | cut -c -300)"
}

silent() {
  [[ ! -s err ]] || fail "$1 wrote to stderr: $(head -c 300 err)"
}

says() {
  grep -qxF -- "$1" err || fail "stderr lacks '$1': $(head -c 300 err)"
}

# What treesum must print for the files below a directory.
sums() {
  find "$1" -type f -print0 | sort -z | xargs -0 -r sha256sum --
}

make_plain_files() {
  local i
  mkdir -p tree/plain/{0..19}/sub
  for ((i = 0; i < files; ++i)); do
    printf '%*s' $((i * 37 % 5000)) "$i" >"tree/plain/$((i % 20))/sub/file $i"
  done
}

make_odd_names() {
  local names=(
    ' ' ' lead' 'trail ' 'two words' '-n' '--help' '-' '*' '?' '[a]' '~' '$HOME' '$(false)' '`' \' '"' '#' '%s' '!' '&' ';' '|'
    '\' '\\' '\n' 'back\slash' $'new\nline' $'\n' $'return\r' $'\r\n' $'\\\n\r' $'tab\t' $'\e[31mred' $'bell\a' $'\x7f' $'\x01'
    'ünïcödé' '日本語' '🙂' $'e\u0301' $'broken\xff\xfe' $'\xc3' '...' '.hidden' '.a/.b' 'CON' 'a-b' 'a/x' 'a0' 'a.' 'a b/y'
    $'odd\ndir/\\/*' $'odd\rdir/-r/x' "$(printf '%0255d' 0)"
  )
  local name
  for name in "${names[@]}"; do
    name=tree/odd/$name
    mkdir -p -- "${name%/*}"
    printf 'content of %s' "$name" >"$name" || fail "cannot make $name"
  done
}

# Around the sizes in which files are read, and one large file.
make_sizes() {
  local size
  mkdir tree/sizes
  for size in 0 1 55 56 63 64 65 131071 131072 131073 262144 1048577; do
    yes "$size" | head -c "$size" >"tree/sizes/$size"
  done
  truncate -s 64M tree/sizes/large
  echo end >>tree/sizes/large
}

# Nothing of this is a regular file.
make_special_files() {
  mkdir -p tree/special/empty outside
  echo outside >outside/file
  ln -s ../sizes/64 tree/special/to_file
  ln -s ../../outside tree/special/to_directory
  ln -s .. tree/special/to_parent
  ln -s nowhere tree/special/dangling
  ln -s loop tree/special/loop
  mkfifo tree/special/fifo
  (cd tree/special && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die') ||
    echo 'no perl: no socket in the tree'
}

make_deep_directories() {
  local path=tree/deep i
  for ((i = 0; i < 400; ++i)); do path+=/$((i % 10)); done
  mkdir -p "$path"
  echo deep >"$path/file"
  echo halfway >"${path:0:400}/file"
}

test_tree() {
  local workers
  sums tree >expected
  (($(wc -l <expected) >= files)) || fail "only $(wc -l <expected) files to compare"
  for workers in 1 2 8; do
    run 0 --workers "$workers" tree
    same expected out "--workers $workers"
    silent "--workers $workers"
  done
  run 0 --workers=3 -- tree
  same expected out "--workers=3"
}

test_root_is_printed_as_given() {
  local root
  for root in tree/odd/ tree//odd ./tree/odd "$work/tree/odd" tree/special/../odd; do
    sums "$root" >expected
    run 0 "$root"
    same expected out "$root"
  done
  cd tree/odd || return
  sums . >"$work/expected"
  "$treesum" . >"$work/out" 2>"$work/err" || fail "treesum . failed"
  cd "$work" || return
  same expected out "."
  silent "."
  mv -- outside -outside
  sums ./-outside | sed 's,\./,,' >expected
  run 0 -- -outside
  same expected out "-- -outside"
  mv ./-outside outside
}

test_file_arguments() {
  local path
  for path in tree/sizes/64 tree/sizes/0 tree/special/to_file $'tree/odd/new\nline' $'tree/odd/\\\n\r' /dev/null; do
    sha256sum -- "$path" >expected
    run 0 "$path"
    same expected out "$path"
    silent "$path"
  done
}

test_linked_root_is_followed() {
  sums outside/ | sed 's,outside/,tree/special/to_directory/,' >expected
  run 0 tree/special/to_directory
  same expected out "a root that is a link"
}

test_empty_directory() {
  run 0 tree/special/empty
  [[ ! -s out ]] || fail "an empty directory: $(<out)"
  silent "an empty directory"
}

# sha256sum cannot open such a path.
test_path_longer_than_the_kernel_takes() {
  local name sum path=long i
  name=$(printf '%0250d' 0)
  mkdir long
  pushd long >/dev/null || return
  for ((i = 0; i < 20; ++i)); do
    mkdir "$name"
    cd -P "./$name" 2>/dev/null || return
    path+=/$name
  done
  echo far >file
  sum=$(sha256sum <file)
  popd >/dev/null || return
  printf '%s  %s\n' "${sum%% *}" "$path/file" >expected
  run 0 long
  same expected out "a path of 5000 bytes"
  silent "a path of 5000 bytes"
}

test_build_working_directory() {
  sums tree/sizes >expected
  (cd / && BUILD_WORKING_DIRECTORY=$work "$treesum" tree/sizes) >out 2>err || fail "under bazel run: $(<err)"
  same expected out "under bazel run"
}

test_usage() {
  local arguments
  for arguments in '' --workers '--workers 0 tree' '--workers -1 tree' '--workers many tree' '--workers 4x tree' '--workers= tree' \
    '--workers 99999999999999999999 tree' '--workers 1025 tree' '--workers 2' '--nope tree' '-w tree' 'tree tree'; do
    # shellcheck disable=SC2086  # words
    run 2 $arguments
    [[ ! -s out ]] || fail "treesum $arguments wrote to stdout"
    grep -q '^treesum: ' err || fail "treesum $arguments: no message"
    grep -q '^Usage: treesum' err || fail "treesum $arguments: no usage"
  done
  run 2 --workers '' tree
  run 0 --help
  grep -q '^Usage: treesum' out || fail "--help: $(<out)"
  silent "--help"
}

test_missing_root() {
  run 1 nowhere
  says 'treesum: nowhere: No such file or directory'
  [[ $(wc -l <err) == 1 && ! -s out ]] || fail "a missing root: $(<err)"
  run 1 ''
  run 1 tree/special/dangling
  says 'treesum: tree/special/dangling: No such file or directory'
  run 1 tree/sizes/64/
  says 'treesum: tree/sizes/64/: Not a directory'
  run 1 $'no\nwhere\\'
  says 'treesum: no\nwhere\\: No such file or directory'
}

test_read_error() {
  run 1 /proc/self/mem
  says 'treesum: /proc/self/mem: Input/output error'
  [[ ! -s out ]] || fail "a sum in spite of a read error: $(<out)"
}

# Where permission bits do not hold, because this is root, they do without these two capabilities.
test_unreadable_files_are_told_and_the_rest_is_done() {
  mkdir -p locked/{a,b,c}
  echo 1 | tee locked/a/file locked/b/file locked/c/file locked/c/secret >/dev/null
  sums locked | grep -v -e /b/ -e secret >expected
  chmod 0 locked/b locked/c/secret
  if cat locked/c/secret >/dev/null 2>&1; then
    prefix=(setpriv --bounding-set '-dac_override,-dac_read_search')
    if ! "${prefix[@]}" true 2>/dev/null || "${prefix[@]}" cat locked/c/secret >/dev/null 2>&1; then
      echo 'permission bits do not hold here: unreadable files are not tested'
      prefix=()
      return
    fi
  fi
  run 1 locked
  same expected out "what can be read"
  says 'treesum: locked/b: Permission denied'
  says 'treesum: locked/c/secret: Permission denied'
  [[ $(wc -l <err) == 2 ]] || fail "too many messages: $(<err)"
  run 1 locked/c/secret
  says 'treesum: locked/c/secret: Permission denied'
  run 1 locked/b
  says 'treesum: locked/b: Permission denied'
  prefix=()
}

# write_error MESSAGE: treesum's output goes to descriptor 4, which cannot be written.
write_error() {
  local status=0
  "$treesum" tree 2>err >&4 || status=$?
  ((status == 1)) || fail "$1: exit status $status"
  says "treesum: write error: $1"
  [[ $(wc -l <err) == 1 ]] || fail "$1: said more than once"
}

test_write_errors() {
  exec 4>/dev/full
  write_error 'No space left on device'
  mkfifo pipe
  exec 3<>pipe 4>pipe 3<&- # nobody reads
  write_error 'Broken pipe'
  exec 4<pipe.in
  write_error 'Bad file descriptor'
  exec 4>&-
  "$treesum" tree >&- 2>err && fail "a closed stdout is no error"
  says 'treesum: write error: Bad file descriptor'
  "$treesum" --help >/dev/full 2>err && fail "--help to a full disk is no error"
  says 'treesum: write error: No space left on device'
}

test_interrupt() {
  local status=0
  mkfifo silence
  exec 5<>silence
  timeout --preserve-status -s INT 0.3 "$treesum" silence >out 2>err </dev/null || status=$?
  ((status == 130)) || fail "interrupted: exit status $status"
  exec 5>&-
}

test_bar_on_a_terminal_only() {
  mkdir bar
  truncate -s 512M bar/large
  echo small >bar/small
  # The sum of 512 MiB of zeros, which sha256sum would need seconds for.
  echo '9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767  bar/large' >expected
  sha256sum bar/small >>expected
  run 0 bar
  same expected out "without a bar"
  silent "without a terminal"
  if ! script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    echo 'no script(1): the bar is not tested'
    return
  fi
  script -qec "${treesum@Q} bar >out; echo status \$?" /dev/null >terminal 2>&1 </dev/null
  same expected out "with a bar"
  grep -qF '/2 files, ' terminal || fail "no bar on a terminal: $(cat -v terminal | cut -c -300)"
  tr '\r' '\n' <terminal | grep -qE '\[[#.]+\] [01]/2 files, [0-9.]+ [KMGi]*B$' || fail "odd bar: $(cat -v terminal | cut -c -300)"
  [[ $(tail -n 1 terminal) == *$'\r\e[Kstatus 0'* ]] || fail "the bar is left behind: $(tail -c 100 terminal | cat -v)"

  # Lines and bar on the same terminal: each line stands alone.
  script -qec "${treesum@Q} bar" /dev/null 2>&1 </dev/null | sed -e 's/.*\x1b\[K//' -e 's/\r$//' >out
  grep -v '^$' out >terminal
  same expected terminal "lines beside a bar"
}

mkdir tree
echo nothing >pipe.in
make_plain_files
make_odd_names
make_sizes
make_special_files
make_deep_directories
for test in $(compgen -A function test_); do
  start=${EPOCHREALTIME/./}
  "$test"
  printf '%-60s %5d ms\n' "$test" $(((${EPOCHREALTIME/./} - start) / 1000))
done
printf '%d failures\n' "$failures"
((failures == 0))
