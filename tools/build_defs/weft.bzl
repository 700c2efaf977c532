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

_SEGMENTED_STACKS = str(Label("//tools/build_defs:segmented_stacks"))

# Segmented stacks (sched/DESIGN.md): prologues that can ask for more stack. The flag goes to the compiler only: on a
# linker's command line the compiler's driver would bring libgcc's __morestack. The macro tells weft::Go() that this
# code's fibers can begin small. For a target of your own with `--define=weft_stacks=segmented`.
WEFT_SPLIT_STACK_COPTS = select({
    _SEGMENTED_STACKS: [
        "-fsplit-stack",
        "-DWEFT_SPLIT_STACK",
    ],
    "//conditions:default": [],
})

# gold and lld send every function that calls a shared library through __morestack_non_split, which costs 2 to 5 ns a
# call and gives nothing that the reserve of our segments does not; bfd leaves them alone.
WEFT_SPLIT_STACK_LINKOPTS = select({
    _SEGMENTED_STACKS: ["-fuse-ld=bfd"],
    "//conditions:default": [],
})

_RACE = str(Label("//tools/build_defs:race"))

# The runtime's own code, which the race detector must not take for the program's (sched/internal/race.h).
_UNSEEN_COPTS = select({
    _RACE: ["-fno-sanitize=thread"],
    "//conditions:default": [],
})

# Tells all code that sees weft's atomics that the race detector is there.
WEFT_RACE_DEFINES = select({
    _RACE: ["WEFT_RACE"],
    "//conditions:default": [],
})

_GTEST = Label("@googletest//:gtest")
_GTEST_MAIN = Label("@googletest//:gtest_main")
_BENCHMARK = Label("@google_benchmark//:benchmark")
_BENCHMARK_MAIN = Label("@google_benchmark//:benchmark_main")

def _copts(copts, split_stack):
    return WEFT_COPTS + (WEFT_SPLIT_STACK_COPTS if split_stack else []) + copts

def weft_cc_library(name, copts = [], split_stack = True, unseen = False, **kwargs):
    """A library whose headers are included as "weft/FOLDER/header.h".

    Args:
      name: of the library.
      copts: besides weft's own.
      split_stack: False: never ask for more stack, nor be preempted, in prologues. For the runtime itself.
      unseen: True: what the sources do is not the program's to the race detector. For the runtime itself, and for
        primitives that say by themselves what they order.
      **kwargs: as of any library.
    """
    cc_library(
        name = name,
        copts = _copts(copts, split_stack) + (_UNSEEN_COPTS if unseen else []),
        include_prefix = "weft",
        strip_include_prefix = "/",
        **kwargs
    )

def weft_cc_binary(name, copts = [], linkopts = [], split_stack = True, **kwargs):
    """A program."""
    cc_binary(
        name = name,
        copts = _copts(copts, split_stack),
        linkopts = WEFT_SPLIT_STACK_LINKOPTS + linkopts,
        **kwargs
    )

def weft_cc_test(name, copts = [], linkopts = [], deps = [], gtest_main = True, split_stack = True, **kwargs):
    """A test with GoogleTest and its main; gtest_main = False if the test brings its own main."""
    cc_test(
        name = name,
        copts = _copts(copts, split_stack),
        linkopts = WEFT_SPLIT_STACK_LINKOPTS + linkopts,
        deps = deps + [_GTEST] + ([_GTEST_MAIN] if gtest_main else []),
        **kwargs
    )

def weft_cc_benchmark(
        name,
        copts = [],
        linkopts = [],
        deps = [],
        tags = [],
        benchmark_main = True,
        split_stack = True,
        **kwargs):
    """A program with Google Benchmark and its main; benchmark_main = False if it brings its own main."""
    cc_binary(
        name = name,
        testonly = True,
        copts = _copts(copts, split_stack),
        linkopts = WEFT_SPLIT_STACK_LINKOPTS + linkopts,
        tags = tags + ["benchmark"],
        deps = deps + [_BENCHMARK] + ([_BENCHMARK_MAIN] if benchmark_main else []),
        **kwargs
    )
