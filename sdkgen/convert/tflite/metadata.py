"""The metadata that TFLite tools read from a file: what goes in, what comes out, labels, normalisation.

It is a flatbuffer of its own (the public schema metadata_schema.fbs, identifier M001), kept in the model's metadata
under the name TFLITE_METADATA; the text files it names lie in a zip archive behind the model. The classes for that
schema are in no package that sdkgen needs, so a dozen tables are written here by their field numbers.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sdkgen.artifact import Layout
from sdkgen.convert.heads import output_names
from sdkgen.detection.anchors import anchors
from sdkgen.detection.layout import JOINED
from sdkgen.spec.model import ModelSpec

NAME = "TFLITE_METADATA"
ANCHORS = "sdkgen.anchors"
_IDENTIFIER = b"M001"
_PARSER = "1.5.0"
_IMAGE, _RGB, _NORMALISATION, _AXIS_LABELS = 2, 1, 1, 2
"""Members of the schema's unions and enumerations: ImageProperties, RGB, NormalizationOptions, TENSOR_AXIS_LABELS."""

Make = Callable[[Any], int]
"""Writes an object into a builder and returns its offset."""


def labels(spec: ModelSpec, layout: Layout) -> dict[str, str]:
    """Return the text files that go with a model: per output what the numbers on its last axis are, one a line."""
    if spec.detection is None:
        return {}
    box = ["center_x", "center_y", "width", "height"]
    box += [f"{name}_{axis}" for name in spec.detection.keypoints for axis in "xy"]
    names = {f"{JOINED}.txt": [*box, "face"]} if layout == "joined" else {"boxes.txt": box, "scores.txt": ["face"]}
    return {file: "".join(f"{line}\n" for line in lines) for file, lines in names.items()}


def archive(files: dict[str, str]) -> bytes:
    """Return a zip archive of text files, uncompressed and with a fixed date, so that it is the same every time."""
    if not files:
        return b""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
        for name, text in files.items():
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return stream.getvalue()


def anchors_digest(spec: ModelSpec) -> str:
    """Return the sha256 of the anchors' centres as little-endian float32, by which an app can check its own."""
    return hashlib.sha256(anchors(spec).astype("<f4").tobytes()).hexdigest()


def metadata(spec: ModelSpec, layout: Layout) -> bytes:
    """Return the metadata flatbuffer of a model."""
    import flatbuffers

    files = labels(spec, layout)
    meanings = {output.name: output.meaning for output in spec.outputs}
    joined = " Then, in the same row: ".join(meanings.values())
    outputs = [
        _table(
            {
                0: _text(name),
                1: _text(meanings.get(name, joined)),
                6: _vector([_file(file) for file in files if file == f"{name}.txt"]),
            }
        )
        for name in output_names(spec, layout)
    ]
    graph: dict[int, Make | tuple[str, int]] = {0: _text(spec.name), 2: _vector([_image(spec)]), 3: _vector(outputs)}
    if spec.detection is not None:
        digest = json.dumps({"count": spec.anchor_count, "sha256": anchors_digest(spec)})
        graph[9] = _vector([_table({0: _text(ANCHORS), 1: _bytes(digest.encode())})])
    model: dict[int, Make | tuple[str, int]] = {
        0: _text(spec.title),
        1: _text(spec.summary),
        3: _vector([_table(graph)]),
        4: _text(spec.weights.author),
        5: _text(spec.weights.licence),
        7: _text(_PARSER),
    }
    builder = flatbuffers.Builder(4096)
    builder.Finish(_table(model)(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _image(spec: ModelSpec) -> Make:
    """Describe the input: an RGB image whose bytes become (byte − mean) / std."""
    size = _table({0: ("Uint32", spec.input.width), 1: ("Uint32", spec.input.height)})
    image = _table({0: ("Uint8", _RGB), 1: size})
    mean, deviation = -spec.input.minimum / spec.input.scale, 1 / spec.input.scale
    normalisation = _table({0: _floats(mean), 1: _floats(deviation)})
    return _table(
        {
            0: _text(spec.input.name),
            1: _text(f"RGB image, scaled to [{spec.input.minimum:g}, {spec.input.maximum:g}]; fit: {spec.input.fit}."),
            3: _table({0: ("Uint8", _IMAGE), 1: image}),
            4: _vector([_table({0: ("Uint8", _NORMALISATION), 1: normalisation})]),
            5: _table({0: _floats(spec.input.maximum), 1: _floats(spec.input.minimum)}),
        }
    )


def _file(name: str) -> Make:
    return _table({0: _text(name), 2: ("Uint8", _AXIS_LABELS)})


def _table(fields: dict[int, Make | tuple[str, int]]) -> Make:
    """Return the maker of a table from its fields by number: a scalar as its type and value, else a maker."""

    def make(builder: Any) -> int:
        offsets = {number: field(builder) for number, field in fields.items() if not isinstance(field, tuple)}
        builder.StartObject(max(fields) + 1)
        for number, field in fields.items():
            if isinstance(field, tuple):
                getattr(builder, f"Prepend{field[0]}Slot")(number, field[1], 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, offsets[number], 0)
        return int(builder.EndObject())

    return make


def _text(text: str) -> Make:
    return lambda builder: int(builder.CreateString(text))


def _floats(*values: float) -> Make:
    return lambda builder: int(builder.CreateNumpyVector(np.array(values, np.float32)))


def _vector(items: Sequence[Make]) -> Make:
    def make(builder: Any) -> int:
        offsets = [item(builder) for item in items]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    return make


def _bytes(data: bytes) -> Make:
    """Return the maker of a vector of bytes whose start is a multiple of 16, as the schema asks."""

    def make(builder: Any) -> int:
        builder.StartVector(1, len(data), 16)
        for byte in reversed(data):
            builder.PrependByte(byte)
        return int(builder.EndVector())

    return make
