"""A Python whose Vulkan driver LiteRT's GPU accelerator takes: the host's own, or one in a Debian 13 root.

``python -m tests.gpu`` prints the command for ``SDKGEN_GPU_PYTHON``: nothing if the host's own will do. That Python
sees the folders named after it, at the same places.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from sdkgen import cache
from sdkgen.backends.litert_gpu import LiteRtGpuBackend
from sdkgen.errors import BackendError
from sdkgen.files import sha256_json
from sdkgen.spec.registry import load_model
from sdkgen.weights.fetch import fetch
from tests.debian_root import debian_root, wrap

DEBIAN_PACKAGES = ("libvulkan1", "mesa-vulkan-drivers", "python3")
DEBIAN_PYTHON = "3.13"


def python_command(*folders: Path) -> str:
    """Return the command that starts a Python with a Vulkan driver that will do; empty for the host's own.

    ``folders`` are seen by it too, at the same places. One that the environment names already is taken as it is. Raises
    ``RootError`` or ``CalledProcessError`` where the root or its packages cannot be made.
    """
    if named := os.environ.get("SDKGEN_GPU_PYTHON"):
        return named
    return "" if _runs_here() else shlex.join(_in_root(folders))


def _runs_here() -> bool:
    spec = load_model("blazeface-front")
    try:
        LiteRtGpuBackend(fetch(spec), spec).close()
    except BackendError:
        return False
    return True


def _in_root(folders: Sequence[Path]) -> list[str]:
    version = metadata.version("ai-edge-litert")
    machine = platform.machine()

    def install(folder: Path) -> None:
        platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (17, 27, 28)]
        target = [f"--target={folder}", f"--python-version={DEBIAN_PYTHON}", "--only-binary=:all:", "--no-compile"]
        command = [sys.executable, "-m", "pip", "install", "--quiet", *target, *platforms]
        subprocess.run([*command, f"ai-edge-litert=={version}"], check=True, stdout=sys.stderr)

    key = sha256_json(["ai-edge-litert", version, DEBIAN_PYTHON, machine])
    packages = cache.make("gpu-packages", key, install)
    root = debian_root("vulkan", DEBIAN_PACKAGES)
    env = {"PYTHONPATH": "/opt/packages", "PYTHONDONTWRITEBYTECODE": "1", "XDG_RUNTIME_DIR": "/tmp"}
    binds = {packages: "/opt/packages", **{folder.resolve(): str(folder.resolve()) for folder in folders}}
    return wrap(root, ["python3"], binds=binds, env=env)


if __name__ == "__main__":
    sys.stdout.write(python_command(*map(Path, sys.argv[1:])))
