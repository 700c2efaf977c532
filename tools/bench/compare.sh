#!/bin/bash
# Starts compare.py from the runfiles, where the benchmark programs stand beside it.
set -euo pipefail
command -v python3 > /dev/null || { echo "compare: python3 is needed: apt install python3" >&2; exit 1; }
scripts=("${RUNFILES_DIR:-$0.runfiles}"/*/tools/bench/compare.py)
PYTHONDONTWRITEBYTECODE=1 exec python3 "${scripts[0]}" "$@"
