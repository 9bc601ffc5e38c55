"""The unit tests of an Android bundle's library, with the golden vectors that hold it to the reference.

They are the tests that sdkgen itself runs on the JVM, but for those that need LiteRT for desktops. Who owns the sources
can change them safely: ``gradle :detector:testReleaseUnitTest``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sdkgen import resources
from sdkgen.files import files_below
from sdkgen.render.context import SdkContext
from sdkgen.spec.registry import LANDMARKER

PACKAGE = "com.example.blazeface"
"""The package that the tests are written for."""

SOURCES = "tests/kotlin/src"
VECTORS = "tests/golden"


def write_tests(context: SdkContext, library: Path) -> None:
    """Write the tests that fit the SDK below ``library``, and the golden vectors of its models."""
    golden = library / "src" / "test" / "golden"
    place = library.joinpath("src", "test", "kotlin", *context.package.split("."))
    for folder in folders_for(context):
        copy_tests(folder, place, context.package)
    names = [context.spec.name] if _has_vectors(context.spec.name) else []
    if context.landmarker is not None and context.landmarker.name == LANDMARKER:
        names.append("sequences")
    for name in names:
        vectors = resources.path(VECTORS) / name
        for file in files_below(vectors):
            target = golden / name / file.relative_to(vectors)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def copy_tests(folder: str, place: Path, package: str) -> None:
    """Copy the tests in a folder of ``SOURCES`` for a library in ``package``."""
    place.mkdir(parents=True, exist_ok=True)
    for file in sorted((resources.path(SOURCES) / folder).glob("*.kt")):
        text = file.read_text(encoding="utf-8")
        text = text.replace(f"package {PACKAGE}\n", f"package {package}\n", 1)
        (place / file.name).write_text(text, encoding="utf-8", newline="\n")


def folders_for(context: SdkContext) -> list[str]:
    """Return the folders of tests that hold for the SDK: most are written for one output and numbers in floats."""
    if not _has_vectors(context.spec.name):
        return []
    if context.layout != "joined" or context.input_type != "float":
        return ["golden"]
    return ["golden", "fakes", "library", *(["track"] if context.landmarker is not None else [])]


def _has_vectors(model: str) -> bool:
    return (resources.path(VECTORS) / model).is_dir()
