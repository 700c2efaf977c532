"""weft's C++ rules: the plain rules with weft's compile options and include prefix, and nothing else."""

load("@rules_cc//cc:cc_binary.bzl", "cc_binary")
load("@rules_cc//cc:cc_library.bzl", "cc_library")
load("@rules_cc//cc:cc_test.bzl", "cc_test")

WEFT_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]

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
    """A GoogleTest program; with gtest_main = False it brings its own main."""
    cc_test(
        name = name,
        copts = WEFT_COPTS + copts,
        deps = deps + ["@googletest//:gtest_main" if gtest_main else "@googletest//:gtest"],
        **kwargs
    )

def weft_cc_benchmark(name, copts = [], deps = [], benchmark_main = True, tags = [], **kwargs):
    """A Google Benchmark program."""
    cc_binary(
        name = name,
        testonly = True,
        copts = WEFT_COPTS + copts,
        tags = tags + ["benchmark"],
        deps = deps + ["@google_benchmark//:benchmark_main" if benchmark_main else "@google_benchmark//:benchmark"],
        **kwargs
    )
