from __future__ import annotations

import errno
import os
import shutil
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


def test_an_old_folder_stays_the_same_folder_with_other_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, link = tmp_path / "bundle", tmp_path / "link"
    target.mkdir()
    (target / "old").write_text("old")
    link.symlink_to("bundle")
    monkeypatch.chdir(target)
    for place in (Path(), link):
        before = target.stat().st_ino
        with whole_folder(place) as work:
            (work / "new").mkdir()
            (work / "new" / "file").write_text(str(place))
        assert target.stat().st_ino == before
        assert Path("new", "file").read_text() == str(place)
        assert _listing(target) == ["new"]
        assert _listing(tmp_path) == ["bundle", "link"]
    assert link.is_symlink()


def test_a_folder_that_cannot_be_put_in_its_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    for name in ("a", "b", "c"):
        (target / name).write_text("old")
    rename, calls = Path.rename, 0

    def fail_at_the_fifth(path: Path, to: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, to)

    with pytest.raises(OutputError, match="Input/output"), whole_folder(target) as work:
        for name in ("a", "b", "d"):
            (work / name).write_text("new")
        monkeypatch.setattr(Path, "rename", fail_at_the_fifth)
    assert {file.name: file.read_text() for file in target.iterdir()} == dict.fromkeys("abc", "old")
    assert _listing(tmp_path) == ["bundle"]


@pytest.mark.parametrize("stood", [True, False])
def test_of_two_who_make_a_folder_at_once_the_second_says_so(tmp_path: Path, stood: bool) -> None:
    target = tmp_path / "bundle"
    if stood:
        target.mkdir()
    with pytest.raises(OutputError), whole_folder(target) as late:
        (late / "file").write_text("late")
        with whole_folder(target) as work:
            (work / "file").write_text("first")
    assert (target / "file").read_text() == "first"
    assert _listing(tmp_path) == ["bundle"]


def test_what_a_killed_process_left_is_removed_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "x") as living:
        killed = [tmp_path / ".x.0123abc_", tmp_path / ".x.89abcdef"]
        killed[0].mkdir()
        (killed[0] / "half").write_text("half")
        killed[1].write_text("half")
        other = tmp_path / ".x.gitignore.txt"
        other.write_text("not ours")
        for path in (living, other, *killed):
            os.utime(path, (1, 1))
        with whole_file(tmp_path / "x.json"), whole_folder(tmp_path / "x"):
            assert not any(path.exists() for path in killed)
            assert living.exists()
        (tmp_path / "x").rmdir()
    assert other.exists()


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with whole_folder(tmp_path / "x"), whole_file(tmp_path / "y"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "y").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_a_link_or_a_stream_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    with whole_file(tmp_path / "link") as work:
        work.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "x"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with whole_file(tmp_path / "pipe") as work:
        work.write_text("through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)


def test_a_full_disk_is_named_when_a_tree_is_copied(tmp_path: Path) -> None:
    why = [("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "[Errno 28] No space left on device: 'd'")]
    with pytest.raises(OutputError, match="disk is full") as caught, whole_folder(tmp_path / "x"):
        raise shutil.Error(why)
    assert caught.value.message == "cannot write: No space left on device"
