"""Plants bugs into copies of sources.

    mutate.py PACKAGE MUTANTS.txt OUT_DIR SOURCE...

PACKAGE is that of the build file, whose outputs are below OUT_DIR. Each copy behaves as its source does until a test
sets `planted`, of the namespace weft::X_mutants where X is the first part of PACKAGE, to one of the bugs. The sources
themselves know nothing of this. A bug whose place in the source is gone, or is no longer unique, is an error: then the
list has to follow the code.
"""

import os
import re
import sys


def parse(text):
    """[(name, file, (before, original, after), replacement)], in the order of the list."""
    mutants = []
    for block in re.split(r"^== ", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        name, source = head.split()
        place, separator, replacement = body.partition("--\n")
        parts = re.split(r"@\{|\}@", place.strip("\n"))
        if not separator or len(parts) != 3:
            sys.exit("mutants.txt: %s: what is replaced stands in @{}@, then comes a line of --" % name)
        mutants.append((name, source, parts, replacement.strip()))
    return mutants


def find(path, text, name, parts):
    """Where in the text the original stands, as (start, end)."""
    whole = "".join(parts)
    if text.count(whole) != 1:
        sys.exit("mutants.txt: %s: found %d times in %s:\n%s" % (name, text.count(whole), path, whole))
    start = text.index(whole) + len(parts[0])
    return start, start + len(parts[1])


def plant(text, places, start, end):
    """text[start:end] with the bugs of the places inside it."""
    out = ""
    # Of places one in the other the outer comes first.
    for inner in sorted((p for p in places if start <= p[0] and p[1] <= end), key=lambda p: (p[0], -p[1])):
        if inner[0] < start:
            continue
        rest = {p: bugs for p, bugs in places.items() if p != inner}
        out += text[start : inner[0]] + choose(plant(text, rest, *inner), places[inner])
        start = inner[1]
    return out + text[start:end]


def choose(original, bugs):
    """The original, or the replacement of the bug that is planted. Statements end with ; or }."""
    if original[-1] in ";}":
        chain = ["if (@NAMESPACE@::Is(@NAMESPACE@::k%s)) { %s } else" % bug for bug in bugs]
        return "%s { %s }" % (" ".join(chain), original)
    chain = ["@NAMESPACE@::Is(@NAMESPACE@::k%s) ? (%s) :" % bug for bug in bugs]
    return "(%s (%s))" % (" ".join(chain), original)


def mutate(path, text, mutants, namespace):
    """The text of a source with its bugs planted."""
    places = {}
    for name, source, parts, replacement in mutants:
        if source == os.path.basename(path):
            places.setdefault(find(path, text, name, parts), []).append((name, replacement))
    return plant(text, places, 0, len(text)).replace("@NAMESPACE@", "::weft::" + namespace)


def header(mutants, namespace):
    """The list as an enumeration."""
    names = list(dict.fromkeys(mutant[0] for mutant in mutants))
    return """#ifndef WEFT_MUTANTS_H_
#define WEFT_MUTANTS_H_

namespace weft::%s {

enum Mutant { kNone, %s, kEnd };

inline Mutant planted = kNone;
inline bool Is(Mutant mutant) { return planted == mutant; }

}  // namespace weft::%s

#endif  // WEFT_MUTANTS_H_
""" % (namespace, ", ".join("k" + name for name in names), namespace)


def copy_of(path):
    """Where the copy of a source is, below OUT_DIR."""
    folder, name = os.path.split(path)
    return os.path.join("internal", name) if os.path.basename(folder) == "internal" else name


def main(argv):
    package, (list_of_mutants, out_dir), sources = argv[1], argv[2:4], argv[4:]
    namespace = package.split("/")[0] + "_mutants"
    prefix = "weft/%s/%s/" % (package, os.path.basename(out_dir))
    with open(list_of_mutants) as f:
        mutants = parse(f.read())
    unknown = {m[1] for m in mutants} - {os.path.basename(s) for s in sources}
    if unknown:
        sys.exit("mutants.txt: no such source: " + " ".join(sorted(unknown)))
    with open(os.path.join(out_dir, "mutants.h"), "w") as f:
        f.write(header(mutants, namespace))
    copies = {path: copy_of(path) for path in sources}
    for path, copy in copies.items():
        out = os.path.join(out_dir, copy)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(path) as f:
            text = mutate(path, f.read(), mutants, namespace)
        for other in sources:
            text = text.replace('#include "weft/%s"' % other, '#include "%s%s"' % (prefix, copies[other]))
        with open(out, "w") as f:
            f.write('#include "%smutants.h"\n%s' % (prefix, text))


main(sys.argv)
