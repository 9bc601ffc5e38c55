"""The .aar: what is in it, what is not, and what is said where it cannot be made."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from sdkgen import console
from sdkgen.errors import SdkgenError
from sdkgen.files import sha256_bytes, sha256_path
from sdkgen.render import aar, kotlin, maven, selftest
from tests.conftest import Run
from tests.kotlin import references
from tests.kotlin.litert_api import DESCRIPTORS, PACKAGE
from tests.kotlin.maven import found
from tests.render.test_kotlin import context_of, stand_in
from tests.toolchains import require

ANDROID = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(autouse=True)
def golden_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "selftest", lambda *_given, **_options: b"stand-in for a self-test")


@pytest.mark.kotlin
@pytest.mark.slow
def test_command_line_packs_both_models_of_a_tracker(run: Run, tmp_path: Path) -> None:
    require("kotlin", found(), "install a JDK (17 or later) and Maven")
    options = ("--pipeline", "track", "--aar", "--name", "Faces", "--package", "org.acme.faces")
    done = run("build", "--target", "android", *options, "--out", "out", "--json", cwd=tmp_path, timeout=1200)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["pipeline"] == "track"
    bundle = tmp_path / "out"
    with zipfile.ZipFile(bundle / "Faces.aar") as archive:
        assert archive.testzip() is None
        entries = {entry.filename: entry for entry in archive.infolist()}
        assert manifest["parts"] == {name: entry.compress_size for name, entry in entries.items()}
        assert sorted(name for name in entries if name.startswith("assets/")) == [
            "assets/org_acme_faces/blazeface-front.tflite",
            "assets/org_acme_faces/face-landmark.tflite",
            "assets/org_acme_faces/landmarks-selftest.bin",
            "assets/org_acme_faces/selftest.bin",
        ]
        assert [artifact["model"] for artifact in manifest["artifacts"]] == ["blazeface-front", "face-landmark"]
        for artifact in manifest["artifacts"]:
            entry = entries[f"assets/org_acme_faces/{Path(artifact['path']).name}"]
            assert entry.compress_type == zipfile.ZIP_STORED
            assert sha256_bytes(archive.read(entry)) == artifact["sha256"] == sha256_path(bundle / artifact["path"])
        classes = zipfile.ZipFile(io.BytesIO(archive.read("classes.jar"))).namelist()
    assert {"org/acme/faces/FaceDetector.class", "org/acme/faces/FaceTracker.class"} <= set(classes)
    library = bundle / "maven" / "org" / "acme" / "faces" / "detector" / "1.0.0"
    assert (library / "detector-1.0.0.aar").read_bytes() == (bundle / "Faces.aar").read_bytes()
    # The compiler's own output is no part of the bundle.
    assert sorted(path.name for path in bundle.glob("*.aar")) == ["Faces.aar"]
    assert not list(bundle.rglob("*.class"))


@pytest.mark.kotlin
@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["litert", "tflite", "play-services"])
def test_archive_is_complete_and_holds_nothing_else(tmp_path: Path, runtime: str) -> None:
    require("kotlin", found(), "install a JDK (17 or later) and Maven")
    artifact = stand_in(tmp_path)
    context = context_of(artifact, runtime)
    kotlin.render(context, (artifact,), tmp_path / "bundle")
    target = tmp_path / "BlazeFace.aar"
    parts = aar.make_aar(context, tmp_path / "bundle", target)

    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        entries = {entry.filename: entry for entry in archive.infolist()}
        assert sorted(entries) == [
            "AndroidManifest.xml",
            "R.txt",
            "assets/com_example_blazeface/blazeface-front.tflite",
            "assets/com_example_blazeface/selftest.bin",
            "baseline-prof.txt",
            "classes.jar",
            "proguard.txt",
        ]
        assert parts == {name: entry.compress_size for name, entry in entries.items()}
        model = entries["assets/com_example_blazeface/blazeface-front.tflite"]
        assert model.compress_type == zipfile.ZIP_STORED
        assert archive.read(model) == artifact.path.read_bytes()
        root = ET.fromstring(archive.read("AndroidManifest.xml"))
        assert root.get("package") == context.package
        sdk = root.find("uses-sdk")
        assert sdk is not None
        assert sdk.get(f"{ANDROID}minSdkVersion") == "24"
        assert len(root.findall("application/uses-native-library")) == 3
        assert b"-keep" in archive.read("proguard.txt")
        jar = zipfile.ZipFile(io.BytesIO(archive.read("classes.jar")))
        classes = jar.namelist()
    read = {name: jar.read(name) for name in classes if name.endswith(".class")}
    assert references.missing(read, PACKAGE, DESCRIPTORS) == []
    # What compilers older than the one used here can read.
    assert {metadata_version(jar.read(name)) for name in classes if name.endswith("FaceDetector.class")} == {(2, 2)}
    # No stand-ins, no runtime, nothing but the library's own package; no native code whose pages could be misaligned.
    own = [name for name in classes if name.startswith("com/example/blazeface/")]
    assert set(classes) - set(own) == {"META-INF/BlazeFace.kotlin_module"}
    for name in ("FaceDetector", "FaceDetectorOptions$Builder", "Face", "Frame", "Ladder", "Model"):
        assert f"com/example/blazeface/{name}.class" in own
    engine = {"litert": "LiteRtEngine", "tflite": "TfLiteEngine", "play-services": "LiteRtEngine"}
    assert f"com/example/blazeface/{engine[runtime]}.class" in own
    assert ("com/example/blazeface/PlayServicesRuntime.class" in own) == (runtime == "play-services")

    if runtime != "litert":
        return
    first = sha256_path(target)
    aar.make_aar(context, tmp_path / "bundle", target)
    assert sha256_path(target) == first


def metadata_version(content: bytes) -> tuple[int, ...]:
    """Return the first two numbers of the Kotlin metadata's version, as ``javap`` prints the annotation."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "C.class"
        path.write_bytes(content)
        listed = subprocess.run(["javap", "-v", str(path)], capture_output=True, text=True, check=True).stdout
    found = re.search(r"mv=\[(\d+),(\d+),\d+\]", listed)
    assert found
    return int(found[1]), int(found[2])


