"""Proof that the model tests look where they should: the same tests over code with a bug in it must fail."""

load("//tools/build_defs:model.bzl", "MUTANT_TAGS", "weft_cc_model_test")

def weft_cc_mutant_test(name, test, mutate, replace, by, finds, code = [], hdrs = [], deps = [], size = "medium", **kwargs):
    """Runs a model test over code in which one place has been changed, and expects it to fail.

    Args:
      name: of the test.
      test: the source of the model test.
      mutate: the label of the file to change; one of `code` or `hdrs`, or a header of `deps`.
      replace: what is in the file, exactly once. Blanks stand for any white space.
      by: what to put in its place.
      finds: words of the failure that is expected.
      code: as of the model test.
      hdrs: as of the model test.
      deps: as of the model test.
      size: as of the model test.
      **kwargs: as of the model test.
    """
    header = mutate.endswith(".h")
    mutant = name + (".mutant.h" if header else ".mutant.cc")
    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [mutate],
        outs = [mutant],
        cmd = "$(location //sync/testing:mutate.sh) '%s' '%s' < $< > $@" % (replace, by),
        tools = ["//sync/testing:mutate.sh"],
        visibility = ["//visibility:private"],
    )

    # A mutated header comes first and takes the place of the real one, whose include guard it has.
    weft_cc_model_test(
        name = name,
        size = size,
        srcs = [test, "//sync/testing:mutant_main.cc"],
        hdrs = hdrs + ([mutant] if header else []),
        code = [c if c != mutate else mutant for c in code],
        deps = deps,
        # What is broken may look so, too.
        copts = ["-w"] + (["-include", "weft/%s/%s" % (native.package_name(), mutant)] if header else []),
        gtest_main = False,
        args = ["'%s'" % finds],
        tags = MUTANT_TAGS,
        **kwargs
    )
