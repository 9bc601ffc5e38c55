"""Packs the library of an Android bundle as an .aar, without the Android Gradle plugin.

An .aar is a zip of AndroidManifest.xml, classes.jar, R.txt, proguard.txt, baseline-prof.txt and assets/. The
classes are compiled with the Kotlin compiler, which Maven fetches, against an installed Android SDK where there is one
(``ANDROID_HOME``), otherwise against the framework classes that Robolectric publishes; and against TensorFlow Lite's
own classes, which LiteRT 1.4 has too, or declarations of LiteRT's, which are on no repository that Maven knows. Neither
is packed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdkgen import console, resources
from sdkgen.errors import SdkgenError
from sdkgen.files import files_below, whole_file
from sdkgen.render.context import SdkContext
from sdkgen.render.environment import environment
from sdkgen.render.kotlin import ASSETS, LIBRARY, VERSIONS
from sdkgen.render.maven import pack

_STORED = (".tflite",)
"""What is packed as it is: Android maps a model only where it lies uncompressed."""

_TIMEOUT_SECONDS = 1800

_TENSORFLOW = (
    ("tensorflow-lite", "tensorflow_lite_central"),
    ("tensorflow-lite-api", "tensorflow_lite_central"),
    ("tensorflow-lite-gpu", "tensorflow_lite_central"),
    ("tensorflow-lite-gpu-api", "tensorflow_lite_gpu_api_central"),
)


def make_aar(context: SdkContext, bundle: Path, out: Path) -> dict[str, int]:
    """Write the library of the Android ``bundle`` to ``out`` and return the packed bytes of each part, by its name.

    The same bundle gives the same bytes. Raises ``SdkgenError`` if no JDK or Maven is there, or the compiler fails.
    """
    maven = _maven()
    with tempfile.TemporaryDirectory(prefix="sdkgen-aar-") as scratch:
        work = Path(scratch)
        with console.status("Compiling the library (Maven fetches the Kotlin compiler the first time)"):
            jars = _runtime_jars(maven, context, work)
            classes = compile_sources(work / "library", context.name, _sources(bundle), jars)
        pack(((path.relative_to(classes).as_posix(), path) for path in files_below(classes)), work / "classes.jar")
        (work / "AndroidManifest.xml").write_text(_manifest(context, bundle), encoding="utf-8")
        (work / "R.txt").write_bytes(b"")
        parts = {name: work / name for name in ("AndroidManifest.xml", "R.txt", "classes.jar")}
        parts["proguard.txt"] = bundle / LIBRARY / "consumer-rules.pro"
        parts["baseline-prof.txt"] = bundle / LIBRARY / "src" / "main" / "baseline-prof.txt"
        for asset in files_below(bundle / ASSETS):
            parts[f"assets/{asset.relative_to(bundle / ASSETS).as_posix()}"] = asset
        with whole_file(out) as target:
            pack(parts.items(), target, stored=_STORED)
    with zipfile.ZipFile(out) as archive:
        return {entry.filename: entry.compress_size for entry in archive.infolist()}


def _maven() -> str:
    """Return the path of Maven. Raises ``SdkgenError`` where it or a JDK is missing."""
    java = shutil.which("javac") or (
        os.environ.get("JAVA_HOME") and shutil.which(f"{os.environ['JAVA_HOME']}/bin/javac")
    )
    maven = shutil.which("mvn")
    if java and maven:
        return maven
    missing = " and ".join(name for name, found in (("a JDK", java), ("Maven", maven)) if not found)
    raise SdkgenError(
        f"an .aar cannot be compiled here: {missing} cannot be found",
        context="--aar",
        hint="Install a JDK (17 or later) and Maven, or build the bundle without --aar and let Gradle compile it.",
        reference="missing-toolchain",
    )


def _sources(bundle: Path) -> Path:
    return bundle.absolute() / LIBRARY / "src" / "main" / "kotlin"


def _runtime_jars(maven: str, context: SdkContext, work: Path) -> list[Path]:
    """Return what declares the runtime's classes."""
    if context.runtime != "tflite":
        stubs = resources.path("templates") / "kotlin" / "aar" / "stubs"
        classes = compile_sources(work / "stubs", "stubs", stubs)
        jar = work / "stubs.jar"
        pack(((path.relative_to(classes).as_posix(), path) for path in files_below(classes)), jar)
        return [jar]
    folder = work / "archives"
    folder.mkdir()
    artifacts = [{"name": name, "version": VERSIONS[version]} for name, version in _TENSORFLOW]
    _maven_run(maven, folder, "archives.xml.j2", folder=folder, artifacts=artifacts)
    jars = []
    for artifact in artifacts:
        jar = folder / f"{artifact['name']}.jar"
        with zipfile.ZipFile(jar.with_suffix(".aar")) as archive:
            jar.write_bytes(archive.read("classes.jar"))
        jars.append(jar)
    return jars


def compile_sources(folder: Path, name: str, sources: Path, jars: Sequence[Path] = (), *, strict: bool = True) -> Path:
    """Compile the Kotlin ``sources`` against Android and ``jars`` in the new ``folder`` and return that of the classes.

    ``strict`` makes warnings errors, and asks for explicit visibility. Raises ``SdkgenError`` if a tool is missing or
    the compiler fails.
    """
    folder.mkdir()
    _maven_run(
        _maven(),
        folder,
        "pom.xml.j2",
        versions=VERSIONS,
        name=name,
        sources=sources,
        target=folder / "target",
        android_jar=_android_jar(),
        runtime_jars=[{"name": jar.stem, "path": jar} for jar in jars],
        strict=strict,
    )
    return folder / "target" / "classes"


def _android_jar() -> Path | None:
    """Return android.jar of the newest platform in an installed Android SDK."""
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if home := os.environ.get(variable):
            jars = Path(home).glob("platforms/android-*/android.jar")
            numbered = [
                (int(found[1]), jar) for jar in jars if (found := re.fullmatch(r"android-(\d+)", jar.parent.name))
            ]
            if numbered:
                return max(numbered)[1]
    return None


def _maven_run(maven: str, work: Path, template: str, **values: Any) -> None:
    """Run Maven's compile phase in ``work`` on the project that ``template`` makes of ``values``."""
    found = environment(resources.path("templates") / "kotlin" / "aar").get_template(template)
    (work / "pom.xml").write_text(found.render(values), encoding="utf-8")
    command = [maven, "-B", "-q", "compile"]
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SdkgenError(
            f"Maven did not end within {_TIMEOUT_SECONDS // 60} minutes",
            context="--aar",
            hint="Check the connection to Maven's repositories, or build without --aar.",
            reference="aar-failed",
        ) from error
    if done.returncode:
        mark = "[ERROR] "
        faults = [line.removeprefix(mark) for line in done.stdout.splitlines() if line.startswith(mark)]
        raise SdkgenError(
            f"the library could not be compiled: {faults[0] if faults else done.stderr[-500:]}",
            context="--aar",
            hint="Check the connection to Maven's repositories, or build without --aar and let Gradle compile it.",
            reference="aar-failed",
        )


def _manifest(context: SdkContext, bundle: Path) -> str:
    """Return the library's manifest with what Gradle adds to it: the package and the first Android version."""
    text = (bundle / LIBRARY / "src" / "main" / "AndroidManifest.xml").read_text(encoding="utf-8")
    head = 'xmlns:android="http://schemas.android.com/apk/res/android"'
    sdk = f'    <uses-sdk android:minSdkVersion="{VERSIONS["min_sdk"]}" />'
    return text.replace(f"{head}>", f'{head}\n    package="{context.package}">\n\n{sdk}', 1)