def test_references_that_the_real_runtime_lacks_are_found(tmp_path: Path) -> None:
    if not shutil.which("javac"):
        pytest.skip("needs a JDK")
    folder = tmp_path / "com" / "google" / "ai" / "edge" / "litert"
    folder.mkdir(parents=True)
    (folder / "TensorBuffer.java").write_text(
        "package com.google.ai.edge.litert; public class TensorBuffer {"
        " public void close() {} public int[] readFloat() { return null; } }"
    )
    (tmp_path / "User.java").write_text(
        "class User { void use(com.google.ai.edge.litert.TensorBuffer b) { b.readFloat(); b.close(); } }"
    )
    subprocess.run(["javac", "-d", ".", "User.java", str(folder / "TensorBuffer.java")], cwd=tmp_path, check=True)
    # The name is right and the type is not; close() comes from the parent.
    found_missing = references.missing({"User": (tmp_path / "User.class").read_bytes()}, PACKAGE, DESCRIPTORS)
    assert found_missing == ["com/google/ai/edge/litert/TensorBuffer readFloat:()[I"]


def test_repository_names_what_the_library_needs(tmp_path: Path) -> None:
    artifact = stand_in(tmp_path)
    context = context_of(artifact)
    bundle = tmp_path / "bundle"
    kotlin.render(context, (artifact,), bundle)
    packed = tmp_path / "x.aar"
    packed.write_bytes(b"aar")
    folder = maven.write_repository(context, bundle, packed, tmp_path / "one")
    assert folder == tmp_path / "one" / "com" / "example" / "blazeface" / "detector" / "1.0.0"
    names = [f"detector-1.0.0{end}" for end in ("-javadoc.jar", "-sources.jar", ".aar", ".pom")]
    assert sorted(path.name for path in folder.iterdir()) == names
    with zipfile.ZipFile(folder / names[1]) as sources:
        assert "com/example/blazeface/FaceDetector.kt" in sources.namelist()
    space = "{http://maven.apache.org/POM/4.0.0}"
    dependencies = {
        element.findtext(f"{space}artifactId"): (element.findtext(f"{space}version"), element.findtext(f"{space}scope"))
        for element in ET.parse(folder / names[3]).getroot().iter(f"{space}dependency")
    }
    assert dependencies == {
        "kotlin-stdlib": ("2.2.0", "compile"),
        "kotlinx-coroutines-core": ("1.9.0", "compile"),
        "litert": ("2.3.0", "runtime"),
        "litert-gpu": ("2.3.0", "runtime"),
    }
    again = maven.write_repository(context, bundle, packed, tmp_path / "two")
    assert [sha256_path(again / name) for name in names] == [sha256_path(folder / name) for name in names]


def test_what_apps_must_compile_against_is_compile_scope(tmp_path: Path) -> None:
    artifact = stand_in(tmp_path)
    context = context_of(artifact, "play-services")
    bundle = tmp_path / "bundle"
    kotlin.render(context, (artifact,), bundle)
    packed = tmp_path / "x.aar"
    packed.write_bytes(b"aar")
    pom = (maven.write_repository(context, bundle, packed, tmp_path / "maven") / "detector-1.0.0.pom").read_text()
    found_scope = re.search(r"<artifactId>play-services-litert</artifactId>.*?<scope>(\w+)</scope>", pom, re.DOTALL)
    assert found_scope
    assert found_scope[1] == "compile"


def test_missing_tool_chain_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = stand_in(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SdkgenError, match="a JDK and Maven cannot be found") as caught:
        aar.make_aar(context_of(artifact), tmp_path, tmp_path / "x.aar")
    assert caught.value.reference == "missing-toolchain"
    assert not (tmp_path / "x.aar").exists()


def test_failing_compiler_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = stand_in(tmp_path)
    monkeypatch.setattr(aar, "_maven", lambda: "mvn")
    failed = subprocess.CompletedProcess([], 1, stdout="[INFO] fine\n[ERROR] Foo.kt:1 \x1b[31mno\n", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: failed)
    with pytest.raises(SdkgenError, match=r"Foo\.kt:1") as caught:
        aar.make_aar(context_of(artifact), tmp_path, tmp_path / "x.aar")
    assert caught.value.reference == "aar-failed"
    console.print_error(caught.value)
    assert r"Foo.kt:1 \x1b[31mno" in capsys.readouterr().err
    assert not (tmp_path / "x.aar").exists()
