"""The lock on the device: who holds it is told, what was changed is put back, and a killed bench gives it up."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdkgen.bench.errors import DeviceBusy, DeviceError
from sdkgen.bench.runners.programs import LiteRtRunner
from sdkgen.bench.sessions import clocks, lease
from sdkgen.bench.sessions.clocks import lock_clocks
from sdkgen.bench.sessions.lease import hold_device
from sdkgen.bench.sessions.workspace import Workspace
from tests.bench.pretend import Pretend


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path / "state"))
    folder = tmp_path / "device"
    yield folder
    end_holder(folder)


def end_holder(root: Path) -> None:
    if (root / "holder").exists():
        subprocess.run(["sh", "-c", f"kill -9 -$(cat {root}/holder)"], check=False)


def workspace(root: Path, **commands: str) -> Workspace:
    return Workspace(Pretend(None, **commands), LiteRtRunner(), str(root), f"{root}/kit", {})


def held(root: Path) -> bool:
    return subprocess.run(["flock", "-n", str(root / "lock"), "true"], check=False).returncode == 1


def as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_owner", lambda: "alice@laptop (0a1b2c3d)")


def test_the_device_is_held_as_long_as_the_block(root: Path) -> None:
    made = workspace(root)
    with hold_device(made):
        assert held(root)
        before = (root / "lease").stat().st_mtime_ns
        time.sleep(0.05)
        made.shell("true")
        assert (root / "lease").stat().st_mtime_ns > before
    assert not held(root)
    assert [one.name for one in root.iterdir()] == ["lock"]


def test_a_second_owner_is_told_who_holds_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        as_another(patch)
        first = hold_device(workspace(root))
        first.__enter__()
    with pytest.raises(DeviceBusy, match="in use by alice@laptop"), hold_device(workspace(root)):
        raise AssertionError("two at once")
    assert held(root)
    first.__exit__(None, None, None)
    with hold_device(workspace(root)):
        assert held(root)


def test_the_same_owner_takes_over_what_a_killed_bench_left(root: Path) -> None:
    (root).mkdir()
    killed = hold_device(workspace(root))  # never left
    killed.__enter__()
    (root / "undo").write_text(f"touch {root}/undone\n")
    with hold_device(workspace(root)):
        assert held(root)
        assert (root / "undone").exists()
        assert not (root / "undo").exists()


def test_a_lease_that_is_not_renewed_ends_and_puts_everything_back(root: Path) -> None:
    killed = hold_device(workspace(root))  # never left
    killed.__enter__()
    (root / "undo").write_text(f"touch {root}/undone\n")
    long_ago = time.time() - 60 * (lease.LEASE_MINUTES + 1)
    os.utime(root / "lease", (long_ago, long_ago))
    deadline = time.monotonic() + 20
    while held(root):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (root / "undone").exists()
    assert not (root / "owner").exists()


def test_a_device_without_flock_is_used_all_the_same(root: Path) -> None:
    made = workspace(root, command="return 1")
    with hold_device(made):
        assert made.lease == ""


def test_clocks_are_fixed_and_put_back_whatever_happens(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [root.parent / f"cpu{index}" / "scaling_governor" for index in (0, 1)]
    for node, governor in zip(nodes, ("schedutil", "powersave"), strict=True):
        node.parent.mkdir()
        node.write_text(f"{governor}\n")
    monkeypatch.setattr(
        clocks, "_LOCK", clocks._LOCK.replace(clocks._GOVERNORS, f"{root.parent}/cpu*/scaling_governor")
    )
    with pytest.raises(KeyboardInterrupt), lock_clocks(workspace(root, id="echo 0")):
        assert [node.read_text() for node in nodes] == ["performance\n"] * 2
        assert (root / "undo").exists()
        raise KeyboardInterrupt
    assert [node.read_text() for node in nodes] == ["schedutil\n", "powersave\n"]
    assert not (root / "undo").exists()
    for refused in (workspace(root, id="echo 2000"), workspace(root.parent / "other", id="echo 1")):
        with pytest.raises(DeviceError) as caught, lock_clocks(refused):
            raise AssertionError("nothing was fixed")
        assert caught.value.reference == "clocks-not-lockable"
        assert "--lock-clocks" in caught.value.hint


def test_androids_own_mode_comes_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = root.parent / "log"
    monkeypatch.setattr(clocks, "_LOCK", clocks._LOCK.replace("/system/bin/cmd", "/bin/sh"))
    (root.parent / "bin").mkdir()
    program = root.parent / "bin" / "cmd"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    made = workspace(root, id="echo 2000", cmd=f'echo "$@" >>{log}')
    with lock_clocks(made):
        assert log.read_text() == "power set-fixed-performance-mode-enabled true\n"
    assert log.read_text().splitlines()[-1] == "power set-fixed-performance-mode-enabled false"
