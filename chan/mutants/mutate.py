"""Plants the bugs of mutants.txt into copies of chan's sources.

    mutate.py MUTANTS.txt OUT_DIR SOURCE...

Each copy behaves as its source does until a test sets `chan_mutants::planted` to one of the bugs. The sources
themselves know nothing of this. A bug whose place in the source is gone, or is no longer unique, is an error: then the
list has to follow the code.
"""

import os
import re
import sys

_PREFIX = "weft/chan/mutants/mutated/"


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
        chain = ["if (::weft::chan_mutants::Is(::weft::chan_mutants::k%s)) { %s } else" % bug for bug in bugs]
        return "%s { %s }" % (" ".join(chain), original)
    chain = ["::weft::chan_mutants::Is(::weft::chan_mutants::k%s) ? (%s) :" % bug for bug in bugs]
    return "(%s (%s))" % (" ".join(chain), original)


def mutate(path, text, mutants):
    """The text of a source with its bugs planted."""
    places = {}
    for name, source, parts, replacement in mutants:
        if source == os.path.basename(path):
            places.setdefault(find(path, text, name, parts), []).append((name, replacement))
    text = plant(text, places, 0, len(text))
    text = text.replace('#include "weft/chan/', '#include "' + _PREFIX)
    return '#include "%smutants.h"\n%s' % (_PREFIX, text)


def header(mutants):
    """The list as an enumeration."""
    names = list(dict.fromkeys(mutant[0] for mutant in mutants))
    return """#ifndef WEFT_CHAN_MUTANTS_MUTANTS_H_
#define WEFT_CHAN_MUTANTS_MUTANTS_H_

namespace weft::chan_mutants {

enum Mutant { kNone, %s, kEnd };

inline Mutant planted = kNone;
inline bool Is(Mutant mutant) { return planted == mutant; }

}  // namespace weft::chan_mutants

#endif  // WEFT_CHAN_MUTANTS_MUTANTS_H_
""" % ", ".join("k" + name for name in names)


def main(argv):
    with open(argv[1]) as f:
        mutants = parse(f.read())
    out_dir, sources = argv[2], argv[3:]
    unknown = {m[1] for m in mutants} - {os.path.basename(s) for s in sources}
    if unknown:
        sys.exit("mutants.txt: no such source: " + " ".join(sorted(unknown)))
    with open(os.path.join(out_dir, "mutants.h"), "w") as f:
        f.write(header(mutants))
    for path in sources:
        folder = "internal" if os.path.basename(os.path.dirname(path)) == "internal" else ""
        out = os.path.join(out_dir, folder, os.path.basename(path))
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(path) as f:
            text = f.read()
        with open(out, "w") as f:
            f.write(mutate(path, text, mutants))


main(sys.argv)
