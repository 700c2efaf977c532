"""Finds the newest Go, and builds its benchmarks once into a cache."""

import glob
import hashlib
import os
import re
import shutil
import subprocess

NEWEST = "go1.27.3"


def version_key(text):
    """(1, 27, 3) of "go version go1.27.3 linux/amd64"; None if there is no version in it. A release beats its rc."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?(rc|beta)?", text)
    if not match:
        return None
    major, minor, patch, early = match.groups()
    return int(major), int(minor), -1 if early else int(patch or 0)


def candidates(path=None):
    """(go binary, GOTOOLCHAIN) in the order of preference among equals."""
    binaries = []
    for binary in (shutil.which("go", path=path), "/usr/local/go/bin/go"):
        if binary and os.access(binary, os.X_OK) and binary not in binaries:
            binaries.append(binary)
    found = [(binary, NEWEST) for binary in binaries] + [(binary, "local") for binary in binaries]
    return found + [(binary, "local") for binary in sorted(glob.glob("/usr/lib/go-*/bin/go"), reverse=True)]


def _environment(toolchain):
    # GOFLAGS, a workspace file or a vendored module of the caller's must not reach into this build.
    return {**os.environ, "GOTOOLCHAIN": toolchain, "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on"}


class Go:
    """A Go installation, and the test binaries that it built."""

    def __init__(self, binary, toolchain, version, cache):
        self.binary, self.toolchain, self.version = binary, toolchain, version
        self._cache = os.path.join(cache, version.replace("go version ", "").replace(" ", "-").replace("/", "-"))
        self._goroot = None

    def __str__(self):
        return f"{self.version} ({self.binary}, GOTOOLCHAIN={self.toolchain})"

    def _run(self, *args, cwd=None):
        done = subprocess.run([self.binary, *args], cwd=cwd, env=_environment(self.toolchain), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"go {' '.join(args)}: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()

    def directory(self, package):
        """Where the benchmarks of one of Go's own packages must run, as under `go test`."""
        if self._goroot is None:
            self._goroot = self._run("env", "GOROOT")
        return os.path.join(self._goroot, "src", package)

    def standard(self, package):
        """The test binary of one of Go's own packages."""
        return self._build(package.replace("/", "_"), package, None)

    def program(self, source):
        """The test binary of the Go programs in the directory `source`."""
        files = sorted(f for f in os.listdir(source) if f.endswith(".go") or f in ("go.mod", "go.sum"))
        digest = hashlib.sha256()
        for name in files:
            with open(os.path.join(source, name), "rb") as file:
                digest.update(name.encode() + b"\0" + file.read())
        # Copied, because go does not follow the symlinks that runfiles are made of.
        copy = os.path.join(self._cache, "src-" + digest.hexdigest()[:16])
        os.makedirs(copy, exist_ok=True)
        for name in files:
            shutil.copyfile(os.path.join(source, name), os.path.join(copy, name))
        return self._build("weft-" + digest.hexdigest()[:16], ".", copy)

    def _build(self, name, package, cwd):
        binary = os.path.join(self._cache, name + ".test")
        if not os.path.exists(binary):
            os.makedirs(self._cache, exist_ok=True)
            # Renamed when complete, so that an interrupted build leaves nothing that looks ready.
            unfinished = f"{binary}.{os.getpid()}"
            self._run("test", "-c", "-o", unfinished, package, cwd=cwd or self._cache)
            os.replace(unfinished, binary)
        return binary


def find(cache, path=None, only=None):
    """The newest Go that runs, or None. `only`: this binary, as it is."""
    best = None
    for binary, toolchain in ([(only, "local")] if only else candidates(path)):
        try:
            done = subprocess.run([binary, "version"], env=_environment(toolchain), text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False, timeout=180)
        except (OSError, subprocess.TimeoutExpired):
            continue
        key = version_key(done.stdout) if done.returncode == 0 else None
        if key and (best is None or key > best[0]):
            best = key, Go(binary, toolchain, done.stdout.strip(), cache)
    return best[1] if best else None


def default_cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "weft-bench")
