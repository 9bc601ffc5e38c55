"""The rendered Android project: its text for one model, and what is refused before anything is rendered."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sdkgen.artifact import Artifact, ArtifactRecord, Layout, TensorRecord
from sdkgen.detection.layout import JOINED, joined_shape
from sdkgen.errors import UsageError
from sdkgen.files import files_below, sha256_path
from sdkgen.render import kotlin, selftest
from sdkgen.render.context import SdkContext
from sdkgen.spec.registry import LANDMARKER, load_model
from sdkgen.weights.fetch import described

GOLDEN = Path(__file__).parents[1] / "kotlin" / "golden-tree.json"
"""sha256 of every file of the bundle around a stand-in model, but for its unit tests, which are copies of sdkgen's own;
python -m tests.render.test_kotlin writes it anew."""

RUNTIMES = ("litert", "tflite", "play-services")
PIPELINES = ("detect", "track")


def stand_in(folder: Path, *, model: str = "blazeface-front", layout: Layout = "joined") -> Artifact:
    """Return an artifact with the outputs of a real one and a few bytes in the place of the model."""
    spec = load_model(model)
    shapes = {JOINED: joined_shape(spec)} if layout == "joined" else {o.name: o.shape for o in spec.outputs}
    outputs = [TensorRecord(name=name, shape=shape, dtype="float32") for name, shape in shapes.items()]
    path = folder / f"{model}.tflite"
    path.write_bytes(b"stand-in for a model")
    record = ArtifactRecord(
        path=path.name,
        model=model,
        format="tflite",
        precision="fp16",
        outputs_layout=layout,
        bytes=path.stat().st_size,
        sha256=sha256_path(path),
        ops={},
        inputs=(),
        # In an order that is not the model's: a runtime may list them so.
        outputs=tuple(reversed(outputs)),
        weights_sha256="0" * 64,
        trained=True,
    )
    return Artifact(path, record)


def context_of(
    artifact: Artifact,
    runtime: str = "litert",
    package: str = "com.example.blazeface",
    landmarks: Artifact | None = None,
) -> SdkContext:
    return SdkContext(
        name="BlazeFace",
        package=package,
        spec=load_model(artifact.record.model),
        artifacts=(artifact.record,),
        layout=artifact.record.outputs_layout,
        precision="fp16",
        runtime=runtime,
        landmarker=load_model(landmarks.record.model) if landmarks else None,
        landmarker_artifacts=(landmarks.record,) if landmarks else (),
        sdkgen_version="0.0.0",
        tools={},
    )


def render(
    out: Path,
    *,
    runtime: str = "litert",
    package: str = "com.example.blazeface",
    pipeline: str = "detect",
    model: str = "blazeface-front",
    layout: Layout = "joined",
) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    artifacts = [stand_in(out, model=model, layout=layout)]
    if pipeline == "track":
        artifacts.append(stand_in(out, model=LANDMARKER))
    bundle = out / "bundle"
    kotlin.render(context_of(artifacts[0], runtime, package, *artifacts[1:]), artifacts, bundle)
    return bundle


def tree(out: Path, runtime: str, pipeline: str) -> dict[str, str]:
    """Return the hash of every file of a bundle that is rendered."""
    bundle = render(out, runtime=runtime, pipeline=pipeline)
    files = [file for file in files_below(bundle) if (bundle / "detector" / "src" / "test") not in file.parents]
    return {file.relative_to(bundle).as_posix(): sha256_path(file) for file in files}


@pytest.fixture(autouse=True)
def golden_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a few bytes in the place of the self-tests, which need torch and the weights."""
    for function in ("selftest", "landmarks"):
        monkeypatch.setattr(selftest, function, lambda *_given, **_options: b"stand-in for a self-test")


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_text_is_the_golden_one(tmp_path: Path, runtime: str, pipeline: str) -> None:
    found = tree(tmp_path, runtime, pipeline)
    expected = json.loads(GOLDEN.read_text())[f"{pipeline}-{runtime}"]
    changed = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    assert not changed, (
        "if the change is meant: python -m tests.render.test_kotlin, and review the diff of the templates"
    )


def test_only_the_chosen_runtime_is_in_the_bundle(tmp_path: Path) -> None:
    litert, tflite = (render(tmp_path / runtime, runtime=runtime) for runtime in ("litert", "tflite"))
    for bundle, absent in ((litert, "org.tensorflow"), (tflite, "com.google.ai.edge.litert.")):
        for file in (*bundle.rglob("*.kt"), *bundle.rglob("*.kts"), *bundle.rglob("*.toml"), *bundle.rglob("*.pro")):
            assert absent not in file.read_text(), file
    assert len(list(litert.rglob("*Engine.kt"))) == len(list(tflite.rglob("*Engine.kt"))) == 2


