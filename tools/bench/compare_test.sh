#!/bin/bash
set -euo pipefail
command -v python3 > /dev/null || { echo "python3 is needed: apt install python3" >&2; exit 1; }
cd "$TEST_SRCDIR/$TEST_WORKSPACE/tools/bench"
PYTHONDONTWRITEBYTECODE=1 exec python3 compare_test.py -v
