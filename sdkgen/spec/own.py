"""Model files of the user's own: a spec in TOML, and the .tflite file that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdkgen.errors import ConvertError, SpecError
from sdkgen.files import sha256_bytes
from sdkgen.spec.base import read_toml

if TYPE_CHECKING:
    from sdkgen.spec.model import ModelSpec
    from sdkgen.tflite.graph import Graph


def read_spec(path: Path) -> ModelSpec:
    """Return the model that the file at ``path`` describes; the weights that it names lie relative to it.

    Their sha256 and size may be left out: then whatever lies there is the model's.

    Raises ``SpecError`` that cites file and key, or names everything in which the spec contradicts the weights' file.
    """
    from sdkgen.spec.model import ModelSpec, WeightsSpec

    spec = read_toml(path, ModelSpec, complete=lambda data: _complete(data, path))
    if isinstance(spec.weights, WeightsSpec) and spec.weights.file is not None:
        _check_file(spec, Path(spec.weights.file), path)
    return spec


def _complete(data: dict[str, Any], path: Path) -> None:
    """Put the place of the weights' file, its sha256 and its size into what the spec's file says."""
    weights = data.get("weights")
    if not isinstance(weights, dict) or not isinstance(weights.get("file"), str):
        return
    file = (path.parent / weights["file"]).resolve()
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SpecError(
            f"the weights cannot be read: {error.strerror}",
            context=f"{path}: weights.file",
            hint=f"The path is relative to the spec: {file} is where they should be.",
        ) from error
    found = {"sha256": sha256_bytes(content), "bytes": len(content)}
    for key, value in found.items():
        if weights.setdefault(key, value) != value:
            raise SpecError(
                f"the weights at {weights['file']} are {value}, and the spec says {weights[key]}",
                context=f"{path}: weights.{key}",
                hint="Take the key out if the weights may change; else give the file that it belongs to.",
                reference="spec-contradicts-file",
            )
    weights["file"] = str(file)


def _check_file(spec: ModelSpec, file: Path, path: Path) -> None:
    """Raise ``SpecError`` that names every contradiction between the spec and the graph in its file."""
    from sdkgen.spec.outputs import arrange
    from sdkgen.tflite import graph

    graphs = graph.read(file)
    if len(graphs) != 1:
        return  # of which the importer says all
    (whole,) = graphs
    faults = list(_input_faults(spec, whole))
    try:
        arrange(whole.named(whole.outputs), spec)
    except ConvertError as error:
        faults.append(error.message)
    if faults:
        outputs = ", ".join(f"{name!r} {shape}" for name, shape in whole.named(whole.outputs))
        raise SpecError(
            "; ".join(faults),
            context=f"{path}, against {file}",
            hint=f"The file's outputs are {outputs}. sdkgen models new writes a spec that fits a file.",
            reference="spec-contradicts-file",
        )


def _input_faults(spec: ModelSpec, whole: Graph) -> list[str]:
    shapes = [shape for _, shape in whole.named(whole.inputs)]
    wanted = (1, spec.input.height, spec.input.width, 3)
    return [] if shapes == [wanted] else [f"input is {wanted}, and the file takes {', '.join(map(str, shapes))}"]
