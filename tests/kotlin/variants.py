"""Renders the Android library in every variant, each in a package of its own, so that one compiler run takes them all.

``python -m tests.kotlin.variants FOLDER`` writes, for each runtime, ``main/`` (the library's sources) and ``test/``
(the golden tests, once a variant; the library's tests, for the first variant); the assets of the first runtime's
variants; and a photograph with the faces that the reference finds in it.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from sdkgen import __version__
from sdkgen.artifact import Artifact, Layout
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.convert import convert
from sdkgen.detection.pipeline import detect
from sdkgen.render import kotlin
from sdkgen.render.context import SdkContext
from sdkgen.spec.registry import load_model
from tests.photographs import astronaut

MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range")
LAYOUTS: tuple[Layout, ...] = ("standard", "merged")
RUNTIMES = ("litert", "tflite")
PACKAGE = "com.example.blazeface"
"""The package that the test sources are written for: the default one, which the first variant keeps."""
PHOTOGRAPH = "astronaut.png"
EXPECTED = "expected.json"

_SOURCES = Path(__file__).parent / "src"


def package_of(model: str, layout: Layout) -> str:
    """Return the package that a variant is rendered into."""
    if (model, layout) == (MODELS[0], LAYOUTS[0]):
        return PACKAGE
    return f"{PACKAGE}.{model.removeprefix('blazeface-').replace('-', '_')}.{layout}"


def context_of(artifact: Artifact, runtime: str, package: str) -> SdkContext:
    """Return the context of an SDK around ``artifact`` whose text does not depend on installed tools."""
    record = artifact.record
    return SdkContext(
        name="BlazeFace",
        package=package,
        spec=load_model(record.model),
        artifacts=(record,),
        layout=record.outputs_layout,
        precision=record.precision,
        runtime=runtime,
        sdkgen_version=__version__,
        tools={},
    )


def render_all(target: Path) -> None:
    """Render all variants below ``target``, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    expected: dict[str, list[dict[str, Any]]] = {}
    for model, layout in itertools.product(MODELS, LAYOUTS):
        artifact = convert(load_model(model), "tflite", layout=layout)
        expected[f"{model}-{layout}"] = _faces(artifact)
        package = package_of(model, layout)
        for runtime in RUNTIMES:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch)
                kotlin.render(context_of(artifact, runtime, package), (artifact,), out)
                main = out / kotlin.LIBRARY / "src" / "main"
                shutil.copytree(main / "kotlin", target / runtime / "main", dirs_exist_ok=True)
                if runtime == RUNTIMES[0]:
                    shutil.copytree(main / "assets", target / "assets", dirs_exist_ok=True)
                    tests = ("golden", "library") if package == PACKAGE else ("golden",)
                    _copy_tests(tests, target / runtime / "test", package)
                if package == PACKAGE and runtime == RUNTIMES[0]:
                    shutil.copytree(out, target / "bundle")
    Image.fromarray(astronaut()).save(target / PHOTOGRAPH)
    (target / EXPECTED).write_text(json.dumps(expected))


def _faces(artifact: Artifact) -> list[dict[str, Any]]:
    """Return what the reference finds in the photograph with ``artifact`` on LiteRT."""
    spec = load_model(artifact.record.model)
    backend = LiteRtBackend(artifact.path, spec)
    try:
        found = detect(astronaut(), backend, spec)
    finally:
        backend.close()
    return [{"score": face.score, "box": face.box, "keypoints": face.keypoints.tolist()} for face in found]


def _copy_tests(folders: tuple[str, ...], target: Path, package: str) -> None:
    """Copy test sources, written for ``PACKAGE``, for a variant in ``package``."""
    place = target / package.replace(".", "/")
    place.mkdir(parents=True)
    for file in (file for folder in folders for file in sorted((_SOURCES / folder).glob("*.kt"))):
        (place / file.name).write_text(file.read_text().replace(f"package {PACKAGE}\n", f"package {package}\n", 1))


if __name__ == "__main__":
    render_all(Path(sys.argv[1]))
