"""Builds the runner for a device and fetches LiteRT's libraries to go with it; both are kept in the cache.

For Linux, this machine and emulated devices: with zig's C compiler (from its Python package), and the libraries of the
pinned desktop wheel. For Android: with zig (see ``android.py``), or the NDK where there is one, and the libraries of
LiteRT's Android release (see ``aar.py``).
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from sdkgen import cache, console, resources
from sdkgen.artifact import tool_versions
from sdkgen.bench.protocol import System
from sdkgen.bench.runners.aar import MavenSpec, android_libraries
from sdkgen.bench.runners.android import AndroidTarget, Bionic, commands, run, zig
from sdkgen.errors import MissingExtraError, SdkgenError
from sdkgen.files import sha256_json, sha256_path, source_digest
from sdkgen.spec.base import Strict, read_toml
from sdkgen.spec.model import WheelSpec

PROGRAM = "sdkgen-runner"
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
_MAKING = threading.Lock()
"""Devices are prepared side by side: the first one makes what several need."""
_ABIS = {
    "aarch64": "arm64-v8a",
    "arm64": "arm64-v8a",
    "amd64": "x86_64",
    "armv7l": "armeabi-v7a",
    "armv8l": "armeabi-v7a",
}


class RunnerError(SdkgenError):
    """The runner, or the libraries it needs, cannot be had here."""

    reference = "no-runner"


class LinuxTarget(Strict):
    """A Linux that zig compiles for, and the wheel that holds LiteRT for it (``member`` is the folder)."""

    zig: str
    wheel: WheelSpec


class Targets(Strict):
    """devices/runner/targets.toml."""

    schema_version: Literal[1] = Field(alias="schema")
    linux: dict[str, LinuxTarget]
    android: dict[str, AndroidTarget]
    maven: MavenSpec
    bionic: Bionic


def read_targets() -> Targets:
    """Return devices/runner/targets.toml."""
    return read_toml(resources.path("devices") / "runner" / "targets.toml", Targets)


def target_of(system: System, abi: str) -> tuple[str, LinuxTarget | AndroidTarget]:
    """Return the ABI's Android name and how to build for it; raises ``RunnerError`` for an ABI without a target."""
    targets = read_targets()
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
    """Return what ``runner_files`` does; what is missing is told all at once."""
    faults: list[SdkgenError] = []
    libraries = program = None
    try:
        libraries = _libraries(abi, how)
    except SdkgenError as error:
        faults.append(error)
    try:
        program = _build_linux(how) if isinstance(how, LinuxTarget) else _build_android(how)
    except SdkgenError as error:
        faults.append(error)
    if libraries is None or program is None:
        raise _all_of(faults)
    return {PROGRAM: program, **{file.name: file for file in sorted(libraries.glob("libLiteRt*.so"))}}


def _all_of(faults: Sequence[SdkgenError]) -> SdkgenError:
    """Return one error for all that is missing."""
    if len(faults) == 1:
        return faults[0]
    return RunnerError(
        "the runner lacks more than one thing: " + "; ".join(one.message for one in faults),
        context="; ".join(one.context for one in faults if one.context),
        hint=" ".join(f"({number}) {one.hint.rstrip('.')}." for number, one in enumerate(faults, 1))
        + " Or measure with TFLite's official tool: --runner benchmark-model=PATH.",
        reference=faults[0].reference,
    )


def _libraries(abi: str, how: LinuxTarget | AndroidTarget) -> Path:
    if isinstance(how, LinuxTarget):
        return _wheel_libraries(how.wheel)
    return android_libraries(read_targets().maven, abi, how.machine)


def _build_linux(how: LinuxTarget) -> Path:
    _need_zig()
    return _compile(zig("cc", "-target", how.zig), tool_versions("ziglang")["ziglang"])


def _build_android(how: AndroidTarget) -> Path:
    if (compiler := find_ndk(how.clang)) is not None:
        return _compile([str(compiler)], str(compiler))
    _need_zig()
    bionic, folder = read_targets().bionic, _sources()
    key = sha256_json(
        {"sources": _content(), "how": how.model_dump(), "bionic": bionic.model_dump(), "zig": tool_versions("ziglang"),
         "code": source_digest("bench/runners/android.py")}
    )  # fmt: skip

    def build(target: Path) -> None:
        with console.status("Compiling the runner for Android"), tempfile.TemporaryDirectory(prefix="sdkgen-") as work:
            if said := run(commands(how, bionic, folder, Path(work), target / PROGRAM)):
                raise _not_compiled(said, "zig")
        (target / PROGRAM).chmod(0o755)

    return cache.make("runner", key, build) / PROGRAM


def _compile(compiler: list[str], version: str) -> Path:
    sources = [str(path) for path in sorted(_sources().glob("*.c"))]
    key = sha256_json({"sources": _content(), "compiler": compiler[1:], "version": version, "flags": _FLAGS})

    def build(target: Path) -> None:
        with console.status("Compiling the runner"):
            said = run([[*compiler, *_FLAGS, *sources, "-o", str(target / PROGRAM), "-ldl", "-lm"]])
        if said:
            raise _not_compiled(said, compiler[0])
        (target / PROGRAM).chmod(0o755)

    return cache.make("runner", key, build) / PROGRAM


def _sources() -> Path:
    return Path(resources.path("devices")) / "runner"


def _content() -> dict[str, str]:
    files = [path for path in sorted(_sources().rglob("*")) if path.suffix in (".c", ".h")]
    return {path.relative_to(_sources()).as_posix(): sha256_path(path) for path in files}


def _not_compiled(said: str, compiler: str) -> RunnerError:
    return RunnerError(
        f"the runner does not compile: {said[-400:]}",
        context=compiler,
        hint="Check the compiler: pip install --force-reinstall ziglang.",
    )


def _need_zig() -> None:
    if importlib.util.find_spec("ziglang") is None:
        raise MissingExtraError("ziglang", "bench")


def find_ndk(clang: str) -> Path | None:
    """Return the NDK's compiler of that name, where the environment names an NDK, or an SDK that holds some."""
    roots = [Path(root) for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT") if (root := os.environ.get(name))]
    if home := os.environ.get("ANDROID_HOME"):
        installed = (Path(home) / "ndk").glob("*")
        roots += sorted(installed, key=lambda one: [int(part) for part in re.findall(r"\d+", one.name)], reverse=True)
    for place in roots:
        if found := sorted(place.glob(f"toolchains/llvm/prebuilt/*/bin/{clang}")):
            return found[0]
    return None


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
