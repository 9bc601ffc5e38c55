"""Other versions of LiteRT, each in a folder of its own beside the project's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from sdkgen import cache
from sdkgen.files import sha256_json

VERSIONS = ("1.4.0", "2.0.3", "2.1.0", "2.2.0", "2.3.0")
"""The releases between which LiteRT's treatment of constants in half and its memory planning changed."""


def run(version: str, program: Path, *args: str) -> str:
    """Run ``program`` under a Python that has this version of LiteRT and NumPy and nothing else; return what it prints.

    Raises ``CalledProcessError`` if the packages cannot be installed, or the program fails.
    """
    # -S leaves the project's own packages out, -P the folder of the program.
    command = [sys.executable, "-S", "-P", str(program), *args]
    env = {**os.environ, "PYTHONPATH": str(_packages(version)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def _packages(version: str) -> Path:
    names = [f"ai-edge-litert=={version}", f"numpy=={metadata.version('numpy')}"]

    def install(folder: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--no-compile",
        ]
        subprocess.run([*command, f"--target={folder}", *names], check=True, stdout=sys.stderr)

    return cache.make("litert-packages", sha256_json([*names, sys.version, sys.platform]), install)
