"""Builds and tests the Swift package of every model and layout with a real compiler, off a Mac."""

from __future__ import annotations

import difflib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from sdkgen.artifact import Layout
from sdkgen.bench.runs import sdk_ios
from sdkgen.formats import Pipeline
from tests.swift.api import api
from tests.swift.harness import CHECKOUT, HERE, NAME, Swift, assemble, find_swift, render, work_folder
from tests.toolchains import require

pytestmark = [pytest.mark.swift, pytest.mark.slow, pytest.mark.network]

API: dict[Pipeline, Path] = {"detect": HERE / "api.txt", "track": HERE / "api-track.txt"}
GOLDEN = CHECKOUT / "tests" / "golden"
LAYOUTS: tuple[Layout, ...] = ("standard", "joined")
VARIANTS: list[tuple[str, Layout, Pipeline]] = [
    *((model, layout, "detect") for model in ("blazeface-back", "blazeface-full-range") for layout in LAYOUTS),
    *(("blazeface-front", layout, "detect") for layout in LAYOUTS),
    ("blazeface-full-range", "standard", "track"),
    ("blazeface-front", "joined", "track"),
]
"""The ones that the other tests look at come last of their pipeline, so that they need not be built again for them."""


@pytest.fixture(scope="module")
def swift() -> Swift:
    """The tool chain."""
    found, why = find_swift()
    require("swift", found, why)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[Pipeline, Path]:
    """The rendered packages of the default model."""
    folder = tmp_path_factory.mktemp("front")
    return {
        pipeline: render("blazeface-front", "joined", folder / pipeline / NAME, pipeline=pipeline)
        for pipeline in get_args(Pipeline)
    }


@pytest.fixture(params=get_args(Pipeline))
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """Each pipeline in turn."""
    found: Pipeline = request.param
    return found


@pytest.fixture
def bundle(bundles: dict[Pipeline, Path], pipeline: Pipeline) -> Path:
    """The rendered package of the default model for a pipeline."""
    return bundles[pipeline]


