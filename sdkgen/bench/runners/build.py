"""Builds the runner for a device and fetches LiteRT's libraries to go with it; both are kept in the cache.

For Linux, this machine and emulated devices: with zig's C compiler (from its Python package), and the libraries of the
pinned desktop wheel. For Android: with the NDK that ANDROID_NDK_HOME names, and the libraries that the user unpacked
from LiteRT's Android release (an AAR is a zip; its jni/ folder) into the folder that SDKGEN_LITERT_ANDROID names.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from sdkgen import cache, console, resources
from sdkgen.artifact import tool_versions
from sdkgen.bench.protocol import System
from sdkgen.errors import MissingExtraError, SdkgenError
from sdkgen.files import sha256_json, sha256_path
from sdkgen.spec.base import Strict, read_toml
from sdkgen.spec.model import WheelSpec

PROGRAM = "sdkgen-runner"
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
_MAKING = threading.Lock()
"""Devices are prepared side by side: the first one makes what several need."""
_ABIS = {"aarch64": "arm64-v8a", "arm64": "arm64-v8a", "amd64": "x86_64"}


class RunnerError(SdkgenError):
    """The runner, or the libraries it needs, cannot be had here."""

    reference = "no-runner"


class LinuxTarget(Strict):
    """A Linux that zig compiles for, and the wheel that holds LiteRT for it (``member`` is the folder)."""

    zig: str
    wheel: WheelSpec


class AndroidTarget(Strict):
    """An Android that the NDK's ``clang`` compiles for."""

    clang: str


class Targets(Strict):
    """devices/runner/targets.toml."""

    schema_version: Literal[1] = Field(alias="schema")
    linux: dict[str, LinuxTarget]
    android: dict[str, AndroidTarget]


def target_of(system: System, abi: str) -> tuple[str, LinuxTarget | AndroidTarget]:
    """Return the ABI's Android name and how to build for it; raises ``RunnerError`` for an ABI without a target."""
    targets = read_toml(resources.path("devices") / "runner" / "targets.toml", Targets)
    name = _ABIS.get(abi, abi)
    known: Mapping[str, LinuxTarget | AndroidTarget] = targets.linux if system == "linux" else targets.android
    if name not in known:
        raise RunnerError(
            f"no runner is built for {system} on {abi}",
            hint=f"Known ABIs: {', '.join(sorted(known))}. Otherwise: --runner benchmark-model=PATH.",
            reference="no-runner-for-abi",
        )
    return name, known[name]


def runner_files(target: tuple[str, LinuxTarget | AndroidTarget]) -> Mapping[str, Path]:
    """Return the runner and LiteRT's libraries for a target, by name, made or fetched on first use.

    Raises ``RunnerError`` or ``MissingExtraError`` if a tool, or the network, is missing.
    """
    abi, how = target
    with _MAKING:
        return _files(abi, how)


def _files(abi: str, how: LinuxTarget | AndroidTarget) -> Mapping[str, Path]:
    libraries = _wheel_libraries(how.wheel) if isinstance(how, LinuxTarget) else _android_libraries(abi)
    return {PROGRAM: _build(how), **{file.name: file for file in sorted(libraries.glob("libLiteRt*.so"))}}


def _build(how: LinuxTarget | AndroidTarget) -> Path:
    folder = resources.path("devices") / "runner"
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    compiler, version = _zig(how) if isinstance(how, LinuxTarget) else _ndk(how)
    content = {path.name: sha256_path(path) for path in sorted(folder.glob("*.[ch]"))}
    key = sha256_json({"sources": content, "compiler": compiler[1:], "version": version, "flags": _FLAGS})

    def build(target: Path) -> None:
        with console.status("Compiling the runner"):
            command = [*compiler, *_FLAGS, *sources, "-o", str(target / PROGRAM), "-ldl", "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RunnerError(
                f"the runner does not compile: {done.stderr.strip()[-400:]}",
                context=compiler[0],
                hint="Check the compiler: pip install --force-reinstall ziglang.",
            )
        (target / PROGRAM).chmod(0o755)

    return cache.make("runner", key, build) / PROGRAM


def _zig(how: LinuxTarget) -> tuple[list[str], str]:
    if importlib.util.find_spec("ziglang") is None:
        raise MissingExtraError("ziglang", "bench")
    return [sys.executable, "-m", "ziglang", "cc", "-target", how.zig], tool_versions("ziglang")["ziglang"]


def _ndk(how: AndroidTarget) -> tuple[list[str], str]:
    root = os.environ.get("ANDROID_NDK_HOME", "")
    found = sorted(Path(root).glob(f"toolchains/llvm/prebuilt/*/bin/{how.clang}")) if root else []
    if not found:
        raise RunnerError(
            "the runner for Android needs the NDK",
            context=f"ANDROID_NDK_HOME={root}",
            hint="Install the Android NDK and set ANDROID_NDK_HOME to its folder, or measure with the official tool: "
            "--runner benchmark-model=PATH.",
            reference="no-ndk",
        )
    return [str(found[0])], str(found[0])


def _android_libraries(abi: str) -> Path:
    root = os.environ.get("SDKGEN_LITERT_ANDROID", "")
    folder = Path(root) / abi
    if not root or not (folder / "libLiteRt.so").is_file():
        raise RunnerError(
            "LiteRT's libraries for Android are not here",
            context=str(folder / "libLiteRt.so"),
            hint="Unzip LiteRT's AARs (litert, litert-gpu) and set SDKGEN_LITERT_ANDROID to their jni folder, or "
            "measure with the official tool: --runner benchmark-model=PATH.",
            reference="no-litert",
        )
    return folder


def _wheel_libraries(wheel: WheelSpec) -> Path:
    def fetch(target: Path) -> None:
        with console.status(f"Fetching LiteRT {wheel.version} for {wheel.platform}, through pip"):
            _unpack(wheel, target)

    return cache.make("litert", wheel.sha256, fetch)


def _unpack(wheel: WheelSpec, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sdkgen-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "-d", folder, "-r", str(requirements)]
        command += [
            "--implementation",
            "cp",
            "--python-version",
            wheel.python or "",
            "--platform",
            wheel.platform or "",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise RunnerError(
                f"LiteRT's libraries could not be fetched: {said[-1].strip()}",
                context=f"{wheel.package} {wheel.version}, {wheel.platform}",
                hint="Connect to the network (pip's index and proxy settings apply) and try again.",
                reference="no-litert",
            )
        (file,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if Path(name).parent.as_posix() == wheel.member and Path(name).match("libLiteRt*.so"):
                    (target / Path(name).name).write_bytes(archive.read(name))
