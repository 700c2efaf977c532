"""Draws the ratios as horizontal bars: with matplotlib, else gnuplot, else by itself."""

import os
import shutil
import struct
import subprocess
import tempfile
import zlib

import bitmap_font

_TITLE = "weft / Go (less is better; whisker: min and max of the pairs)"
_BAR, _SLOWER, _INK, _GREY = (66, 133, 180), (214, 106, 76), (30, 30, 30), (190, 190, 190)


def bars(rows):
    """[(label, ratio, low, high)], in the order of the table."""
    return [(f"{r.name} [{r.workers}]", r.ratio, r.low, r.high) for r in rows if r.ratio is not None]


def draw(path, rows):
    """Writes a PNG and returns what drew it."""
    for name, with_tool in (("matplotlib", _matplotlib), ("gnuplot", _gnuplot)):
        if with_tool(path, bars(rows)):
            return name
    with open(path, "wb") as file:
        file.write(own_png(bars(rows)))
    return "the built-in bars (apt install python3-matplotlib makes it prettier)"


def _matplotlib(path, data):
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    labels, ratios, lows, highs = zip(*data) if data else ((), (), (), ())
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * len(data)))
    axes.barh(labels, ratios, color=["tab:blue" if r <= 1 else "tab:red" for r in ratios],
              xerr=[[r - l for r, l in zip(ratios, lows)], [h - r for r, h in zip(ratios, highs)]], ecolor="0.4")
    axes.axvline(1, color="0.2", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel(_TITLE)
    figure.savefig(path, dpi=120, bbox_inches="tight", format="png")
    pyplot.close(figure)
    return True


def _gnuplot(path, data):
    if not data or not shutil.which("gnuplot"):
        return False
    script = [
        f"set terminal pngcairo size 900,{120 + 22 * len(data)}", "set output ARG1", f"set title '{_TITLE}'",
        "set style fill solid", "unset key", f"set yrange [{len(data) - 0.5}:-0.5]", "set xrange [0:*]",
        "set arrow from 1, graph 0 to 1, graph 1 nohead",
        "plot ARG2 using (0):1:(0):2:($1-0.4):($1+0.4):ytic(5) with boxxyerror, '' using 2:1:3:4 with xerrorbars pt 0",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        values, commands = os.path.join(scratch, "values"), os.path.join(scratch, "commands")
        with open(values, "w", encoding="ascii") as file:
            file.writelines(f'{i} {r} {l} {h} "{label}"\n' for i, (label, r, l, h) in enumerate(data))
        with open(commands, "w", encoding="ascii") as file:
            file.write("\n".join(script) + "\n")
        done = subprocess.run(["gnuplot", "-c", commands, os.path.abspath(path), values], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0 and os.path.exists(path)


class _Canvas:
    """An RGB picture."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self._pixels = bytearray(b"\xff" * (3 * width * height))

    def fill(self, left, top, right, bottom, colour):
        left, right = max(0, left), min(self.width, right)
        for y in range(max(0, top), min(self.height, bottom)):
            start = 3 * (y * self.width + left)
            self._pixels[start:start + 3 * max(0, right - left)] = bytes(colour) * max(0, right - left)

    def text(self, left, top, text, scale=2):
        for x, y in bitmap_font.dots(text):
            self.fill(left + x * scale, top + y * scale, left + (x + 1) * scale, top + (y + 1) * scale, _INK)

    def png(self):
        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        stride = 3 * self.width
        lines = b"".join(b"\0" + self._pixels[y * stride:(y + 1) * stride] for y in range(self.height))
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def own_png(data):
    """The same picture without any library."""
    character, line, margin, scale_width = 2 * bitmap_font.WIDTH, 24, 12, 560
    label_width = character * max((len(label) for label, *_ in data), default=0) + margin
    axis = max([1.0] + [high for *_, high in data]) * 1.05
    left = margin + label_width
    width = max(left + scale_width + 8 * character, 2 * margin + character * len(_TITLE))
    canvas = _Canvas(width, 2 * margin + line * (len(data) + 1))

    def x(ratio):
        return left + round(scale_width * ratio / axis)

    canvas.text(margin, margin, _TITLE)
    for index, (label, ratio, low, high) in enumerate(data, 1):
        top = margin + line * index
        canvas.text(margin, top + 2, label)
        canvas.fill(left, top, x(ratio), top + 18, _BAR if ratio <= 1 else _SLOWER)
        canvas.fill(x(low), top + 8, x(high) + 1, top + 10, _INK)
        canvas.text(left + scale_width + character, top + 2, f"{ratio:.2f}")
    canvas.fill(x(1.0), margin + line, x(1.0) + 2, margin + line * (len(data) + 1), _GREY)
    return canvas.png()
