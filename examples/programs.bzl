"""Programs whose test is what they print: see programs_test.sh for what a source says about that."""

load("@rules_shell//shell:sh_test.bzl", "sh_test")
load("//tools/build_defs:weft.bzl", "weft_cc_binary")

def example_programs(programs, name = "examples_test"):
    """A binary for each program, given as {name: deps}, and one test of all of them."""
    for program, deps in programs.items():
        weft_cc_binary(
            name = program,
            srcs = [program + ".cc"],
            deps = deps + ["//sched:main"],
        )
    sh_test(
        name = name,
        size = "small",
        srcs = ["//examples:programs_test.sh"],
        args = [arg for p in programs for arg in ["$(location :%s)" % p, "$(location %s.cc)" % p]],
        data = [":" + p for p in programs] + [p + ".cc" for p in programs],
    )
