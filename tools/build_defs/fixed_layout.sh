#!/bin/bash
# Runs a program without address space randomization where the system allows that: the sanitizers of gcc 12 do not find
# their place on kernels that randomize 32 bits (vm.mmap_rnd_bits).
if setarch --addr-no-randomize true 2>/dev/null; then
  exec setarch --addr-no-randomize "$@"
fi
exec "$@"
