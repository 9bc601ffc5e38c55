from __future__ import annotations

import os
from pathlib import Path

import pytest

from sdkgen.errors import OutputError
from sdkgen.files import sha256_path, size_of, whole_file, whole_folder


def _listing(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_whole_folder_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    with whole_folder(target) as work:
        (work / "a").write_text("a")
        assert not target.exists()
    assert (target / "a").read_text() == "a"
    assert _listing(target.parent) == ["bundle"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whole_folder_leaves_nothing_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), whole_folder(tmp_path / "bundle") as work:
        (work / "half").write_text("half")
        raise error
    assert _listing(tmp_path) == []


def test_whole_folder_keeps_the_old_one_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ValueError, match="no"), whole_folder(target):
        raise ValueError("no")
    assert (target / "old").read_text() == "old"
    with whole_folder(target) as work:
        (work / "new").write_text("new")
    assert _listing(target) == ["new"]
    assert _listing(tmp_path) == ["bundle"]


def test_whole_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="A file stands where a folder is needed"),
        whole_folder(tmp_path / "file" / "x"),
    ):
        pass


def test_whole_folder_when_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), whole_folder(tmp_path / "x"):
        raise OSError(28, "No space left on device")
    assert _listing(tmp_path) == []


def test_whole_folder_keeps_ordinary_permissions(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "x"):
        pass
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o755


def test_whole_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.json") as work:
        work.write_text("{}")
    assert _listing(tmp_path) == ["a.json"]
    with pytest.raises(RuntimeError), whole_file(tmp_path / "b.json") as work:
        work.write_text("half")
        raise RuntimeError
    assert _listing(tmp_path) == ["a.json"]


def test_hash_of_a_folder_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    for name, order in (("x", "ab"), ("y", "ba")):
        (tmp_path / name).mkdir()
        for letter in order:
            (tmp_path / name / letter).write_text(letter)
    os.utime(tmp_path / "x" / "a", (1, 1))
    assert sha256_path(tmp_path / "x") == sha256_path(tmp_path / "y")
    assert size_of(tmp_path / "x") == 2
    (tmp_path / "y" / "a").rename(tmp_path / "y" / "c")
    assert sha256_path(tmp_path / "x") != sha256_path(tmp_path / "y")
