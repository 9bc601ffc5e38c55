"""Renders the Android library in every variant, each in a package of its own, so that one compiler run takes them all.

``python -m tests.kotlin.variants FOLDER`` writes, for each runtime, ``main/`` (the library's sources) and ``test/``
(the tests that the bundle brings, and those that need LiteRT for desktops); the modules around the library, and the
dumps of their interface; the assets of the first runtime's variants; a photograph with the faces that the reference
finds in it; and images one after the other with what ``sdkgen track`` makes of them.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

from PIL import Image

from sdkgen import __version__
from sdkgen.artifact import Artifact, Layout
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.convert import convert
from sdkgen.detection.pipeline import detect
from sdkgen.render import kotlin
from sdkgen.render.context import SdkContext
from sdkgen.render.kotlin_tests import PACKAGE, copy_tests
from sdkgen.spec.registry import LANDMARKER, load_model
from tests.photographs import astronaut
from tests.tracking.sequences import Placed, frame, path

MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range")
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
RUNTIMES = ("litert", "tflite")
PLAY_SERVICES = "play-services"
"""Differs from ``litert`` in where the environment comes from: the first variants are enough."""
BYTES_PACKAGE = f"{PACKAGE}.bytes"
TRACK_PACKAGE = f"{PACKAGE}.track"
"""The package of the first variant that tracks; the others' are below it."""
TESTS = {PACKAGE: ("golden", "fakes", "library"), TRACK_PACKAGE: ("golden", "fakes", "track")}
"""The tests of the bundle that run for the first variants; every other runs the golden ones only."""
PHOTOGRAPH = "astronaut.png"
EXPECTED = "expected.json"
TRACKED = "tracked.json"


def package_of(model: str, layout: Layout) -> str:
    """Return the package that a variant is rendered into."""
    if (model, layout) == (MODELS[0], LAYOUTS[0]):
        return PACKAGE
    return f"{PACKAGE}.{model.removeprefix('blazeface-').replace('-', '_')}.{layout}"


def context_of(artifact: Artifact, runtime: str, package: str, landmarks: Artifact | None = None) -> SdkContext:
    """Return the context of an SDK around ``artifact`` whose text does not depend on installed tools.

    One that tracks if ``landmarks`` is there.
    """
    record = artifact.record
    return SdkContext(
        name="BlazeFace",
        package=package,
        spec=load_model(record.model),
        artifacts=(record,),
        layout=record.outputs_layout,
        input_type=record.input_type,
        precision=record.precision,
        runtime=runtime,
        landmarker=load_model(landmarks.record.model) if landmarks else None,
        landmarker_artifacts=(landmarks.record,) if landmarks else (),
        sdkgen_version=__version__,
        tools={},
    )


def render_all(target: Path) -> None:
    """Render all variants below ``target``, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    expected: dict[str, list[dict[str, Any]]] = {}
    for model, layout in itertools.product(MODELS, LAYOUTS):
        artifact = convert(load_model(model), "tflite", layout=layout)
        expected[artifact.record.sha256] = _faces(artifact)
        first = package_of(model, layout) == PACKAGE
        _render(target, (artifact,), package_of(model, layout), ("desktop", "litert") if first else ("desktop",))
    artifact = convert(load_model(MODELS[0]), "tflite", input_type="bytes")
    expected[artifact.record.sha256] = _faces(artifact)
    _render(target, (artifact,), BYTES_PACKAGE, ("desktop",))
    landmarks = convert(load_model(LANDMARKER), "tflite")
    _render(target, (convert(load_model(MODELS[0]), "tflite"), landmarks), TRACK_PACKAGE, ("desktop", "desktop-track"))
    for model, layout in itertools.product(MODELS[1:], LAYOUTS):
        package = package_of(model, layout).replace(PACKAGE, TRACK_PACKAGE)
        _render(target, (convert(load_model(model), "tflite", layout=layout), landmarks), package, ("desktop",))
    Image.fromarray(astronaut()).save(target / PHOTOGRAPH)
    (target / EXPECTED).write_text(json.dumps(expected))
    (target / TRACKED).write_text(_tracked(target / "images"))


def _render(target: Path, artifacts: tuple[Artifact, ...], package: str, tests: tuple[str, ...]) -> None:
    """Render a variant for every runtime, and put its tests beside the first runtime's."""
    for runtime in (*RUNTIMES, *([PLAY_SERVICES] if package in TESTS else [])):
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            kotlin.render(context_of(artifacts[0], runtime, package, *artifacts[1:]), artifacts, out)
            main = out / kotlin.LIBRARY / "src" / "main"
            shutil.copytree(main / "kotlin", target / runtime / "main", dirs_exist_ok=True)
            if runtime == RUNTIMES[0]:
                shutil.copytree(main / "assets", target / "assets", dirs_exist_ok=True)
                for folder in (*tests, *TESTS.get(package, ("golden",))):
                    copy_tests(folder, target.joinpath(runtime, "test", *package.split(".")), package)
                if package == TRACK_PACKAGE:
                    # What the benchmark looks at is tested with the library's own means.
                    (portrait,) = (out / "benchmark").rglob("Portrait.kt")
                    shutil.copyfile(portrait, target / runtime / "test" / portrait.name)
                if package in TESTS:
                    _copy_apps(out, target, package)
            if runtime == PLAY_SERVICES:
                for app in ("sample", "benchmark"):
                    shutil.copytree(
                        out / app / "src" / "main" / "kotlin", target / runtime / "apps", dirs_exist_ok=True
                    )
                if package == PACKAGE:
                    for folder in ("fakes", "play-services"):
                        copy_tests(folder, target.joinpath(runtime, "test", *package.split(".")), package)


def _copy_apps(bundle: Path, target: Path, package: str) -> None:
    """Copy what stands around the library, each kind of module into a folder, and the tests of its camera module."""
    for module, place in (
        ("camera", "camera/main"),
        ("compose", "compose/main"),
        ("sample", "apps"),
        ("benchmark", "apps"),
    ):
        shutil.copytree(bundle / module / "src" / "main" / "kotlin", target / place, dirs_exist_ok=True)
    for dump in sorted(bundle.glob("*/api/*.api")):
        place = target / "api" / package / dump.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dump, place)
    shutil.copytree(bundle / "camera" / "src" / "test" / "kotlin", target / "camera" / "test", dirs_exist_ok=True)
    if package == PACKAGE:
        for folder in ("fakes", "camera"):
            copy_tests(folder, target.joinpath("camera", "test", *package.split(".")), package)


def _tracked(folder: Path) -> str:
    """Write images one after the other to ``folder`` and return what ``sdkgen track --json`` makes of them."""
    folder.mkdir()
    images = []
    for index, place in enumerate(path(6, Placed(200, 160), Placed(230, 175, 180, 12))):
        images.append(str(folder / f"{index}.png"))
        # In the middle of the sequence there is nobody.
        Image.fromarray(frame([] if index == 3 else [place])).save(images[-1])
    command = [sys.executable, "-m", "sdkgen", "track", "--json", *images]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _faces(artifact: Artifact) -> list[dict[str, Any]]:
    """Return what the reference finds in the photograph with ``artifact`` on LiteRT."""
    spec = load_model(artifact.record.model)
    backend = LiteRtBackend(artifact.path, spec)
    try:
        found = detect(astronaut(), backend, spec)
    finally:
        backend.close()
    return [{"score": face.score, "box": face.box, "keypoints": face.keypoints.tolist()} for face in found]


if __name__ == "__main__":
    render_all(Path(sys.argv[1]))
