#!/bin/bash
# sieve_test.sh SIEVE N: the chain of N filters prints what a plain sieve finds, and bad arguments are refused.
set -euo pipefail

sieve=$1 n=$2

plain_sieve() {
  awk -v n="$1" 'BEGIN {
    for (i = 2; n > 0; ++i) {
      if (i in composite) continue
      print i
      --n
      for (j = i * i; j < 20000; j += i) composite[j]
    }
  }'
}

for count in 1 2 100 "$n"; do
  diff <(plain_sieve "$count") <("$sieve" "$count")
done
if ((n == 2000)); then
  diff <(plain_sieve "$n") <("$sieve")
fi

for arguments in 0 -1 many '2 3'; do
  status=0
  # shellcheck disable=SC2086  # words
  output=$("$sieve" $arguments 2>&1) || status=$?
  [[ $status == 2 && $output == Usage:* ]] || {
    echo "sieve $arguments: exit status $status, $output" >&2
    exit 1
  }
done
