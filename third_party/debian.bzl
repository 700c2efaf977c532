"""The external repositories of a build without network, from Debian's packages.

Every name, and every target in it, is spelled as in the Bazel Central Registry, so BUILD files read the same with
WORKSPACE (here) and with MODULE.bazel. third_party/README.md says which versions and why.
"""

load(":libbacktrace.bzl", "libbacktrace")

_BUILD = 'package(default_visibility = ["//visibility:public"])\n\n'
_CC_LIBRARY = 'load("@rules_cc//cc:cc_library.bzl", "cc_library")\n\n'

# Stub rule sets: Bazel 4 knows these rules natively, and Debian's own rules_cc does not load there.

_NATIVE_RULES = {
    "cc": [
        "cc_binary",
        "cc_import",
        "cc_library",
        "cc_proto_library",
        "cc_shared_library",
        "cc_test",
        "cc_toolchain",
        "cc_toolchain_suite",
        "fdo_prefetch_hints",
        "fdo_profile",
        "objc_import",
        "objc_library",
    ],
    "python": ["py_binary", "py_library", "py_runtime", "py_test"],
    "shell": ["sh_binary", "sh_library", "sh_test"],
}

def _native_rules_impl(rctx):
    kind = rctx.attr.kind
    rules = [r for r in _NATIVE_RULES[kind] if hasattr(native, r)]
    rctx.file("WORKSPACE", 'workspace(name = "%s")\n' % rctx.name)
    rctx.file("BUILD.bazel", "")
    rctx.file(kind + "/BUILD.bazel", _BUILD)
    for rule in rules:
        rctx.file("%s/%s.bzl" % (kind, rule), "%s = native.%s\n" % (rule, rule))
    rctx.file(kind + "/defs.bzl", "".join(["%s = native.%s\n" % (r, r) for r in rules]))

_native_rules = repository_rule(
    implementation = _native_rules_impl,
    attrs = {"kind": attr.string(mandatory = True)},
)

def _files_impl(rctx):
    rctx.file("WORKSPACE", 'workspace(name = "%s")\n' % rctx.name)
    for path, content in rctx.attr.files.items():
        rctx.file(path, content)

_files = repository_rule(
    implementation = _files_impl,
    attrs = {"files": attr.string_dict()},
)

# Abseil: one library per pkg-config file, and Bazel's names for them.

