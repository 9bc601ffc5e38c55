"""The layering of the package: who may import whom, and where heavy packages may be loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sdkgen"

FLOORS = [
    {"cache", "console", "errors", "files", "formats", "pages", "records", "resources", "tflite"},
    {"artifact", "backends", "detection", "images", "network", "spec", "weights"},
    {"bench", "convert", "evaluate", "parity", "render", "tracking", "video"},
    {"bundle"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
"""The parts of the package, lowest first: a part imports from lower floors, or within itself."""

NEIGHBOURS = {
    # Within a floor, what may be used by its neighbours.
    "artifact": {"backends", "network", "weights"},
    "spec": {"artifact", "backends", "detection", "network", "weights"},
    "backends": {"detection"},
    "detection": {"backends", "network"},
    "images": {"detection"},
    "weights": {"network"},
    "tracking": {"render"},
    "render": {"bench"},  # the manifest: what the benchmark of a bundle goes by
    "cache": {"console"},
    "files": {"cache"},
    "errors": {"cache", "console", "files", "records", "resources", "tflite"},
    "console": {"cache", "files", "records"},
    "resources": {"pages"},
}

BENCH = [
    {"errors"},
    {"plan", "samples", "devices"},
    {"protocol"},
    {"runners"},
    {"sessions"},
    {"results"},
    {"runs", "report"},
    {"tuning"},
]
"""The rooms of the bench, lowest first. Within a floor ``devices`` uses ``plan``, and ``report`` uses ``runs``."""

HEAVY = {
    "torch": {"network", "convert", "weights", "backends/torch_backend.py"},
    "coremltools": {"convert/coreml", "convert/lint", "backends/coreml.py", "backends/mil", "bench/devices/iphone.py"},
    "coreai": {"convert/coreai.py", "backends/coreai_worker.py"},
    "coreai_torch": {"convert/coreai.py"},
    "litert_torch": {"convert/tflite"},
    "onnx": {"convert/onnx.py"},
    "onnxruntime": {"backends/onnx.py"},
    "jinja2": {"pages.py", "render"},
}
"""Where each heavy package may be imported, relative to the package."""


def _imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _part(relative: str) -> str:
    return relative.split("/", 1)[0].removesuffix(".py")


def _floor(part: str) -> int:
    for index, floor in enumerate(FLOORS):
        if part in floor:
            return index
    raise AssertionError(f"sdkgen/{part} has no place in the layering: add it to FLOORS")


def _files() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file != PACKAGE / "__init__.py"]


def test_imports_go_down() -> None:
    faults = []
    for file in _files():
        relative = file.relative_to(PACKAGE).as_posix()
        part = _part(relative)
        for name in _imports(file):
            if not name.startswith("sdkgen.") or (other := name.split(".")[1]) == part or other == "__version__":
                continue
            allowed = _floor(other) < _floor(part) or part in NEIGHBOURS.get(other, set())
            if not allowed:
                faults.append(f"{relative} imports {name}")
    assert not faults, faults


def test_the_rooms_of_the_bench_import_downwards() -> None:
    floors = {room: index for index, floor in enumerate(BENCH) for room in floor}
    faults = []
    for file in sorted((PACKAGE / "bench").rglob("*.py")):
        relative = file.relative_to(PACKAGE / "bench").as_posix()
        room = _part(relative)
        for name in _imports(file):
            parts = name.split(".")
            if parts[:2] != ["sdkgen", "bench"] or parts[2] == room:
                continue
            if floors[parts[2]] >= floors[room] and (room, parts[2]) not in {("devices", "plan"), ("report", "runs")}:
                faults.append(f"bench/{relative} imports {name}")
    assert not faults, faults


@pytest.mark.parametrize("heavy", sorted(HEAVY))
def test_heavy_packages_stay_in_their_place(heavy: str) -> None:
    faults = []
    for file in _files():
        relative = file.relative_to(PACKAGE).as_posix()
        if any(relative.startswith(place) for place in HEAVY[heavy]):
            continue
        if any(name.split(".")[0] == heavy for name in _imports(file)):
            faults.append(relative)
    assert not faults, faults


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["build", "--help"], ["bench", "--help"]])
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom sdkgen.cli import main\n"
        f"sys.argv = ['sdkgen', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'coreai', 'coremltools', 'onnx', 'scipy', 'sqlalchemy'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