@pytest.mark.parametrize(
    ("runtime", "wanted", "version"),
    [
        ("litert", {"litert", "litert-gpu"}, "2."),
        ("tflite", {"litert", "litert-api", "litert-gpu", "litert-gpu-api"}, "1.4."),
    ],
)
def test_gpu_artifacts_are_among_the_dependencies(tmp_path: Path, runtime: str, wanted: set[str], version: str) -> None:
    # The last of LiteRT 1 has TensorFlow Lite's classes, linked for pages of 16 KB as Play wants them.
    build = (render(tmp_path, runtime=runtime) / "detector" / "build.gradle.kts").read_text()
    used = re.findall(r'implementation\("com.google.ai.edge.litert:([^:]+):([^"]+)"\)', build)
    assert {name for name, _ in used} == wanted
    assert all(found.startswith(version) for _, found in used)


def test_library_can_be_copied_without_the_project_around_it(tmp_path: Path) -> None:
    build = (render(tmp_path) / "detector" / "build.gradle.kts").read_text()
    assert "libs." not in build
    assert "allWarningsAsErrors" not in build
    assert 'id("org.jetbrains.kotlin.android")\n    id' not in build
    assert re.search(r"languageVersion = KotlinVersion\.KOTLIN_2_2", build)


def test_play_services_runtime_is_no_part_of_the_app(tmp_path: Path) -> None:
    bundle = render(tmp_path, runtime="play-services")
    build = (bundle / "detector" / "build.gradle.kts").read_text()
    assert 'api("com.google.android.gms:play-services-litert:17.0.0")' in build
    assert "com.google.ai.edge" not in build
    for source in (bundle / "detector" / "src" / "main").rglob("*.kt"):
        # What the library is compiled against can be checked; what Play services have cannot.
        assert "import com.google.android.gms" not in source.read_text()
    for app in ("sample", "benchmark"):
        texts = [source.read_text() for source in (bundle / app).rglob("*.kt")]
        assert any("PlayServicesRuntime.use(" in text for text in texts)
    assert "none, with or without abiFilters" in (bundle / "README.md").read_text()


@pytest.mark.parametrize("app", ["sample", "benchmark"])
def test_apps_remove_the_permissions_that_litert_merges_in(tmp_path: Path, app: str) -> None:
    for runtime, removed in (("litert", 2), ("tflite", 0), ("play-services", 2)):
        manifest = render(tmp_path / runtime, runtime=runtime) / app / "src" / "main" / "AndroidManifest.xml"
        found = [
            permission.get("{http://schemas.android.com/apk/res/android}name", "")
            for permission in ET.parse(manifest).getroot().findall("uses-permission")
            if permission.get("{http://schemas.android.com/tools}node") == "remove"
        ]
        assert len(found) == removed
        assert all("FOREGROUND_SERVICE" in name for name in found)


def test_every_source_names_its_licence(tmp_path: Path) -> None:
    bundle = render(tmp_path, pipeline="track")
    for file in (*bundle.rglob("*.kt"), *bundle.rglob("*.kts")):
        assert file.read_text().startswith("// SPDX-License-Identifier: Apache-2.0\n"), file


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_unit_tests_are_copies_in_the_package_of_the_sdk(tmp_path: Path, pipeline: str) -> None:
    bundle = render(tmp_path, package="org.acme.faces", pipeline=pipeline)
    tests = bundle / "detector" / "src" / "test"
    names = {file.name for file in tests.rglob("*.kt")}
    assert {"PostprocessorGoldenTest.kt", "PreprocessorGoldenTest.kt", "LiveStreamTest.kt", "FakeEngines.kt"} <= names
    assert ("SequenceGoldenTest.kt" in names) == ("CropGoldenTest.kt" in names) == (pipeline == "track")
    for file in tests.rglob("*.kt"):
        assert file.parent == tests / "kotlin" / "org" / "acme" / "faces"
        assert "package org.acme.faces\n" in file.read_text()
        # What needs sdkgen or its harness stays behind.
        assert not re.search(r"sdkgen|com\.example|DesktopEngines", file.read_text()), file
    vectors = {file.relative_to(tests / "golden").parts[0] for file in files_below(tests / "golden")}
    assert vectors == {"blazeface-front", "sequences"} if pipeline == "track" else {"blazeface-front"}
    source = Path(__file__).parents[1] / "golden" / "blazeface-front"
    copied = files_below(tests / "golden" / "blazeface-front")
    assert [sha256_path(file) for file in copied] == [sha256_path(file) for file in files_below(source)]


