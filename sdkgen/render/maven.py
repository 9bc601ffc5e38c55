"""Lays an .aar out as a local Maven repository, so that an app gets what it depends on without being told.

A repository is a folder: ``GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION.aar`` with a POM beside it, and jars of sources and
documentation. Source: Maven's repository layout, and the POM reference.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sdkgen import resources
from sdkgen.files import files_below
from sdkgen.render.context import SdkContext
from sdkgen.render.environment import environment
from sdkgen.render.kotlin import LIBRARY, VERSIONS, runtime_artifacts

ARTIFACT = "detector"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_repository(context: SdkContext, bundle: Path, aar: Path, out: Path) -> Path:
    """Write the repository of the ``bundle``'s packed ``aar`` into the folder ``out`` and return the library's folder.

    The same inputs give the same bytes.
    """
    version = VERSIONS["library"]
    folder = out.joinpath(*context.package.split("."), ARTIFACT, version)
    folder.mkdir(parents=True)
    stem = folder / f"{ARTIFACT}-{version}"
    shutil.copyfile(aar, stem.with_name(f"{stem.name}.aar"))
    sources = bundle / LIBRARY / "src" / "main" / "kotlin"
    pack(((path.relative_to(sources).as_posix(), path) for path in files_below(sources)), Path(f"{stem}-sources.jar"))
    # Repositories ask for this jar; the documentation of a Kotlin library is in its sources.
    pack((("README.md", bundle / "README.md"),), Path(f"{stem}-javadoc.jar"))
    template = environment(resources.path("templates") / "kotlin" / "aar").get_template("library.pom.j2")
    Path(f"{stem}.pom").write_text(template.render(_values(context)), encoding="utf-8")
    return folder


def _values(context: SdkContext) -> dict[str, Any]:
    return {
        "context": context,
        "artifact": ARTIFACT,
        "versions": VERSIONS,
        "runtime_artifacts": runtime_artifacts(context.runtime),
    }


def pack(entries: Iterable[tuple[str, Path]], target: Path, *, stored: tuple[str, ...] = ()) -> None:
    """Zip ``entries`` (name, file) into ``target``, sorted and undated, so that equal content gives equal bytes.

    Names that end as one of ``stored`` are not compressed.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(entries):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if stored and name.endswith(stored) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
