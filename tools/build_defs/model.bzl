"""Tests under the model explorer (//sched/testing:model)."""

load("//tools/build_defs:weft.bzl", "weft_cc_library", "weft_cc_test")

_MODEL = Label("//sched/testing:model")
_RACE = Label("//sched/internal:race")
_MODEL_EXPECT = Label("//sched/testing:model_expect")

# The code under test takes headers such as sched/park.h without the library that implements them.
_FEATURES = ["-layering_check"]

# SpinLock by its contract, ahead of the real header.
_SPIN_LOCK = Label("//sched/testing:model_spin_lock")
_SPIN_LOCK_COPTS = ["-include", "weft/sched/testing/model_spin_lock.h"]

# Tests that prove other tests, by code with bugs in it. One configuration is enough for that.
MUTANT_TAGS = [
    "mutant",
    "no-asan",
    "no-ubsan",
]

def weft_cc_model_test(
        name,
        srcs,
        code = [],
        hdrs = [],
        deps = [],
        spin_lock_by_contract = True,
        size = "small",
        tags = [],
        features = [],
        copts = [],
        **kwargs):
    """A GoogleTest program of code that is compiled for the model explorer.

    Depending on the explorer defines WEFT_MODEL. A library that has been compiled without it must not be linked in: it
    would bring std::atomic, and the real Park(). So `deps` are header-only, and the rest is compiled here.

    Args:
      name: of the test.
      srcs: the test.
      code: the .cc files under test.
      hdrs: the headers under test whose targets have .cc files; included as "weft/FOLDER/x.h".
      deps: header-only libraries, and libraries without weft's atomics.
      spin_lock_by_contract: SpinLock waits without spinning, which leaves much less to explore. The real one has been
        proven against the same contract.
      size: as of any test.
      tags: besides "model".
      features: as of any test.
      copts: of the test and of `code`.
      **kwargs: as of any test.
    """
    if spin_lock_by_contract:
        copts = _SPIN_LOCK_COPTS + copts
        deps = deps + [_SPIN_LOCK]
    if code or hdrs:
        weft_cc_library(
            name = name + "_code",
            testonly = True,
            srcs = code,
            hdrs = hdrs,
            copts = copts,
            split_stack = False,
            features = features + _FEATURES,
            tags = tags + ["model"],
            visibility = ["//visibility:private"],
            deps = deps + [
                _MODEL,
                _RACE,
            ],
        )
        deps = deps + [name + "_code"]
    weft_cc_test(
        name = name,
        size = size,
        srcs = srcs,
        copts = copts,
        split_stack = False,  # the explorer brings stacks of its own
        features = features + _FEATURES,
        # The explorer runs everything on one thread, where ThreadSanitizer has nothing to find.
        tags = tags + [
            "model",
            "no-tsan",
        ],
        deps = deps + [
            _MODEL,
            _MODEL_EXPECT,
            _RACE,
        ],
        **kwargs
    )
