"""Running Maven on the harness in this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import ai_edge_litert

from tests.kotlin.variants import EXPECTED, PHOTOGRAPH, TRACKED

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 3600


def found() -> bool:
    """Tell whether a JDK and Maven are there."""
    return bool(shutil.which("mvn") and shutil.which("javac"))


def maven(*arguments: str, variants: Path, folder: Path = HERE) -> subprocess.CompletedProcess[str]:
    """Run Maven in ``folder`` with the rendered ``variants`` and return what it printed.

    ``SDKGEN_MAVEN_ARGS`` holds more arguments, such as ``-o`` for a repository that is filled already.
    """
    properties = {
        "sdkgen.variants": variants,
        "sdkgen.litert.library": Path(ai_edge_litert.__path__[0]) / "libLiteRt.so",
        "sdkgen.photograph": variants / PHOTOGRAPH,
        "sdkgen.expected": variants / EXPECTED,
        "sdkgen.tracked": variants / TRACKED,
    }
    extra = os.environ.get("SDKGEN_MAVEN_ARGS", "").split()
    return subprocess.run(
        ["mvn", "-B", "-q", *extra, *arguments, *(f"-D{name}={value}" for name, value in properties.items())],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
