"""MediaPipe apart from the project's environment: it needs NumPy 1, and would bring jax and SciPy along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from sdkgen import cache as store
from sdkgen.files import sha256_json

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
NAMED = "SDKGEN_PEER_PYTHON"
"""The environment variable that names an interpreter which has MediaPipe 0.10.21 already."""


@cache
def command() -> tuple[str, ...]:
    """Return what starts a Python that has MediaPipe and nothing else; it is installed once, and kept.

    Raises ``CalledProcessError`` where the packages cannot be had.
    """
    if named := os.environ.get(NAMED):
        return (named,)

    def install(folder: Path) -> None:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--no-compile", f"--target={folder}"]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, "-r", REQUIREMENTS], check=True, stdout=sys.stderr
        )

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = store.make("peer-packages", sha256_json([REQUIREMENTS.read_text(), version, sys.platform]), install)
    # Without the site module nothing of this interpreter's own environment is seen.
    return ("env", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-S")


def ask(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what FaceMesh finds in images; ``given`` as in facemesh.py, written to ``folder``.

    Raises ``CalledProcessError`` where the peer fails.
    """
    file = folder / "given.json"
    file.write_text(json.dumps(given))
    done = subprocess.run([*command(), HERE / "facemesh.py", file], check=True, stdout=subprocess.PIPE)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