_ABSEIL = {
    "algorithm": ["algorithm", "container=algorithm_container"],
    "base": [
        "base",
        "config",
        "core_headers",
        "dynamic_annotations",
        "endian",
        "log_severity",
        "no_destructor",
        "nullability",
        "prefetch",
    ],
    "cleanup": ["cleanup"],
    "container": [
        "btree",
        "fixed_array",
        "flat_hash_map",
        "flat_hash_set",
        "hash_container_defaults",
        "inlined_vector",
        "node_hash_map",
        "node_hash_set",
    ],
    "debugging": ["debugging", "failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "flags": ["commandlineflag=flags_commandlineflag", "config=flags_config", "flag=flags", "marshalling=flags_marshalling", "parse=flags_parse", "reflection=flags_reflection", "usage=flags_usage"],
    "functional": ["any_invocable", "bind_front", "function_ref", "overload"],
    "hash": ["hash"],
    "log": ["absl_check", "absl_log", "check", "flags=log_flags", "globals=log_globals", "initialize=log_initialize", "log", "log_entry", "log_sink", "log_sink_registry"],
    "memory": ["memory"],
    "meta": ["type_traits"],
    "numeric": ["bits", "int128"],
    "random": ["bit_gen_ref=random_bit_gen_ref", "distributions=random_distributions", "random=random_random", "seed_gen_exception=random_seed_gen_exception", "seed_sequences=random_seed_sequences"],
    "status": ["status", "statusor"],
    "strings": ["cord", "has_ostream_operator", "str_format", "string_view", "strings"],
    "synchronization": ["synchronization"],
    "time": ["time"],
    "types": ["any", "bad_any_cast", "bad_optional_access", "bad_variant_access", "compare", "optional", "span", "variant"],
    "utility": ["utility"],
}

def _field(pc, name):
    for line in pc.splitlines():
        if line.startswith(name + ":"):
            return line[len(name) + 1:].strip()
    return ""

def _pkgconfig_dir(rctx):
    for entry in rctx.path("/usr/lib").readdir():
        found = entry.get_child("pkgconfig").get_child("absl_base.pc")
        if found.exists:
            return found.dirname
    fail("Abseil is not installed: run ./bazelw, or apt-get install libabsl-dev")

def _abseil_impl(rctx):
    directory = _pkgconfig_dir(rctx)
    libdir = directory.dirname
    known = {}
    out = _CC_LIBRARY + _BUILD
    for entry in directory.readdir():
        if not entry.basename.startswith("absl_") or not entry.basename.endswith(".pc"):
            continue
        name = entry.basename[:-len(".pc")]
        known[name[len("absl_"):]] = True
        pc = rctx.read(entry)
        deps = [d.strip().split(" ")[0] for d in _field(pc, "Requires").split(",") if d.strip()]
        linkopts = []
        for flag in _field(pc, "Libs").split(" "):
            archive = "lib%s.a" % flag[2:]
            if flag.startswith("-l") and libdir.get_child(archive).exists:
                linkopts.append("-l:" + archive)
            elif flag.startswith("-l") or flag == "-pthread":
                linkopts.append(flag)
        out += "cc_library(name = %r, linkopts = %r, deps = %r)\n" % (name, linkopts, [":" + d for d in deps])
    rctx.file("WORKSPACE", 'workspace(name = "%s")\n' % rctx.name)
    rctx.file("BUILD.bazel", "")
    rctx.file("pkgconfig/BUILD.bazel", out)
    for package, targets in _ABSEIL.items():
        out = _BUILD
        for target in targets:
            name, _, pc = target.partition("=")
            pc = pc or name
            if pc in known:
                out += "alias(name = %r, actual = %r)\n" % (name, "//pkgconfig:absl_" + pc)
        rctx.file("absl/%s/BUILD.bazel" % package, out)

_abseil = repository_rule(implementation = _abseil_impl, local = True)

_GOOGLETEST = _CC_LIBRARY + _BUILD + """
cc_library(
    name = "gtest",
    srcs = [
        "googlemock/src/gmock-all.cc",
        "googletest/src/gtest-all.cc",
    ],
    hdrs = glob(["*/include/**/*.h"]),
    copts = ["-w"],
    includes = [
        "googlemock",
        "googlemock/include",
        "googletest",
        "googletest/include",
    ],
    linkopts = ["-pthread"],
    textual_hdrs = glob(
        ["*/src/*"],
        exclude = [
            "*/src/*-all.cc",
            "*/src/*_main.cc",
        ],
    ),
)

cc_library(
    name = "gtest_main",
    srcs = ["googlemock/src/gmock_main.cc"],
    copts = ["-w"],
    deps = [":gtest"],
)
"""

def _system_library(targets):
    """BUILD text of libraries whose headers are on the compiler's path: target -> (linkopts, deps)."""
    out = _CC_LIBRARY + _BUILD
    for name, (linkopts, deps) in targets.items():
        out += "cc_library(name = %r, linkopts = %r, deps = %r)\n" % (name, linkopts, deps)
    return {"BUILD.bazel": out}

def _maybe(rule, name, **kwargs):
    if name not in native.existing_rules():
        rule(name = name, **kwargs)

def weft_debian_dependencies():
    """Defines every external repository that weft's BUILD files name, unless the workspace already has it."""
    _maybe(_native_rules, "rules_cc", kind = "cc")
    _maybe(_native_rules, "rules_python", kind = "python")
    _maybe(_native_rules, "rules_shell", kind = "shell")
    _maybe(_files, "remote_coverage_tools", files = {
        "BUILD.bazel": _BUILD + 'sh_binary(name = "coverage_report_generator", srcs = ["none.sh"])\n',
        "none.sh": "#!/bin/sh\nexit 1\n",
    })
    _maybe(native.local_repository, "rules_java", path = "/usr/share/bazel/rules/java")
    _maybe(native.local_repository, "platforms", path = "/usr/share/bazel/tools/platforms")
    _maybe(native.local_repository, "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    _maybe(_abseil, "abseil-cpp")
    _maybe(libbacktrace, "libbacktrace")
    _maybe(native.new_local_repository, "googletest", path = "/usr/src/googletest", build_file_content = _GOOGLETEST)
    _maybe(_files, "google_benchmark", files = _system_library({
        "benchmark": (["-lbenchmark", "-pthread"], []),
        "benchmark_main": (["-lbenchmark_main"], [":benchmark"]),
    }))
    _maybe(_files, "mimalloc", files = _system_library({"mimalloc": (["-lmimalloc"], [])}))
    _maybe(_files, "openssl", files = _system_library({
        "crypto": (["-lcrypto"], []),
        "ssl": (["-lssl"], [":crypto"]),
    }))
    _maybe(_files, "zlib", files = _system_library({"zlib": (["-l:libz.a"], [])}))