@pytest.mark.parametrize(("model", "layout"), [("blazeface-paper", "joined"), ("blazeface-front", "standard")])
def test_unit_tests_that_would_not_hold_are_left_out(tmp_path: Path, model: str, layout: Layout) -> None:
    tests = render(tmp_path, model=model, layout=layout) / "detector" / "src" / "test"
    golden = {"PostprocessorGoldenTest.kt", "PreprocessorGoldenTest.kt"}
    assert {file.name for file in tests.rglob("*Test.kt")} == (set() if model == "blazeface-paper" else golden)


@pytest.mark.parametrize("module", ["detector", "camera", "compose"])
def test_each_library_can_be_published_and_has_its_interface_beside_it(tmp_path: Path, module: str) -> None:
    bundle = render(tmp_path, package="org.acme.faces")
    script = (bundle / module / "build.gradle.kts").read_text()
    assert 'groupId = "org.acme.faces"' in script
    assert f'artifactId = "{module}"' in script
    assert all(word in script for word in ("withSourcesJar()", "withJavadocJar()", "licenses {", 'name = "Apache-2.0"'))
    interface = (bundle / module / "api" / f"{module}.api").read_text()
    owner = "org/acme/faces/" if module == "detector" else f"org/acme/faces/{module}/"
    assert f" {owner}" in interface
    assert "com/example" not in interface


def test_keypoints_of_the_interface_are_the_models(tmp_path: Path) -> None:
    interface = (render(tmp_path) / "detector" / "api" / "detector.api").read_text()
    for keypoint in load_model("blazeface-front").detector.keypoints:
        assert f"field {keypoint.upper()} L" in interface
    assert interface.count("()Landroid/graphics/PointF;") == len(load_model("blazeface-front").detector.keypoints)


def test_readme_says_what_an_app_grows_by(tmp_path: Path) -> None:
    readme = (render(tmp_path / "tflite", runtime="tflite") / "README.md").read_text()
    assert "it is 22.3 MB with all four ABIs, 8.9 MB with abiFilters for phones" in readme
    assert "5.4 MB with arm64-v8a alone" in readme
    assert "tensorflow-lite-gpu 2.16.1 on Maven Central" in readme
    litert = (render(tmp_path / "litert") / "README.md").read_text()
    assert "has not measured" in litert
    assert "all four ABIs" not in litert


def test_catalogue_defines_every_alias_that_is_used(tmp_path: Path) -> None:
    bundle = render(tmp_path)
    catalogue = (bundle / "gradle" / "libs.versions.toml").read_text()
    defined = {name.replace("-", ".") for name in re.findall(r"^([\w-]+) = ", catalogue, re.MULTILINE)}
    for script in bundle.rglob("*.kts"):
        for alias in re.findall(r"libs\.(?:versions\.|plugins\.)?([\w.]+?)(?:\.get\(\)|\))", script.read_text()):
            assert alias in defined, f"{script.name}: {alias}"


def test_manifest_asks_for_the_opencl_libraries_without_requiring_them(tmp_path: Path) -> None:
    manifest = render(tmp_path) / "detector" / "src" / "main" / "AndroidManifest.xml"
    android = "{http://schemas.android.com/apk/res/android}"
    libraries = ET.parse(manifest).getroot().findall("application/uses-native-library")
    assert {library.get(f"{android}name"): library.get(f"{android}required") for library in libraries} == {
        "libOpenCL.so": "false",
        "libOpenCL-pixel.so": "false",
        "libOpenCL-car.so": "false",
    }


def test_a_model_without_public_weights_is_trained_with_those_of_the_user(tmp_path: Path) -> None:
    own = tmp_path / "own.tflite"
    own.write_bytes(b"weights")
    made = stand_in(tmp_path, model="blazeface-paper")
    context = context_of(made)
    kotlin.render(context, (made,), tmp_path / "seeded")
    kotlin.render(context.model_copy(update={"spec": described(context.spec, own)}), (made,), tmp_path / "own")
    seeded, given = ((tmp_path / name / "README.md").read_text() for name in ("seeded", "own"))
    assert "The weights are random" in seeded
    assert "The weights are random" not in given


