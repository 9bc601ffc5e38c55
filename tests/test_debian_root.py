from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import debian_root


def test_command_line_binds_before_it_enters(tmp_path: Path) -> None:
    root, source = tmp_path / "root", tmp_path / "data"
    for folder in (root / "proc", root / "dev", root / "sys", root / "inside", source):
        folder.mkdir(parents=True)
    line = debian_root.wrap(root, ["ls", "/inside"], binds={source: "/inside"}, env={"A": "b c"}, cwd="/inside")
    assert line[0] == "unshare"
    assert str(source) in line
    assert line.index(str(source)) < line.index("/usr/bin/env")
    assert "A=b c" in line
    assert line[-2:] == ["ls", "/inside"]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs Linux and the rights of root"
)
def test_command_sees_what_is_bound_and_leaves_nothing(tmp_path: Path) -> None:
    root, folder, file = tmp_path / "root", tmp_path / "data", tmp_path / "file"
    for inside in ("proc", "dev", "sys", "tmp", "usr"):
        (root / inside).mkdir(parents=True)
    for link in ("bin", "lib", "lib64", "sbin"):
        (root / link).symlink_to(f"usr/{link}")
    folder.mkdir()
    file.write_text("one file")
    script = 'echo left >/tmp/left && cat /tmp/a/file && pwd && echo "$A" >out'
    done = debian_root.run_in(
        root,
        ["sh", "-c", script],
        binds={Path("/usr"): "/usr", folder: "/tmp/data", file: "/tmp/a/file"},
        env={"A": "b c"},
        cwd="/tmp/data",
    )
    assert done.stdout == "one file/tmp/data\n"
    assert (folder / "out").read_text() == "b c\n"
    assert list((root / "tmp").iterdir()) == []


def test_failed_root_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDKGEN_CACHE", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/mmdebstrap")

    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "mmdebstrap":
            return subprocess.CompletedProcess(command, 25, "", "E: no network")
        Path(command[-1]).rmdir()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("subprocess.run", fail)
    with pytest.raises(debian_root.RootError, match="no network"):
        debian_root.debian_root("x", ["nothing"])
    assert [p for p in (tmp_path / "roots").iterdir() if p.is_dir()] == []


def test_same_packages_in_another_order_are_the_same_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDKGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(debian_root, "_make", lambda target, _packages: target.mkdir())
    assert debian_root.debian_root("x", ["a", "b"]) == debian_root.debian_root("x", ["b", "a", "a"])
    assert debian_root.debian_root("x", ["a"]) != debian_root.debian_root("x", ["a", "b"])
