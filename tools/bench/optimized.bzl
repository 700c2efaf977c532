"""Programs built as with --config=bench, whatever the command line says: other figures would only mislead."""

def _opt_impl(_settings, _attr):
    return {
        "//command_line_option:compilation_mode": "opt",
        "//command_line_option:custom_malloc": "@mimalloc//:mimalloc",
    }

_opt = transition(
    implementation = _opt_impl,
    inputs = [],
    outputs = [
        "//command_line_option:compilation_mode",
        "//command_line_option:custom_malloc",
    ],
)

def _optimized_impl(ctx):
    links = []
    runfiles = ctx.runfiles()
    for program in ctx.attr.programs:
        info = program[DefaultInfo]
        link = ctx.actions.declare_file("%s/%s" % (ctx.label.name, program.label.name))
        ctx.actions.symlink(output = link, target_file = info.files_to_run.executable, is_executable = True)
        links.append(link)
        runfiles = runfiles.merge(info.default_runfiles)
    return [DefaultInfo(files = depset(links), runfiles = ctx.runfiles(files = links).merge(runfiles))]

optimized = rule(
    doc = "Links to optimized `programs`, by their names, in a directory named after this target.",
    implementation = _optimized_impl,
    attrs = {
        "programs": attr.label_list(cfg = _opt, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
