"""Times the Android library's own code on the JVM, beside a plain port, with JMH.

``python -m benchmarks.kotlin.run make`` renders the library for the front model and the landmark model and compiles it
with the benchmarks; ``… time [PATTERN]`` runs those whose names hold the regular expression, or all, and prints each
result with its budget. It needs a JDK and Maven, and a quiet machine: nine seconds a line. ``follow`` is for
``benchmarks.track``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdkgen import resources
from sdkgen.convert import convert
from sdkgen.render import kotlin
from sdkgen.render.kotlin_tests import PACKAGE
from sdkgen.spec.registry import LANDMARKER, load_model
from tests.kotlin.variants import context_of

HERE = Path(__file__).parent

BUDGETS = {
    ("Postprocessing", "4"): 20.0,
    ("Postprocessing", "50"): 60.0,
    ("Preprocessing", "YUV 1280 720 0"): 350.0,
    ("Preprocessing", "YUV 1280 720 90"): 350.0,
    ("Preprocessing", "RGBA 1280 720 0"): 350.0,
    ("Preprocessing", "YUV 1920 1080 0"): 800.0,
    ("Preprocessing", "RGBA 1920 1080 0"): 800.0,
    ("Preprocessing", "RGBA 4032 3024 0"): 8000.0,
    ("Cropping", "YUV 320"): 600.0,
    ("Cropping", "YUV 640"): 600.0,
    ("Cropping", "RGBA 320"): 600.0,
    ("Cropping", "RGBA 640"): 600.0,
}
"""The most microseconds a call of the library may take, by benchmark and parameter."""

PIXELS = ("nv12", "rgba")
"""What the crop is timed on in ``follow``."""

WARM_UP = 600
"""Frames until all is compiled."""

BYTES_A_CALL = 1000
"""The most bytes that such a call may allocate."""


def make() -> None:
    """Render and compile what is timed."""
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = tuple(convert(load_model(name), "tflite") for name in ("blazeface-front", LANDMARKER))
        kotlin.render(context_of(artifacts[0], "litert", PACKAGE, artifacts[1]), artifacts, Path(scratch))
        sources = Path(scratch) / kotlin.LIBRARY / "src" / "main" / "kotlin"
        subprocess.run(["mvn", "-B", "-q", "clean", "compile", f"-Dsdkgen.sources={sources}"], cwd=HERE, check=True)


def time(pattern: str) -> int:
    """Run the benchmarks that match ``pattern``, print their results, and return how many are over their budgets."""
    command = ["mvn", "-B", "-q", "exec:exec@run", "-Dsdkgen.sources=none", f"-Dsdkgen.benchmarks={pattern}"]
    subprocess.run(command, cwd=HERE, check=True)
    print(f"{'benchmark':26} {'parameter':>17} {'µs':>10} {'±':>8} {'B/call':>9} {'budget':>8}")
    return sum(_report(result) for result in json.loads((HERE / "target" / "results.json").read_text()))


def follow(sequence: Path, frames: int, library: Path, model: Path) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Compile the library and follow the face of a recorded sequence (see ``benchmarks.track``) with it.

    ``library`` is LiteRT's, ``model`` the landmark model. Yields each of ``PIXELS``, and seconds by frame: ``alone``
    for the model on an input that is ready, ``following`` for a frame, and ``warp`` for the crop in it.
    """
    make()
    about = json.loads((sequence / "sequence.json").read_text())
    face = about["face"]
    numbers = [face["score"], *face["box"], *(number for point in face["keypoints"] for number in point)]
    size = [about["width"], about["height"], about["count"]]
    with tempfile.TemporaryDirectory() as folder:
        result, said = Path(folder) / "result.txt", Path(folder) / "arguments.txt"
        bridge = _bridge(Path(folder) / "libnative_model.so")
        for pixels in PIXELS:
            files = (result, bridge, library, model, sequence / f"{pixels}.raw")
            said.write_text("\n".join(map(str, (*files, pixels == "rgba", *size, frames, WARM_UP, *numbers))))
            command = ["mvn", "-B", "-q", "exec:exec@follow", "-Dsdkgen.sources=none", f"-Dsdkgen.following={said}"]
            subprocess.run(command, cwd=HERE, check=True)
            rows = [[int(word) / 1e9 for word in line.split()] for line in result.read_text().splitlines()]
            yield pixels, dict(zip(("alone", "following", "warp"), map(list, zip(*rows, strict=True)), strict=True))


def _bridge(target: Path) -> Path:
    """Compile Kotlin's way to LiteRT, with the runner's own, and return it."""
    runner = resources.path("devices") / "runner"
    sources = [HERE / "native" / "native_model.c", *(runner / f"{name}.c" for name in ("model", "litert", "record"))]
    include = Path(shutil.which("javac") or "").resolve().parent.parent / "include"
    folders = [f"-I{folder}" for folder in (include, include / "linux", runner)]
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", *folders, "-o", str(target)]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, *map(str, sources), "-ldl"], check=True)
    return target


def _report(result: dict[str, Any]) -> bool:
    """Print one result and tell whether it is over its budget."""
    group, function = result["benchmark"].split(".")[-2:]
    (parameter,) = result["params"].values()
    taken, error = result["primaryMetric"]["score"], result["primaryMetric"]["scoreError"]
    allocated = result["secondaryMetrics"]["gc.alloc.rate.norm"]["score"]
    budget = BUDGETS.get((group, parameter)) if function == "library" else None
    over = budget is not None and (taken > budget or allocated > BYTES_A_CALL)
    verdict = "" if budget is None else f"{budget:.0f}{' over' if over else ''}"
    name = f"{group}.{function}"
    print(f"{name:26} {parameter:>17} {taken:10.2f} {float(error):8.2f} {allocated:9.0f} {verdict:>8}")
    return over


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            make()
        case ["time", *patterns]:
            sys.exit(time(patterns[0] if patterns else ".*"))
        case _:
            sys.exit(__doc__)
