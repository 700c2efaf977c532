"""libbacktrace, which a gcc has beside its own libraries; without it an empty library, and reports without lines.

clang looks for libraries in gcc's directory, too, but not for headers. So this is a library without headers:
sched/internal/source_line.cc declares what it calls as weak symbols, and finds at run time whether they are there.
"""

# Weak references alone take nothing out of an archive.
_CALLED = ["backtrace_create_state", "backtrace_pcinfo", "backtrace_syminfo"]

def _libbacktrace_impl(rctx):
    compiler = rctx.os.environ.get("CC") or "gcc"
    answer = rctx.execute([compiler, "-print-file-name=libbacktrace.a"])

    # The bare name: it has none.
    found = answer.return_code == 0 and answer.stdout.startswith("/")
    linkopts = ["-Wl,-u," + name for name in _CALLED] + ["-lbacktrace"] if found else []
    rctx.file("WORKSPACE", 'workspace(name = "%s")\n' % rctx.name)
    rctx.file(
        "BUILD.bazel",
        'load("@rules_cc//cc:cc_library.bzl", "cc_library")\n\n' +
        'package(default_visibility = ["//visibility:public"])\n\n' +
        'cc_library(name = "libbacktrace", linkopts = %r)\n' % linkopts,
    )

libbacktrace = repository_rule(implementation = _libbacktrace_impl, environ = ["CC"], local = True)
