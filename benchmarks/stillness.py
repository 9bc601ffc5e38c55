"""How still a still face stays: measures noise jitter, and draws docs/images/stillness.svg.

    python -m benchmarks.stillness measure FOLDER
    python -m benchmarks.stillness draw FOLDER

``measure`` fetches the photographs (see ``benchmarks.photographs``) into FOLDER/photographs and writes a report of
``sdkgen eval`` for each detector and width: half an hour on two processors. ``draw`` makes the figure of those 1280
pixels wide, for a standard deviation of 4, beside the jitter in Table 3 of the BlazeFace paper.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import photographs
from sdkgen import resources
from sdkgen.files import whole_file
from sdkgen.spec.published import published

MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range")
WIDTHS = (640, 1280, 1920)
DRAWN_WIDTH, DRAWN_SIGMA = 1280, "4.0"
WAYS = (("plain NMS", "point", "hard"), ("blending", "point", "blend"), ("blending, area", "area", "blend"))

_COLOURS = ("#b0b7c3", "#6d8fc7", "#1f5fbf", "#c9a27a")
_UNIT, _ROW, _LEFT = 70, 24, 250


def measure(folder: Path) -> None:
    """Write ``MODEL-WIDTH.json`` of each detector and width to ``folder``."""
    pictures = folder / "photographs"
    if not pictures.exists():
        photographs.fetch(pictures)
    for width in WIDTHS:
        for model in MODELS:
            options = ["--model", model, "--views", "0", "--noise", "2,4,8", "--width", str(width), "--json"]
            command = [sys.executable, "-m", "sdkgen", "eval", "--data", str(pictures), *options]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            with whole_file(folder / f"{model}-{width}.json") as work:
                work.write_text(done.stdout)


def draw(folder: Path, target: Path) -> None:
    """Write the figure as SVG."""
    rows: list[tuple[str, str, float, tuple[float, float] | None, str]] = []
    for model in MODELS:
        noise = json.loads((folder / f"{model}-{DRAWN_WIDTH}.json").read_text())["noise"]["by_sigma"][DRAWN_SIGMA]
        for colour, (name, sampling, mode) in zip(_COLOURS, WAYS, strict=False):
            found: dict[str, Any] = noise[sampling][mode]
            rows.append((model, name, found["value"] * 100, (found["low"] * 100, found["high"] * 100), colour))
    (table,) = (one for one in published() if one.name == "blazeface-paper-table3")
    shown = [figure for figure in table.accuracy if figure.metric == "jitter"]
    rows += [("the paper, shifts", figure.network, figure.per_cent, None, _COLOURS[-1]) for figure in shown]
    height = _ROW * len(rows) + 16 * len({row[0] for row in rows}) + 70
    with whole_file(target) as work:
        work.write_text("\n".join(_lines(rows, height)) + "\n", encoding="utf-8")


def _lines(rows: list[tuple[str, str, float, tuple[float, float] | None, str]], height: int) -> list[str]:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {height}" font-family="system-ui, sans-serif"'
        ' font-size="13" fill="#555">',
        "<title>Jitter of keypoints, per cent of the distance of the eyes</title>",
        f'<rect width="820" height="{height}" fill="#fff"/>',
        '<text x="12" y="22" font-weight="bold">Jitter of keypoints, % of the distance of the eyes</text>',
    ]
    y, before = 30, ""
    for group, name, value, interval, colour in rows:
        if group != before:
            y, before = y + 16, group
            lines.append(f'<text x="12" y="{y + 15}" font-weight="bold">{group.removeprefix("blazeface-")}</text>')
        lines.append(f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{name}</text>')
        width = value * _UNIT
        lines.append(f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 8}" fill="{colour}"/>')
        end = width
        if interval is not None:
            low, high = (_LEFT + side * _UNIT for side in interval)
            end = max(width, interval[1] * _UNIT)
            middle = y + 3 + (_ROW - 8) / 2
            lines.append(f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#333" stroke-width="1.5"/>')
        lines.append(f'<text x="{_LEFT + end + 8:.1f}" y="{y + 15}">{value:.2f}</text>')
        y += _ROW
    note = "Noise of 4 steps of a byte, photographs 1280 wide, with 95 % intervals; the paper, Table 3: shifted copies."
    return [*lines, f'<text x="12" y="{height - 12}" font-size="12">{note}</text>', "</svg>"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", folder]:
            measure(Path(folder))
        case ["draw", folder]:
            draw(Path(folder), resources.path("docs") / "images" / "stillness.svg")
        case _:
            sys.exit(__doc__)
