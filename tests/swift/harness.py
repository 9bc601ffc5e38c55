"""Builds and tests the rendered Swift package where there is no Mac.

The package's sources are put beside declarations of Apple's frameworks (``stubs/``), tests that hold them to the
golden vectors, and the benchmark, as one Swift package. Compiles with ``swift`` on PATH, else in a Debian root that is
made once and cached.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sdkgen import cache
from sdkgen.artifact import Layout
from sdkgen.bundle import Request, build
from sdkgen.files import files_below
from sdkgen.formats import Pipeline
from sdkgen.spec.registry import load_model
from tests.debian_root import RootError, debian_root, wrap

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
BENCHMARKS = CHECKOUT / "benchmarks" / "swift"
RUNNER = CHECKOUT / "devices" / "runner"
RUNNER_SOURCES = ("model", "litert", "record")
"""What of the runner a program needs to run a model with LiteRT."""
NAME = "BlazeFace"
PACKAGES = ("swiftlang", "libc6-dev", "libstdc++-14-dev", "g++", "binutils", "git", "ca-certificates")


class Swift:
    """A Swift tool chain: the host's, or one in a Debian root where paths mean the same as on the host."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    @classmethod
    def find(cls) -> Swift:
        """Return the tool chain on PATH, else the one in the cached root. Raises ``RootError`` without either."""
        if shutil.which("swift"):
            return cls(None)
        return cls(debian_root("swift", PACKAGES))

    def run(
        self,
        command: Sequence[str],
        cwd: Path,
        *,
        binds: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a tool of the tool chain in ``cwd`` and return its result; ``binds`` are other folders it reads."""
        inside = dict(env or {})
        if self._root is None:
            return subprocess.run(
                command, cwd=cwd, env={**os.environ, **inside}, capture_output=True, text=True, check=check
            )
        inside["PATH"] = "/usr/bin:/bin:/usr/libexec/swift/bin"
        wrapped = wrap(self._root, command, binds={path: str(path) for path in (cwd, *binds)}, env=inside, cwd=str(cwd))
        return subprocess.run(wrapped, capture_output=True, text=True, check=check)

    def has(self, tool: str, cwd: Path) -> bool:
        """Tell whether the tool chain has ``tool``."""
        return self.run(["sh", "-c", f"command -v {tool}"], cwd, check=False).returncode == 0


def find_swift() -> tuple[Swift | None, str]:
    """Return the tool chain, or None and why there is none."""
    try:
        return Swift.find(), ""
    except RootError as error:
        return None, str(error)


def render(
    model: str,
    layout: Layout,
    target: Path,
    *,
    name: str = NAME,
    pipeline: Pipeline = "detect",
    runtime: str | None = None,
) -> Path:
    """Build the iOS bundle of a model and return its folder, replacing an older one."""
    request = Request(
        spec=load_model(model),
        landmarker=load_model("face-landmark") if pipeline == "track" else None,
        target="ios",
        out=target,
        name=name,
        package="org.example",
        layout=layout,
        runtime=runtime,
        force=True,
    )
    build(request)
    return target


def assemble(bundle: Path, folder: Path, *, core_ai_tests: bool = False) -> Path:
    """Lay the harness around the sources of ``bundle`` in ``folder``, touching only what has changed.

    ``core_ai_tests`` adds those of bundles that hold models for Core AI, which need ``HARNESS_CORE_AI`` where they are
    built.
    """
    parts = {
        bundle / "Sources": folder / "Sources",
        bundle / "Examples" / "FaceOverlay.swiftpm" / "Sources": folder / "Example",
        HERE / "stubs": folder / "Stubs",
        HERE / "GoldenTests": folder / "Tests" / "GoldenTests",
        HERE / "DetectorTests": folder / "Tests" / "DetectorTests",
        bundle / "Tests" / f"{NAME}Tests": folder / "Tests" / "PerformanceTests",
        BENCHMARKS / "Benchmark": folder / "Sources" / "Benchmark",
        BENCHMARKS / "Measure": folder / "Sources" / "Measure",
        BENCHMARKS / "Allocations": folder / "Sources" / "Allocations",
        HERE / "Package.swift": folder / "Package.swift",
    }
    if (bundle / "Sources" / NAME / "FaceTracker.swift").exists():
        parts |= {
            HERE / "TrackingGoldenTests": folder / "Tests" / "GoldenTests" / "Tracking",
            HERE / "TrackingDetectorTests": folder / "Tests" / "DetectorTests" / "Tracking",
            BENCHMARKS / "TrackingBenchmark": folder / "Sources" / "TrackingBenchmark",
            BENCHMARKS / "FollowBenchmark": folder / "Sources" / "FollowBenchmark",
        }
        parts |= {RUNNER / f"{name}.c": folder / "Sources" / "Runner" / f"{name}.c" for name in RUNNER_SOURCES}
        headers = folder / "Sources" / "Runner" / "include"
        parts |= {RUNNER / f"{name}.h": headers / f"{name}.h" for name in (*RUNNER_SOURCES, "options")}
    if core_ai_tests:
        parts[HERE / "CoreAITests"] = folder / "Tests" / "DetectorTests" / "CoreAI"
    wanted: dict[Path, Path] = {}
    for source, target in parts.items():
        for file in files_below(source):
            wanted[target / file.relative_to(source) if source.is_dir() else target] = file
    for target, file in wanted.items():
        content = _without_objective_c(file)
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for part in ("Sources", "Example", "Stubs", "Tests"):
        for file in files_below(folder / part):
            if file not in wanted:
                file.unlink()
    return folder


def _without_objective_c(file: Path) -> bytes:
    """Return a file's content; the surface for Objective-C without its attributes, which Linux does not have."""
    content = file.read_bytes()
    if file.name != "FaceDetector+ObjectiveC.swift":
        return content
    text = content.decode().replace("#if canImport(ObjectiveC)", "#if canImport(Foundation)")
    return re.sub(r"@objc(\([^)]*\))?\s+", "", text).encode()


def work_folder(pipeline: Pipeline | Literal["coreai"] = "detect") -> Path:
    """Return the folder in which the harness is built, kept so that only what changed is compiled again."""
    folder = cache.root() / f"swift-harness-{pipeline}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
