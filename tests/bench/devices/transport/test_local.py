"""This machine as a device."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sdkgen.bench.devices import transport
from sdkgen.bench.devices.transport import local
from sdkgen.bench.devices.transport.local import Local
from sdkgen.bench.errors import DeviceError, DeviceFull, TransportTimeout

LOCAL = Local()


def test_exit_code_and_streams() -> None:
    done = LOCAL.shell("echo out; echo err >&2; exit 3")
    assert (done.exit_code, done.stdout, done.stderr, done.text) == (3, b"out\n", b"err\n", "out")
    assert LOCAL.shell("kill -9 $$").exit_code == 137
    assert LOCAL.shell("cat").stdout == b""


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TransportTimeout):
        LOCAL.shell(f"(sleep 2; touch {tmp_path}/late) & sleep 30", timeout=0.3)
    assert time.monotonic() - started < 2
    time.sleep(2.2)
    assert not (tmp_path / "late").exists()


def test_a_detached_process_outlives_the_call(tmp_path: Path) -> None:
    started = time.monotonic()
    LOCAL.shell(f"setsid sh -c 'sleep 0.5; echo done > {tmp_path}/result' </dev/null >/dev/null 2>&1 &")
    assert time.monotonic() - started < 0.4
    time.sleep(1)
    assert (tmp_path / "result").read_text() == "done\n"


def test_files_come_and_go_whole(tmp_path: Path) -> None:
    source = tmp_path / "a file"
    source.write_bytes(os.urandom(100_000))
    target = tmp_path / "new folder" / "it's $HOME"
    LOCAL.push(source, str(target), 0o755)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o755
    LOCAL.pull(str(target), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert sorted(path.name for path in target.parent.iterdir()) == [target.name]


def test_a_missing_file_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        LOCAL.pull(str(tmp_path / "nothing"), tmp_path / "back")
    assert caught.value.reference == "no-such-file"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(DeviceFull):
        LOCAL._copy(source, "/dev/full")


def test_local_is_always_listed_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path))
    found = transport.connected("direct")
    assert (found[-1].serial, found[-1].kind) == ("local", "local")
    assert isinstance(found[-1].open(), Local)
    assert isinstance(transport.open_device("local"), Local)
    assert "local" not in [one.serial for one in transport.connected("direct", local=False)]


def test_a_command_that_prints_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_OUTPUT", 1 << 20)
    for stream in ("", " >&2"):
        with pytest.raises(DeviceError, match="without end") as caught:
            Local().shell(f"yes{stream}")
        assert caught.value.reference == "device-floods"
