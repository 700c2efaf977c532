"""The table, the JSON file, and the lines above them that say where the figures come from."""

import json
import os
import platform
import re

_SCALES = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
_HEAD = ("benchmark", "workers", "unit", "weft", "Go", "ratio", "min–max", "runs", "thrown", "core ns")


def _scale(row):
    """The unit in which a row is shown, by its smaller figure."""
    if row.unit != "ns":
        return row.unit, 1.0
    smallest = min((v for v in (row.weft, row.go) if v is not None), default=0)
    return next(((unit, size) for unit, size in _SCALES if smallest >= 10 * size), ("ns", 1.0))


def figure(value):
    """About three digits: 0.556, 22.6, 340, 12450."""
    if value is None:
        return "-"
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.9995 else f"{value:.3f}"


def _ratio(value):
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def _cells(row):
    unit, size = _scale(row)
    return (row.name, str(row.workers), unit,
            *(figure(None if v is None else v / size) for v in (row.weft, row.go)),
            "-" if row.ratio is None else _ratio(row.ratio),
            "-" if row.ratio is None else f"{_ratio(row.low)}–{_ratio(row.high)}",
            str(row.runs), str(row.thrown_away), "-" if row.probe is None else f"{row.probe:.0f}")


def table(rows):
    lines = [_HEAD] + [_cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    # Names and units to the left, figures to the right.
    return "\n".join("  ".join(c.ljust(w) if i in (0, 2) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
                     .rstrip() for line in lines)


def write_json(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([row.json() for row in rows], file, indent=1)
        file.write("\n")


def cpu_model(path="/proc/cpuinfo"):
    try:
        with open(path, encoding="utf-8") as file:
            match = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.M)
    except OSError:
        match = None
    return match.group(1).strip() if match else platform.machine()


def circumstances(command, compiler, go, probe):
    """The lines that a reader needs in order to repeat the run."""
    count = os.cpu_count()
    near = "not measured" if probe is None else f"{probe:.0f} ns round trip at the start"
    return "\n".join((
        f"cpu       {cpu_model()}, {count} processor{'s' if count != 1 else ''}",
        f"kernel    {platform.system()} {platform.release()}",
        f"compiler  {compiler or 'unknown (no core_probe)'}",
        f"go        {go or 'none: ours alone'}",
        f"cores     {near}",
        f"command   {command}",
    ))
