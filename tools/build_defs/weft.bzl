"""weft's C++ rules: the plain rules with weft's compile options and include prefix, and nothing else.

With `strip_include_prefix = "/"` and `include_prefix = "weft"` the header FOLDER/x.h is "weft/FOLDER/x.h" to whoever
depends on its target, and nothing of weft is found without the prefix: a user's own sync/mutex.h stays theirs. The
prefix holds for `hdrs` only, so an internal header is one of `hdrs` too, in a target that few may see.
"""

load("@rules_cc//cc:cc_binary.bzl", "cc_binary")
load("@rules_cc//cc:cc_library.bzl", "cc_library")
load("@rules_cc//cc:cc_test.bzl", "cc_test")

# Frame pointers in every build, a consumer's too: parked fibers are walked by them. The language standard is the
# workspace's choice (.bazelrc), since Abseil must be compiled with the same one.
WEFT_COPTS = [
    "-Wall",
    "-Wextra",
    "-fno-omit-frame-pointer",
]

_GTEST = Label("@googletest//:gtest")
_GTEST_MAIN = Label("@googletest//:gtest_main")
_BENCHMARK = Label("@google_benchmark//:benchmark")
_BENCHMARK_MAIN = Label("@google_benchmark//:benchmark_main")

def weft_cc_library(name, copts = [], **kwargs):
    """A library whose headers are included as "weft/FOLDER/header.h"."""
    cc_library(
        name = name,
        copts = WEFT_COPTS + copts,
        include_prefix = "weft",
        strip_include_prefix = "/",
        **kwargs
    )

def weft_cc_binary(name, copts = [], **kwargs):
    """A program."""
    cc_binary(
        name = name,
        copts = WEFT_COPTS + copts,
        **kwargs
    )

def weft_cc_test(name, copts = [], deps = [], gtest_main = True, **kwargs):
    """A test with GoogleTest and its main; gtest_main = False if the test brings its own main."""
    cc_test(
        name = name,
        # Tests break the rules of locking on purpose. gcc does not know the warning and says nothing.
        copts = WEFT_COPTS + ["-Wno-thread-safety-analysis"] + copts,
        deps = deps + [_GTEST] + ([_GTEST_MAIN] if gtest_main else []),
        **kwargs
    )

def weft_cc_benchmark(name, copts = [], deps = [], tags = [], benchmark_main = True, **kwargs):
    """A program with Google Benchmark and its main; benchmark_main = False if it brings its own main."""
    cc_binary(
        name = name,
        testonly = True,
        copts = WEFT_COPTS + copts,
        tags = tags + ["benchmark"],
        deps = deps + [_BENCHMARK] + ([_BENCHMARK_MAIN] if benchmark_main else []),
        **kwargs
    )
