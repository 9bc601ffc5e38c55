from __future__ import annotations

import io
import json
import struct
import zipfile

import pytest

from sdkgen.artifact import Layout
from sdkgen.convert.tflite import metadata
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")


class Table:
    """A table of a flatbuffer, read by the rules of the format and not by the code under test."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place
        vtable: int = place - struct.unpack_from("<i", data, place)[0]
        size = struct.unpack_from("<H", data, vtable)[0]
        self.fields = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)

    def at(self, field: int) -> int:
        assert self.fields[field], f"field {field} is absent"
        return self.place + int(self.fields[field])

    def follow(self, field: int) -> int:
        place = self.at(field)
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def number(self, field: int, kind: str) -> int:
        return int(struct.unpack_from(f"<{kind}", self.data, self.at(field))[0])

    def table(self, field: int) -> Table:
        return Table(self.data, self.follow(field))

    def bytes_of(self, field: int) -> bytes:
        start = self.follow(field)
        size = struct.unpack_from("<I", self.data, start)[0]
        return self.data[start + 4 : start + 4 + size]

    def text(self, field: int) -> str:
        return self.bytes_of(field).decode()

    def floats(self, field: int) -> list[float]:
        start = self.follow(field)
        size = struct.unpack_from("<I", self.data, start)[0]
        return list(struct.unpack_from(f"<{size}f", self.data, start + 4))

    def tables(self, field: int) -> list[Table]:
        start = self.follow(field)
        size = struct.unpack_from("<I", self.data, start)[0]
        places = [start + 4 + 4 * index for index in range(size)]
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]


def read(data: bytes) -> Table:
    assert data[4:8] == b"M001"
    return Table(data, struct.unpack_from("<I", data)[0])


def test_the_model_is_described() -> None:
    model = read(metadata.metadata(FRONT, "standard"))
    assert model.text(0) == FRONT.title
    assert model.text(4) == FRONT.weights.author
    assert model.text(5) == FRONT.weights.licence
    (graph,) = model.tables(3)
    assert [output.text(0) for output in graph.tables(3)] == ["boxes", "scores"]
    assert graph.tables(3)[0].text(1) == FRONT.outputs[0].meaning


@pytest.mark.parametrize(("name", "mean", "deviation"), [("blazeface-front", 127.5, 127.5), ("face-landmark", 0, 255)])
def test_the_input_is_an_rgb_image_with_its_normalisation(name: str, mean: float, deviation: float) -> None:
    spec = load_model(name)
    (graph,) = read(metadata.metadata(spec, "standard")).tables(3)
    (image,) = graph.tables(2)
    assert image.text(0) == "image"
    content = image.table(3)
    assert content.number(0, "B") == 2
    assert content.table(1).number(0, "B") == 1
    size = content.table(1).table(1)
    assert (size.number(0, "I"), size.number(1, "I")) == (spec.input.width, spec.input.height)
    (unit,) = image.tables(4)
    assert unit.number(0, "B") == 1
    assert unit.table(1).floats(0) == pytest.approx([mean])
    assert unit.table(1).floats(1) == pytest.approx([deviation])
    assert (image.table(5).floats(0), image.table(5).floats(1)) == ([spec.input.maximum], [spec.input.minimum])


def test_normalisation_says_what_the_spec_says() -> None:
    (graph,) = read(metadata.metadata(FRONT, "standard")).tables(3)
    options = graph.tables(2)[0].tables(4)[0].table(1)
    (mean,), (deviation,) = options.floats(0), options.floats(1)
    for byte in (0, 100, 255):
        assert (byte - mean) / deviation == pytest.approx(byte * FRONT.input.scale + FRONT.input.minimum, abs=1e-6)


@pytest.mark.parametrize("layout", ["joined", "standard"])
def test_the_anchors_digest_is_that_of_the_anchors(layout: Layout) -> None:
    (graph,) = read(metadata.metadata(FRONT, layout)).tables(3)
    (custom,) = graph.tables(9)
    assert custom.text(0) == metadata.ANCHORS
    assert json.loads(custom.bytes_of(1)) == {"count": 896, "sha256": metadata.anchors_digest(FRONT)}
    assert metadata.anchors_digest(FRONT) != metadata.anchors_digest(load_model("blazeface-full-range"))


def test_labels_name_every_number_of_an_output() -> None:
    standard, joined = metadata.labels(FRONT, "standard"), metadata.labels(FRONT, "joined")
    assert [len(text.split()) for text in standard.values()] == [16, 1]
    names = joined["predictions.txt"].split()
    assert names == [*standard["boxes.txt"].split(), "face"]
    assert names[4:6] == ["right_eye_x", "right_eye_y"]
    (graph,) = read(metadata.metadata(FRONT, "standard")).tables(3)
    assert [output.tables(6)[0].text(0) for output in graph.tables(3)] == ["boxes.txt", "scores.txt"]


def test_the_archive_is_the_same_every_time_and_any_tool_reads_it() -> None:
    files = metadata.labels(FRONT, "standard")
    assert metadata.archive(files) == metadata.archive(files)
    with zipfile.ZipFile(io.BytesIO(b"a model" + metadata.archive(files))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files
    assert metadata.archive({}) == b""
