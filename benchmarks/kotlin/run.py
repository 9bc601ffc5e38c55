"""Times the Android library's own code on the JVM, beside a plain port, with JMH.

``python -m benchmarks.kotlin.run make`` renders the library for the front model and the landmark model and compiles it
with the benchmarks; ``… time [PATTERN]`` runs those whose names hold the regular expression, or all, and prints each
result with its budget. It needs a JDK and Maven, and a quiet machine: nine seconds a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sdkgen.convert import convert
from sdkgen.render import kotlin
from sdkgen.spec.registry import LANDMARKER, load_model
from tests.kotlin.variants import PACKAGE, context_of

HERE = Path(__file__).parent

BUDGETS = {
    ("Postprocessing", "4"): 20.0,
    ("Postprocessing", "50"): 60.0,
    ("Preprocessing", "0"): 700.0,
    ("Preprocessing", "90"): 700.0,
    ("Cropping", "320"): 600.0,
    ("Cropping", "640"): 600.0,
}
"""The most microseconds a call of the library may take, by benchmark and parameter."""

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
    print(f"{'benchmark':26} {'parameter':>9} {'µs':>10} {'±':>8} {'B/call':>9} {'budget':>8}")
    return sum(_report(result) for result in json.loads((HERE / "target" / "results.json").read_text()))


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
    print(f"{name:26} {parameter:>9} {taken:10.2f} {float(error):8.2f} {allocated:9.0f} {verdict:>8}")
    return over


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            make()
        case ["time", *patterns]:
            sys.exit(time(patterns[0] if patterns else ".*"))
        case _:
            sys.exit(__doc__)
