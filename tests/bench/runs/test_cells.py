"""Rows are named so that nobody takes one for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.runs.cells import name_files
from sdkgen.errors import UsageError


def files(folder: Path, *names: str) -> list[Path]:
    made = [folder / name for name in names]
    for file in made:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(str(file).encode())
    return made


def make(name: str) -> Path:
    return Path(f"/cache/{name}.tflite")


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    made = files(tmp_path, "a/x/m.tflite", "b/x/m.tflite", "b/y/m.tflite", "other.tflite")
    found, baseline = name_files([], made, make)
    assert list(found) == ["a/x/m", "b/x/m", "y/m", "other"]
    assert list(found.values()) == [path.resolve() for path in made]
    assert baseline is None


def test_the_baseline_comes_first_and_shares_no_name(tmp_path: Path) -> None:
    old, new = files(tmp_path, "old/m.tflite", "new/m.tflite")
    assert list(name_files([], [new], make, str(old))[0]) == ["old/m", "new/m"]
    found, baseline = name_files([], [new], make, str(new))
    assert (list(found), baseline) == (["m (baseline)", "m"], "m (baseline)")
    found, baseline = name_files(["front"], [], make, "front")
    assert (list(found), baseline) == (["front (baseline)", "front"], "front (baseline)")
    assert list(name_files(["front"], [], make, "back")[0]) == ["back", "front"]


def test_a_file_is_there_and_given_once(tmp_path: Path) -> None:
    (one,) = files(tmp_path, "m.tflite")
    with pytest.raises(UsageError, match="given twice"):
        name_files([], [one, tmp_path / "." / "m.tflite"], make)
    with pytest.raises(UsageError, match="no such file"):
        name_files([], [one], make, str(tmp_path / "gone.tflite"))