def test_assets_are_kept_apart_by_package(tmp_path: Path) -> None:
    bundle = render(tmp_path, package="org.acme.faces")
    assets = bundle / kotlin.ASSETS
    assert [file.relative_to(assets).as_posix() for file in files_below(assets)] == [
        "org_acme_faces/blazeface-front.tflite",
        "org_acme_faces/selftest.bin",
    ]
    model = next(bundle.rglob("Model.kt")).read_text()
    assert 'ASSET: String = "org_acme_faces/blazeface-front.tflite"' in model
    assert sha256_path(assets / "org_acme_faces" / "blazeface-front.tflite") in model


def test_a_bundle_that_tracks_holds_both_models_and_the_tracker(tmp_path: Path) -> None:
    bundle = render(tmp_path, package="org.acme.faces", pipeline="track")
    assets = bundle / kotlin.ASSETS
    assert [file.relative_to(assets).as_posix() for file in files_below(assets)] == [
        "org_acme_faces/blazeface-front.tflite",
        "org_acme_faces/face-landmark.tflite",
        "org_acme_faces/landmarks-selftest.bin",
        "org_acme_faces/selftest.bin",
    ]
    model = next(bundle.rglob("LandmarkModel.kt")).read_text()
    assert sha256_path(assets / "org_acme_faces" / "face-landmark.tflite") in model
    assert "outputRows = 1, outputWidths = intArrayOf(1405)" in model
    assert next(bundle.rglob("FaceTracker.kt")).is_file()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_bundle_that_detects_holds_nothing_of_the_tracker(tmp_path: Path, runtime: str) -> None:
    bundle = render(tmp_path, runtime=runtime)
    for file in files_below(bundle):
        assert "Track" not in file.name
        if file.suffix not in (".tflite", ".bin", ".f32", ".u8"):
            text = file.read_text()
            assert "FaceTracker" not in text, file
            assert "LandmarkModel" not in text, file


def test_places_are_given_in_the_order_of_the_artifacts(tmp_path: Path) -> None:
    artifacts = (stand_in(tmp_path), stand_in(tmp_path, model=LANDMARKER))
    places = kotlin.render(context_of(artifacts[0], landmarks=artifacts[1]), artifacts, tmp_path / "bundle")
    assert [Path(place).name for place in places] == ["blazeface-front.tflite", "face-landmark.tflite"]
    assert all((tmp_path / "bundle" / place).is_file() for place in places)


@pytest.mark.parametrize(
    ("model", "layout", "widths"),
    [("blazeface-front", "joined", "17"), ("blazeface-front", "standard", "16, 1")],
)
def test_outputs_are_in_the_order_of_a_row(tmp_path: Path, model: str, layout: Layout, widths: str) -> None:
    bundle = render(tmp_path, model=model, layout=layout)
    assert f"outputWidths = intArrayOf({widths})" in next(bundle.rglob("Model.kt")).read_text()


@pytest.mark.parametrize(
    "package",
    ["", "faces", "com..faces", ".com.faces", "com.faces.", "com.1faces", "com.fa-ces", "com.fa ces", "com.Faces",
     "com.new.faces", "com.fun.faces", "com.example.object", "java.faces", "kotlin.faces", "android.faces",
     "com.fäces.x", "com/example", "com.example\n", "com.example;import"],
)  # fmt: skip
def test_package_that_is_no_java_package_is_refused(package: str) -> None:
    with pytest.raises(UsageError) as caught:
        kotlin.check_names("BlazeFace", package)
    assert caught.value.reference == "bad-package"
    assert caught.value.hint


@pytest.mark.parametrize("package", ["com.example", "de.acme.app_2.faces", "io.github.someone.when_then"])
def test_java_packages_are_accepted(package: str) -> None:
    kotlin.check_names("BlazeFace", package)


@pytest.mark.parametrize("name", ["", "1Face", "Face Finder", "Face/Finder", 'Face"', "Gesicht\u00e4"])
def test_name_that_gradle_cannot_use_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="Gradle"):
        kotlin.check_names(name, "com.example.faces")


if __name__ == "__main__":
    import tempfile

    for each in ("selftest", "landmarks"):
        setattr(selftest, each, lambda *_given, **_options: b"stand-in for a self-test")
    trees = {}
    for one, other in itertools.product(PIPELINES, RUNTIMES):
        with tempfile.TemporaryDirectory() as scratch:
            trees[f"{one}-{other}"] = tree(Path(scratch), other, one)
    GOLDEN.write_text(json.dumps(trees, indent=1) + "\n")
