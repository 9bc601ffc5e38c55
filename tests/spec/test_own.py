from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdkgen.errors import ConvertError, SpecError
from sdkgen.spec.new import fitting_grids, propose
from sdkgen.spec.own import read_spec
from sdkgen.spec.registry import add_model, load_model
from tests.convert.tiny import Tiny

FRONT = load_model("blazeface-front")
SIDE = 32
ROWS = 4 * 4 * 2 + 2 * 2 * 6


def _detector(path: Path, *outputs: tuple[str, tuple[int, ...]], side: int = SIDE) -> Path:
    """Write a file whose outputs have these shapes; what it computes does not matter here."""
    tiny = Tiny()
    x = tiny.tensor((1, side, side, 3), name="picture")
    made = []
    for name, shape in outputs:
        y = tiny.tensor(shape, name=name)
        tiny.operation("RESHAPE", [x, tiny.constant(np.array(shape, np.int32))], [y])
        made.append(y)
    return tiny.between([x], made) and tiny.write(path)


def _propose(folder: Path, *outputs: tuple[str, tuple[int, ...]]) -> Path:
    file = _detector(folder / "own.tflite", *outputs)
    target = folder / "own.toml"
    target.write_text(propose(file, target, FRONT))
    return target


@pytest.mark.parametrize(
    ("outputs", "released", "first"),
    [
        ([("a", (1, ROWS, 12)), ("b", (1, ROWS, 1))], (("a",), ("b",)), (None, None)),
        ([("b", (1, ROWS, 1)), ("a", (1, ROWS, 12))], (("a",), ("b",)), (None, None)),
        ([("a", (1, ROWS, 12)), ("b", (1, ROWS))], (("a",), ("b",)), (None, None)),
        ([("rows", (1, ROWS, 13))], (("rows",), ("rows",)), (None, 12)),
        (
            [("s1", (1, 2, 2, 6)), ("s0", (1, 4, 4, 2)), ("b0", (1, 4, 4, 24)), ("b1", (1, 2, 2, 72))],
            (("b0", "b1"), ("s0", "s1")),
            (None, None),
        ),
    ],
)
def test_outputs_named_ordered_joined_and_apart_are_found(
    tmp_path: Path,
    outputs: list[tuple[str, tuple[int, ...]]],
    released: tuple[tuple[str, ...], ...],
    first: tuple[int | None, ...],
) -> None:
    spec = read_spec(_propose(tmp_path, *outputs))
    assert tuple(output.sources for output in spec.outputs) == released
    assert tuple(output.first for output in spec.outputs) == first
    assert spec.detector.keypoints == FRONT.detector.keypoints[:4]
    assert spec.anchor_count == ROWS


def test_every_grid_that_fits_is_listed_and_the_usual_one_is_first() -> None:
    found = list(fitting_grids(896, 128, 128))
    assert found[0] == ((8, 2), (16, 6))
    assert ((8, 3), (16, 2)) in found
    assert all(sum((128 // s) ** 2 * n for s, n in grids) == 896 for grids in found)
    assert next(iter(fitting_grids(2254, 224, 224))) == ((8, 2), (16, 2), (32, 6))
    assert list(fitting_grids(897, 128, 128)) == []


def test_outputs_that_fit_no_anchors(tmp_path: Path) -> None:
    with pytest.raises(ConvertError) as caught:
        _propose(tmp_path, ("classes", (1, 1000)))
    assert caught.value.reference == "no-anchors"
    assert "'classes' (1, 1000)" in caught.value.message


def test_a_file_without_an_image(tmp_path: Path) -> None:
    tiny = Tiny()
    tiny.operation("RELU", [x := tiny.tensor((1, 40))], [y := tiny.tensor((1, 40))])
    path = tiny.between([x], [y]) and tiny.write(tmp_path / "m.tflite")
    with pytest.raises(ConvertError) as caught:
        propose(path, tmp_path / "m.toml", FRONT)
    assert caught.value.reference == "no-image-input"


def _contradiction(target: Path, *changes: tuple[str, str]) -> SpecError:
    text = target.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    target.write_text(text)
    with pytest.raises(SpecError) as caught:
        read_spec(target)
    assert str(target) in caught.value.context
    return caught.value


def test_every_contradiction_between_spec_and_file_is_named_at_once(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    _detector(tmp_path / "own.tflite", ("a", (1, ROWS, 14)), ("c", (1, ROWS, 1)), side=64)
    error = _contradiction(target)
    assert error.reference == "spec-contradicts-file"
    assert "input is (1, 32, 32, 3), and the file takes (1, 64, 64, 3)" in error.message
    assert "there is no output 'b'" in error.message
    assert "boxes is (1, 56, 12), and the file has 'a' (1, 56, 14)" in error.message
    assert "'c' (1, 56, 1)" in error.hint


def test_contradictions_within_the_spec_are_named_at_once(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    error = _contradiction(
        target,
        ("minimum = -1.0", "minimum = 2.0"),
        ('"nose_tip", ', ""),
        ("per_cell = 2 }", "per_cell = 2, sizes = [1.0] }"),
    )
    assert "input.minimum must be below input.maximum" in error.message
    assert "detection.grids.0 has 1 sizes for 2 anchors a cell" in error.message
    assert "outputs must be" in error.message


def test_every_wrong_key_is_named(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    error = _contradiction(target, ("box_scale", "box_scal"), ('licence = ""', "licence = 3"))
    assert "detection.box_scal" in str(error)
    assert "weights.released.licence" in str(error)


@pytest.mark.parametrize(
    ("line", "cited"), [('sha256 = "' + "0" * 64 + '"', "weights.sha256"), ("bytes = 7", "weights.bytes")]
)
def test_weights_that_are_not_those_of_the_spec(tmp_path: Path, line: str, cited: str) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    error = _contradiction(target, ("[weights]", f"[weights]\n{line}"))
    assert error.context.endswith(cited)


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    (tmp_path / "own.tflite").unlink()
    error = _contradiction(target)
    assert error.context.endswith("weights.file")


def test_the_name_of_one_of_sdkgens_models_is_taken(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    target.write_text(target.read_text().replace('name = "own"', 'name = "blazeface-back"'))
    with pytest.raises(SpecError, match="is a model of sdkgen's"):
        add_model(target)


def test_an_added_model_is_known_by_its_name(tmp_path: Path) -> None:
    target = _propose(tmp_path, ("a", (1, ROWS, 12)), ("b", (1, ROWS, 1)))
    assert load_model(add_model(target)).anchor_count == ROWS