@pytest.mark.parametrize(("model", "layout", "pipeline"), VARIANTS)
def test_golden_vectors_and_detector(
    swift: Swift, model: str, layout: Layout, pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = assemble(render(model, layout, tmp_path / NAME, pipeline=pipeline), work_folder(pipeline))
    env = {"GOLDEN": str(GOLDEN)}
    # Both language modes are held to: Swift 6 in debug, Swift 5 in release.
    debug = ["swift", "test", "--skip", "PerformanceTests"]
    said = _test(swift, debug, folder, binds=[GOLDEN], env={**env, "HARNESS_LANGUAGE": "6"})
    assert "'PostprocessorTests' passed" in said
    assert "'StreamTests' passed" in said
    assert ("'TrackerTests' passed" in said) == (pipeline == "track")
    # What the benchmark prints is what sdkgen bench reads.
    assert len(sdk_ios.parse(said, runs=3)) == (4 if pipeline == "track" else 2)
    release = [*debug, "--configuration", "release", "-Xswiftc", "-enable-testing"]
    assert "'PostprocessorTests' passed" in _test(
        swift, release, folder, binds=[GOLDEN], env={**env, "HARNESS_LANGUAGE": "5"}
    )


def test_core_ai_comes_first_where_it_is_and_the_package_compiles_where_it_is_not(swift: Swift, tmp_path: Path) -> None:
    bundle = render("blazeface-front", "joined", tmp_path / NAME, pipeline="track", runtime="both")
    without = assemble(bundle, work_folder("coreai"))
    _run(swift, ["swift", "build", "--scratch-path", ".build-without", "--target", NAME], without)
    folder = assemble(bundle, work_folder("coreai"), core_ai_tests=True)
    env = {"HARNESS_LANGUAGE": "6", "HARNESS_CORE_AI": "1"}
    said = _test(swift, ["swift", "test", "--filter", "CoreAITests"], folder, env=env)
    assert "'CoreAITests' passed" in said
    if swift.has("swift-format", bundle):
        _run(swift, ["swift-format", "lint", "--strict", "--recursive", "Sources"], bundle)


@pytest.mark.parametrize(
    ("name", "pipeline", "flags"),
    [
        (NAME, "detect", ()),
        ("Selfie_2", "track", ("--configuration", "release", "-Xswiftc", "-enable-testing")),
    ],
)
def test_package_itself_builds_and_passes_its_tests(
    swift: Swift, name: str, pipeline: Pipeline, flags: tuple[str, ...], tmp_path: Path
) -> None:
    folder = render("blazeface-front", "joined", tmp_path / "package", name=name, pipeline=pipeline)
    command = ["swift", "test", *flags, "-Xswiftc", "-warnings-as-errors"]
    assert "'CoreTests' passed" in _test(swift, command, folder)


def test_manifest_as_a_mac_reads_it(swift: Swift, bundle: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / NAME
    shutil.copytree(bundle, folder)
    manifest = folder / "Package.swift"
    manifest.write_text(manifest.read_text().replace("#if canImport(Darwin)", "#if canImport(Foundation)"))
    resources = folder / "Sources" / NAME / "Resources"
    packages = {path.name for path in resources.glob("*.mlpackage")}

    # SwiftPM remembers what a manifest said by its text alone, not by which files it asked about.
    command = ["swift", "package", "--manifest-cache", "none", "describe", "--type", "json"]

    def describe(**env: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_run(swift, command, folder, env=env).stdout)
        return {target["name"]: target for target in found["targets"]}

    def shipped(target: dict[str, Any]) -> set[str]:
        return {Path(resource["path"]).name for resource in target["resources"]}

    always = {"selftest.bin", "PrivacyInfo.xcprivacy"}
    if pipeline == "track":
        always.add("landmarks-selftest.bin")
    assert shipped(describe()[NAME]) == packages | always
    single = describe(SDKGEN_FRAMEWORK="1")
    assert list(single) == [NAME]
    assert "BlazeFaceCore/Face.swift" in single[NAME]["sources"]
    assert shipped(single[NAME]) == packages | always
    for package in packages:
        (resources / package).with_suffix(".mlmodelc").mkdir()
    compiled = {Path(package).with_suffix(".mlmodelc").name for package in packages}
    assert shipped(describe()[NAME]) == compiled | always


def test_lines_of_the_readme_add_the_package_whatever_its_folder_is_called(
    swift: Swift, bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "blazeface-front-ios"
    shutil.copytree(bundle, folder)
    manifest = folder / "Package.swift"
    manifest.write_text(manifest.read_text().replace("#if canImport(Darwin)", "#if canImport(Foundation)"))
    readme = (bundle / "README.md").read_text()
    package, product = (line.split("//")[0].strip() for line in readme.splitlines() if line.startswith((".pa", ".pr")))
    app = tmp_path / "App"
    (app / "Sources" / "App").mkdir(parents=True)
    (app / "Sources" / "App" / "App.swift").write_text("")
    (app / "Package.swift").write_text(f"""// swift-tools-version: 5.9
import PackageDescription
let package = Package(
    name: "App", platforms: [.iOS(.v16), .macOS(.v13)],
    dependencies: [{package.replace("FOLDER", folder.name)}],
    targets: [.target(name: "App", dependencies: [{product}])]
)
""")
    _run(swift, ["swift", "package", "show-dependencies"], app, binds=[tmp_path])


@pytest.mark.parametrize(
    ("pipeline", "target", "variant"),
    [
        # A package that tracks holds all that detects.
        ("track", NAME, {"HARNESS_PLATFORM": "macOS"}),
        ("track", NAME, {"HARNESS_FRAMEWORK": "1"}),
        ("detect", "FaceOverlay", {"HARNESS_EXAMPLE": "1"}),
        ("track", "FaceOverlay", {"HARNESS_EXAMPLE": "1"}),
    ],
)
def test_other_ways_to_build_compile(
    swift: Swift, bundle: Path, pipeline: Pipeline, target: str, variant: dict[str, str]
) -> None:
    scratch = ["--scratch-path", f".build-{'-'.join(variant).lower()}"]
    folder = assemble(bundle, work_folder(pipeline))
    _run(swift, ["swift", "build", *scratch, "--target", target], folder, env=variant)


def test_sources_are_formatted(swift: Swift, bundle: Path) -> None:
    require("swift-format", swift.has("swift-format", bundle), "it comes with Swift 6")
    _run(swift, ["swift-format", "lint", "--strict", "--recursive", "."], bundle)


def test_public_api_is_the_committed_one(swift: Swift, bundle: Path, pipeline: Pipeline) -> None:
    graphs = _symbol_graphs(swift, bundle, pipeline)
    found = api(sorted(graphs.glob("*.symbols.json")))
    committed = API[pipeline].read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(committed.splitlines(), found.splitlines(), "committed", "found"))
    assert found == committed, f"The API changed. If it should: python -m tests.swift.test_package\n{difference}"


def test_documentation_has_no_broken_link(swift: Swift, bundle: Path, pipeline: Pipeline) -> None:
    require("docc", swift.has("docc", bundle), "it comes with the tool chain")
    graphs = _symbol_graphs(swift, bundle, pipeline)
    (graphs / f"{NAME}Core.symbols.json").unlink()
    command = ["docc", "convert", f"Sources/{NAME}/Documentation.docc", "--additional-symbol-graph-dir", str(graphs)]
    names = ["--fallback-display-name", NAME, "--fallback-bundle-identifier", "org.example.docs"]
    folder = work_folder(pipeline)
    _run(swift, [*command, *names, "--output-path", str(graphs / "docs"), "--warnings-as-errors"], folder)


def _symbol_graphs(swift: Swift, bundle: Path, pipeline: Pipeline) -> Path:
    """Return a folder with the symbol graphs of both modules."""
    folder = assemble(bundle, work_folder(pipeline))
    _run(swift, ["swift", "build", "--target", NAME], folder)
    graphs = folder / ".symbol-graphs"
    shutil.rmtree(graphs, ignore_errors=True)
    graphs.mkdir()
    info = json.loads(_run(swift, ["swiftc", "-print-target-info"], folder).stdout)
    for module in (NAME, f"{NAME}Core"):
        command = ["swift-symbolgraph-extract", "-module-name", module, "-I", ".build/debug/Modules"]
        options = ["-minimum-access-level", "public", "-skip-inherited-docs", "-skip-synthesized-members"]
        where = ["-target", info["target"]["triple"], "-output-dir", str(graphs)]
        _run(swift, [*command, *options, *where], folder)
    return graphs


def _run(
    swift: Swift, command: Sequence[str], folder: Path, *, binds: Sequence[Path] = (), env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that has to succeed; its last words are the failure's message."""
    try:
        return swift.run(command, folder, binds=binds, env=env)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{' '.join(command)} failed:\n{error.stdout[-8000:]}\n{error.stderr[-4000:]}", pytrace=False)


def _test(
    swift: Swift, command: Sequence[str], folder: Path, *, binds: Sequence[Path] = (), env: dict[str, str] | None = None
) -> str:
    """Run tests that have to pass, and return what they said."""
    done = _run(swift, command, folder, binds=binds, env=env)
    return done.stdout + done.stderr


def regenerate(folder: Path) -> None:
    """Write the API dumps anew, from packages rendered into ``folder``."""
    swift = Swift.find()
    for pipeline, file in API.items():
        bundle = render("blazeface-front", "joined", folder / pipeline / NAME, pipeline=pipeline)
        graphs = _symbol_graphs(swift, bundle, pipeline)
        file.write_text(api(sorted(graphs.glob("*.symbols.json"))), encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        regenerate(Path(work))
