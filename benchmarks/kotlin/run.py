"""Times decoding, blending and preprocessing of the Android library on the JVM, beside a plain port, with JMH.

``python -m benchmarks.kotlin.run`` renders the library for the front model, compiles and runs the benchmarks, and
prints each result with its budget. It needs a JDK and Maven, and a quiet machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sdkgen.convert import convert
from sdkgen.render import kotlin
from sdkgen.spec.registry import load_model
from tests.kotlin.variants import PACKAGE, context_of

HERE = Path(__file__).parent

BUDGETS = {
    ("Postprocessing.library", "4"): 20.0,
    ("Postprocessing.library", "50"): 60.0,
    ("Preprocessing.library", "0"): 700.0,
    ("Preprocessing.library", "90"): 700.0,
}
"""The most microseconds a call may take, by benchmark and parameter."""

BYTES_A_CALL = 1000
"""The most bytes that a call of the library may allocate."""


def main() -> int:
    """Run the benchmarks and return how many results are over their budgets."""
    with tempfile.TemporaryDirectory() as scratch:
        artifact = convert(load_model("blazeface-front"), "tflite")
        kotlin.render(context_of(artifact, "litert", PACKAGE), (artifact,), Path(scratch))
        sources = Path(scratch) / kotlin.LIBRARY / "src" / "main" / "kotlin"
        command = ["mvn", "-B", "-q", "compile", "exec:exec@run", f"-Dsdkgen.sources={sources}"]
        subprocess.run(command, cwd=HERE, check=True)
    over = 0
    print(f"{'benchmark':32} {'parameter':>9} {'µs':>10} {'±':>8} {'B/call':>9} {'budget':>8}")
    for result in json.loads((HERE / "target" / "results.json").read_text()):
        name = ".".join(result["benchmark"].split(".")[-2:])
        (parameter,) = result["params"].values()
        time, error = result["primaryMetric"]["score"], result["primaryMetric"]["scoreError"]
        allocated = result["secondaryMetrics"]["gc.alloc.rate.norm"]["score"]
        budget = BUDGETS.get((name, parameter))
        verdict = "" if budget is None else f"{budget:.0f}"
        if budget is not None and (time > budget or allocated > BYTES_A_CALL):
            over += 1
            verdict += " over"
        print(f"{name:32} {parameter:>9} {time:10.2f} {float(error):8.2f} {allocated:9.0f} {verdict:>8}")
    return over


if __name__ == "__main__":
    sys.exit(main())
