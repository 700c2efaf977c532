"""For Bazel 7 and newer: the repositories that are no modules."""

load(":libbacktrace.bzl", "libbacktrace")

def _compiler_libraries_impl(_):
    libbacktrace(name = "libbacktrace")

compiler_libraries = module_extension(implementation = _compiler_libraries_impl)
