"""The rendered package for blazeface-front as text, so that a change of a template shows what it changes.

``golden/files.txt`` lists every file of the package with its sha256; files that are rendered from a template are also
kept in full. The model and the golden input are stand-ins: neither is the renderer's work, and rendering then needs no
torch. Written by ``python -m tests.swift.golden`` (``nox -s golden``).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sdkgen import resources
from sdkgen.artifact import Artifact, ArtifactRecord, Layout, Precision, TensorRecord
from sdkgen.detection.layout import JOINED, joined_shape
from sdkgen.files import files_below, sha256_path, size_of
from sdkgen.render import selftest, swift
from sdkgen.render.context import SdkContext
from sdkgen.spec.registry import load_model

GOLDEN = Path(__file__).resolve().parent / "golden"
NAME = "BlazeFace"


def artifact(folder: Path, model: str, precision: Precision, layout: Layout = "joined") -> Artifact:
    """Return a stand-in for a converted model, made in ``folder``."""
    path = folder / f"{model}-{precision}.mlpackage"
    (path / "Data").mkdir(parents=True)
    (path / "Manifest.json").write_text("{}\n")
    (path / "Data" / "model.mlmodel").write_text(f"{model} {precision}\n")
    spec = load_model(model)
    shapes = {JOINED: joined_shape(spec)} if layout == "joined" else {o.name: o.shape for o in spec.outputs}
    record = ArtifactRecord(
        path=path.name,
        model=model,
        format="coreml",
        precision=precision,
        outputs_layout=layout,
        bytes=size_of(path),
        sha256=sha256_path(path),
        ops={"conv": 1},
        inputs=(TensorRecord(name="image", shape=(1, 3, 128, 128), dtype="uint8"),),
        outputs=tuple(TensorRecord(name=name, shape=shape, dtype="float32") for name, shape in shapes.items()),
        weights_sha256=spec.weights.sha256,
        trained=spec.trained,
    )
    return Artifact(path, record)


def context(
    model: str,
    artifacts: tuple[Artifact, ...],
    *,
    name: str = NAME,
    layout: Layout = "joined",
    landmarker: str | None = None,
) -> SdkContext:
    """Return the context of a package around ``artifacts``, which tracks if a ``landmarker`` is named."""
    return SdkContext(
        name=name,
        package="org.example.faces",
        spec=load_model(model),
        artifacts=tuple(one.record for one in artifacts if one.record.model == model),
        landmarker=load_model(landmarker) if landmarker else None,
        landmarker_artifacts=tuple(one.record for one in artifacts if one.record.model != model),
        layout=layout,
        precision="fp16",
        runtime="coreml",
        sdkgen_version="0.0.0",
        tools={},
        weights=None,
        trust=False,
    )


def render_front(out: Path, artifacts: tuple[Artifact, ...]) -> None:
    """Render the golden package into ``out``; the caller has put a stand-in in the place of ``selftest.selftest``."""
    swift.render(context("blazeface-front", artifacts), artifacts, out)


def listing(out: Path) -> str:
    """Return a line for each file of a package: its sha256 and its place."""
    return "".join(f"{sha256_path(file)}  {file.relative_to(out).as_posix()}\n" for file in files_below(out))


def rendered_files(out: Path) -> list[Path]:
    """Return the files of a package for blazeface-front that come from a ``.j2`` template."""
    templates = resources.path("templates") / "swift" / "bundle"
    constant = {
        file.relative_to(templates).as_posix().replace("{{ name }}", NAME)
        for file in files_below(templates)
        if file.suffix != ".j2"
    }
    resource_folder = f"Sources/{NAME}/Resources/"
    places = [(file, file.relative_to(out).as_posix()) for file in files_below(out)]
    return [file for file, place in places if place not in constant and not place.startswith(resource_folder)]


def regenerate() -> None:
    """Write ``golden/`` anew."""
    selftest.selftest = lambda *_, **__: b"SDKG"
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "out"
        artifacts = tuple(artifact(Path(work), "blazeface-front", precision) for precision in ("fp16", "fp32"))
        render_front(out, artifacts)
        shutil.rmtree(GOLDEN, ignore_errors=True)
        for file in rendered_files(out):
            target = GOLDEN / "rendered" / f"{file.relative_to(out).as_posix()}.txt"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        (GOLDEN / "files.txt").write_text(listing(out), encoding="utf-8")


if __name__ == "__main__":
    regenerate()
