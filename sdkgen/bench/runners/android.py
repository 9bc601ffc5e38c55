"""Builds the runner for Android without the NDK.

Zig compiles it against the few declarations in devices/runner/android, and links it against stubs of the system's
libraries, which hold nothing but the names that the runner uses.

Every name is a public symbol of the oldest Android that LiteRT runs on (devices/runner/targets.toml); on the phone the
loader finds them in the real libraries.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from sdkgen.spec.base import Strict

PAGE_BYTES = 16384
"""Segments are aligned for phones with pages of this size; those with 4096 take it too."""
_VARIABLES = {"stderr"}
_COMPILE = (
    "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fPIE", "-ffunction-sections",
    "-fno-sanitize=all", "-fno-stack-protector", "-nostdinc",
)  # fmt: skip
"""No warning is let pass, nothing of a C library is taken for granted, and no helper of one is called unasked."""


class AndroidTarget(Strict):
    """An Android that zig compiles for, or the NDK's ``clang``."""

    zig: str
    cpu: str = ""
    flags: tuple[str, ...] = ()
    needs_helpers: bool = False
    """Whether the processor lacks arithmetic of C, which the compiler's own library has to make up for.

    That library has memcpy and the like too, which are then used in place of the phone's.
    """
    interpreter: str
    machine: str
    clang: str


class Bionic(Strict):
    """Symbols of Android's libraries by the API level that made them public."""

    api: int
    libc: dict[str, int] = Field(min_length=1)
    libm: dict[str, int] = Field(min_length=1)
    libdl: dict[str, int] = Field(min_length=1)


def zig(*arguments: str) -> list[str]:
    """Return the command line of zig, from its Python package."""
    return [sys.executable, "-m", "ziglang", *arguments]


def commands(how: AndroidTarget, bionic: Bionic, sources: Path, work: Path, program: Path) -> list[list[str]]:
    """Return the commands that build the runner in ``sources`` as ``program``; stubs' sources are put into ``work``."""
    machine = ["-target", how.zig, *([f"-mcpu={how.cpu}"] if how.cpu else []), *how.flags]
    headers = Path(_find_package()).parent / "lib" / "include"
    includes = ["-isystem", str(headers), "-isystem", str(sources / "android")]
    made: list[list[str]] = []
    objects: list[Path] = []
    for source in [*sorted(sources.glob("*.c")), sources / "android" / "start.c"]:
        objects.append(work / f"{source.stem}.o")
        made.append(zig("cc", *machine, *_COMPILE, *includes, "-c", str(source), "-o", str(objects[-1])))
    stubs = [_stub(name, symbols, machine, work, made) for name, symbols in libraries(bionic).items()]
    if how.needs_helpers:
        objects.append(work / "helpers.o")
        cpu = [f"-mcpu={how.cpu}"] if how.cpu else []
        library = headers.parent / "compiler_rt.zig"
        made.append(zig("build-obj", str(library), "-target", how.zig, *cpu, "-O", "ReleaseSmall", "-fPIC",
                        f"-femit-bin={objects[-1]}"))  # fmt: skip
    link = [
        "-pie",
        "-z",
        f"max-page-size={PAGE_BYTES}",
        "--hash-style=both",
        "--gc-sections",
        "--strip-all",
        "-e",
        "_start",
    ]
    link += ["--no-undefined", "-dynamic-linker", how.interpreter, *map(str, (*objects, *stubs))]
    return [*made, zig("ld.lld", *link, "-o", str(program))]


def libraries(bionic: Bionic) -> dict[str, list[str]]:
    """Return the names that the stub of each library holds."""
    return {f"{name}.so": sorted(getattr(bionic, name)) for name in ("libc", "libm", "libdl")}


def run(steps: Sequence[Sequence[str]]) -> str:
    """Run commands until one fails, and return what that said; empty if none did."""
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr.strip() or f"exit code {done.returncode}"
    return ""


def _stub(name: str, symbols: Sequence[str], machine: Sequence[str], work: Path, made: list[list[str]]) -> Path:
    """Write the source of a stub, add the commands that make a library of it, and return that."""
    source, target = work / f"{name}.c", work / name
    text = "".join(f"void *{one};\n" if one in _VARIABLES else f"void {one}(void) {{}}\n" for one in symbols)
    source.write_text(text)
    flags = ["-w", "-ffreestanding", "-fPIC", "-fno-sanitize=all", "-fno-stack-protector"]
    made.append(zig("cc", *machine, *flags, "-c", str(source), "-o", f"{target}.o"))
    made.append(zig("ld.lld", "-shared", "-soname", name, f"{target}.o", "-o", str(target)))
    return target


def _find_package() -> str:
    """Return where zig's Python package is; whoever calls has seen to it that there is one."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        raise RuntimeError("ziglang is not installed")
    return found.origin
